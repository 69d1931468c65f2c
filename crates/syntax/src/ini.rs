//! Ini files, with the extensions of PgBouncer's own dialect: `;` and `#` comments, `%include`, connection
//! strings as values, quotes doubled inside quotes.

use crate::flat::Entry;
use crate::source::{FileId, Span, Spanned};

/// A section of an ini file.
#[derive(Debug, Clone)]
pub struct Section {
    /// Name between the brackets; empty for the settings before the first.
    pub name: String,
    /// Place of the name.
    pub span: Span,
    /// Its settings in the order written.
    pub settings: Vec<Entry>,
}

/// An ini file.
#[derive(Debug, Clone, Default)]
pub struct Ini {
    /// Sections in the order written. One that occurs twice is one.
    pub sections: Vec<Section>,
    /// Files that `%include` names.
    pub includes: Vec<Spanned<String>>,
}

impl Ini {
    /// The section with this name, case-insensitively.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name.eq_ignore_ascii_case(name))
    }
}

impl Section {
    /// The value of a setting; the last of equal ones counts.
    pub fn get(&self, name: &str) -> Option<&Spanned<String>> {
        self.settings
            .iter()
            .rev()
            .find(|s| s.name.eq_ignore_ascii_case(name))
            .map(|s| &s.value)
    }
}

/// Reads an ini file. `base` is the byte at which `text` begins in `file`. Lines that are neither a section,
/// a setting nor a comment are skipped.
pub fn read(text: &str, file: FileId, base: usize) -> Ini {
    let mut ini = Ini::default();
    let mut current = None;
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let start = at;
        at += raw.len();
        let line = raw.trim_end();
        let body = line.trim_start().trim_start_matches('\u{feff}');
        let body_at = start + line.len() - body.len();
        let span = |from: usize, length: usize| Span::new(file, base + from, base + from + length);
        if body.is_empty() || body.starts_with([';', '#']) {
            continue;
        }
        if let Some(path) = body.strip_prefix("%include") {
            let path = path.trim();
            let from = body_at + body.len() - path.len();
            ini.includes
                .push(Spanned::new(path.to_owned(), span(from, path.len())));
        } else if let Some(name) = body.strip_prefix('[').and_then(|b| b.split(']').next()) {
            current = Some(open(&mut ini, name.trim(), span(body_at, body.len())));
        } else if let Some((name, value)) = body.split_once('=') {
            let name = name.trim();
            let (text, trimmed) = value_of(value);
            let value_at = body_at + body.len() - value.trim_start().len();
            let index = *current.get_or_insert_with(|| open(&mut ini, "", span(body_at, 0)));
            if !name.is_empty() {
                ini.sections[index].settings.push(Entry {
                    name: name.to_owned(),
                    name_span: span(body_at, name.len()),
                    value: Spanned::new(text, span(value_at, trimmed)),
                });
            }
        }
    }
    ini
}

/// Index of the section with this name, created if there is none yet.
fn open(ini: &mut Ini, name: &str, span: Span) -> usize {
    let known = ini
        .sections
        .iter()
        .position(|s| s.name.eq_ignore_ascii_case(name));
    known.unwrap_or_else(|| {
        ini.sections.push(Section {
            name: name.to_owned(),
            span,
            settings: Vec::new(),
        });
        ini.sections.len() - 1
    })
}

/// The value and how many bytes of the text it takes: a comment after a blank is not part of it, quotes
/// around the whole of it are removed.
fn value_of(raw: &str) -> (String, usize) {
    let raw = raw.trim();
    let cut = raw
        .char_indices()
        .find(|(i, c)| matches!(c, ';' | '#') && (*i == 0 || raw[..*i].ends_with([' ', '\t'])))
        .map_or(raw.len(), |(i, _)| i);
    let value = raw[..cut].trim_end();
    let bare = ['"', '\'']
        .iter()
        .find_map(|q| {
            value
                .strip_prefix(*q)?
                .strip_suffix(*q)
                .filter(|v| !v.contains(*q))
        })
        .unwrap_or(value);
    (bare.to_owned(), value.len())
}

/// Parses a libpq connection string (`host=db port=5432 password='a b'`), as in PgBouncer's `[databases]`:
/// names in lower case, and values without their quotes.
pub fn connection_string(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = if let Some(quoted) = after.strip_prefix('\'') {
            let mut value = String::new();
            let mut chars = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, c)) = chars.next() {
                if c == '\'' && chars.peek().is_some_and(|(_, n)| *n == '\'') {
                    value.push('\'');
                    chars.next();
                } else if c == '\'' {
                    end = at + 1;
                    break;
                } else {
                    value.push(c);
                }
            }
            (value, &quoted[end..])
        } else {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            (after[..end].to_owned(), &after[end..])
        };
        let name = name.trim().rsplit(char::is_whitespace).next().unwrap_or_default();
        found.push((name.to_ascii_lowercase(), value));
        rest = next.trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = ";; remark\n%include /etc/pgbouncer/users.ini\n[databases]\norders = host=db.internal port=5432 pool_size=20\n* = host=other\n\n[pgbouncer]\npool_mode = transaction ; per transaction\nmax_client_conn=1000\n";

    #[test]
    fn sections_settings_and_includes_are_read() {
        let ini = read(TEXT, FileId(0), 0);
        assert_eq!(ini.includes[0].value, "/etc/pgbouncer/users.ini");
        assert_eq!(ini.section("databases").unwrap().settings.len(), 2);
        let pgbouncer = ini.section("PgBouncer").unwrap();
        assert_eq!(pgbouncer.get("pool_mode").unwrap().value, "transaction");
        let span = pgbouncer.get("max_client_conn").unwrap().span;
        assert_eq!(&TEXT[span.start as usize..span.end as usize], "1000");
        let span = ini.section("databases").unwrap().settings[0].value.span;
        assert_eq!(
            &TEXT[span.start as usize..span.end as usize],
            "host=db.internal port=5432 pool_size=20"
        );
    }

    #[test]
    fn a_repeated_section_is_one_and_the_last_value_wins() {
        let ini = read("[a]\nx=1\n[b]\n[A]\nx='2'\n", FileId(0), 0);
        assert_eq!(ini.sections.len(), 2);
        assert_eq!(ini.section("a").unwrap().get("x").unwrap().value, "2");
    }

    #[test]
    fn connection_strings_are_split() {
        let found = connection_string("host=db port = 5432 password='it''s a' dbname=x");
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            found,
            [
                ("host", "db"),
                ("port", "5432"),
                ("password", "it's a"),
                ("dbname", "x")
            ]
        );
        assert!(connection_string("").is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_spans_stay_inside(text in "[a-c\\[\\]=%'\";#\\n\\r \\té]{0,60}") {
            let ini = read(&text, FileId(0), 0);
            for setting in ini.sections.iter().flat_map(|s| &s.settings) {
                let span = setting.value.span;
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
            }
            connection_string(&text);
        }
    }
}
