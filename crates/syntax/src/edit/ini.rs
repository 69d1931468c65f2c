//! Edits of ini and `.env` files.

use super::properties::{append_line, bom, flat, insert_line};
use super::site::{Site, Writer};
use super::{Change, EditError, lines};
use crate::document::{Entry, Item, ItemKind, Layout};

pub(super) struct Ini;
pub(super) struct Env;

/// The text between name and value of a nearby entry.
fn separator(site: &Site<'_>, near: Option<&Entry>, entries: &[Entry]) -> String {
    near.into_iter()
        .chain(entries)
        .find(|e| e.value.layout != Layout::Empty)
        .and_then(|e| site.text().get(e.key_span.end..e.value.span.start))
        .filter(|s| s.trim_matches([' ', '\t']) == "=")
        .unwrap_or("=")
        .to_owned()
}

fn one_line(site: &Site<'_>, text: &str) -> Result<(), EditError> {
    if text.contains(['\n', '\r']) {
        return Err(site.cannot_hold("a value is one line"));
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(site.cannot_hold("a value has no control characters"));
    }
    Ok(())
}

/// A value in the notation of ini files.
fn ini_value(site: &Site<'_>, text: &str, wanted: Layout) -> Result<String, EditError> {
    one_line(site, text)?;
    let quoted = |quote: char| (!text.contains(quote)).then(|| format!("{quote}{text}{quote}"));
    let quotes = match wanted {
        Layout::Single => quoted('\'').or_else(|| quoted('"')),
        Layout::Double => quoted('"').or_else(|| quoted('\'')),
        _ => None,
    };
    if let Some(value) = quotes {
        return Ok(value);
    }
    let remark = text.starts_with([';', '#']) || [" ;", " #", "\t;", "\t#"].iter().any(|m| text.contains(m));
    let in_quotes = ['"', '\'']
        .iter()
        .any(|q| text.starts_with(*q) && text.ends_with(*q));
    if text.trim() == text && !remark && !in_quotes {
        return Ok(text.to_owned());
    }
    // A comment sign inside quotes is still one.
    let value = if remark {
        None
    } else {
        quoted('"').or_else(|| quoted('\''))
    };
    value.ok_or_else(|| site.cannot_hold("it contains a comment sign after a blank, or both kinds of quotes"))
}

fn ini_name(site: &Site<'_>, name: &str) -> Result<(), EditError> {
    let bad = name.trim() != name
        || name.is_empty()
        || name.starts_with([';', '#', '[', '%', '\u{feff}'])
        || name.contains('=')
        || name.chars().any(char::is_control);
    if bad {
        return Err(site.cannot_hold(format!("`{name}` is not a valid name of a setting")));
    }
    Ok(())
}

impl Writer for Ini {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        if site.path.len() < 2 {
            return Err(site.unsupported("a whole section cannot be replaced; edit its settings"));
        }
        flat(site, new)?;
        let item = site.item();
        let value = ini_value(site, &new.text, item.layout)?;
        Ok(vec![Change::new(item.span.clone(), value)])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        let (text, item) = (site.text(), site.item());
        let name = key.unwrap_or_default();
        if site.path.is_empty() {
            return section(site, index, name, new);
        }
        flat(site, new)?;
        ini_name(site, name)?;
        let near = index
            .checked_sub(1)
            .and_then(|i| item.entries.get(i))
            .or(item.entries.first());
        let root = &site.doc.roots[0];
        let all: Vec<Entry> = root
            .entries
            .iter()
            .flat_map(|e| e.value.entries.clone())
            .collect();
        let line = format!(
            "{name}{}{}",
            separator(site, near, &all),
            ini_value(site, &new.text, Layout::Plain)?
        );
        if index == 0 {
            // Directly below the header, or before the first setting if there is none.
            let header = site.entry().map(|e| e.key_span.clone()).filter(|h| !h.is_empty());
            if let (Some(header), true) = (header, item.entries.is_empty()) {
                let at = lines::end(text, header.end);
                return Ok(vec![Change::insert(
                    at,
                    format!("{}{line}", lines::newline(text, at)),
                )]);
            }
        }
        Ok(vec![insert_line(site, &item.entries, index, &line)])
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        let text = site.text();
        if site.path.len() >= 2 {
            let only = site.parent().is_some_and(|(p, _)| p.item().entries.len() == 1);
            let nameless = site
                .parent()
                .and_then(|(p, _)| p.entry().map(|e| e.key_span.is_empty()));
            if only && nameless == Some(true) {
                return Err(site.unsupported("the last setting before the first section; delete it by hand"));
            }
            return Ok(vec![lines::delete(text, entry.span.clone())]);
        }
        // Settings of a section that occurs twice are apart; the text between them must stay.
        let headers = text.lines().filter(|line| {
            let line = line.trim_start_matches('\u{feff}').trim_start();
            let name = line.strip_prefix('[').and_then(|rest| rest.split(']').next());
            name.zip(entry.key.as_deref())
                .is_some_and(|(name, key)| name.trim().eq_ignore_ascii_case(key))
        });
        let split = headers.count() > 1;
        if split {
            return Err(
                site.unsupported("the section occurs in several places; delete its settings one by one")
            );
        }
        Ok(vec![lines::delete(text, entry.span.clone())])
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        if site.path.len() < 2 {
            return Err(site.unsupported("sections cannot be renamed: one may occur in several places"));
        }
        ini_name(site, name)?;
        Ok(vec![Change::new(entry.key_span.clone(), name)])
    }
}

/// A new section.
fn section(site: &Site<'_>, index: usize, name: &str, new: &mut Item) -> Result<Vec<Change>, EditError> {
    let text = site.text();
    let entries = &site.item().entries;
    if new.kind != ItemKind::Map {
        return Err(site.cannot_hold("at the top of a file are sections: give a map of settings"));
    }
    if name.trim() != name
        || name.is_empty()
        || name.contains([']', '['])
        || name.chars().any(char::is_control)
    {
        return Err(site.cannot_hold(format!("`{name}` is not a valid name of a section")));
    }
    if index < entries.len() {
        return Err(site.unsupported("a new section goes to the end of the file: append it"));
    }
    let all: Vec<Entry> = entries.iter().flat_map(|e| e.value.entries.clone()).collect();
    let sep = separator(site, None, &all);
    let nl = lines::newline(text, text.len());
    let mut lines = vec![format!("[{name}]")];
    for entry in &new.entries {
        flat(site, &entry.value)?;
        let key = entry.key.as_deref().unwrap_or_default();
        ini_name(site, key)?;
        lines.push(format!(
            "{key}{sep}{}",
            ini_value(site, &entry.value.text, Layout::Plain)?
        ));
    }
    let blank = if text.len() > bom(text) && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
        nl
    } else {
        ""
    };
    let mut change = append_line(text, &lines.join(nl));
    // A blank line before the header.
    if !blank.is_empty() {
        change
            .text
            .insert_str(if text.ends_with('\n') { 0 } else { nl.len() }, blank);
    }
    Ok(vec![change])
}

/// A value in the notation of `.env` files.
fn env_value(site: &Site<'_>, text: &str, wanted: Layout) -> Result<String, EditError> {
    if text.contains('\r') || text.chars().any(|c| c.is_control() && c != '\t' && c != '\n') {
        return Err(site.cannot_hold("a value has no control characters"));
    }
    let single = || (!text.contains(['\'', '\n'])).then(|| format!("'{text}'"));
    let double = || {
        let mut out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' | '$' | '`' => {
                    out.push('\\');
                    out.push(c);
                }
                '\n' => out.push_str("\\n"),
                c => out.push(c),
            }
        }
        out.push('"');
        out
    };
    let bare = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '@' | '+' | '%' | '=')
    };
    Ok(match wanted {
        Layout::Double => double(),
        Layout::Single => single().unwrap_or_else(double),
        _ if text.chars().all(bare) => text.to_owned(),
        _ if text.contains(['$', '`', '\\']) => single().unwrap_or_else(double),
        _ => double(),
    })
}

fn env_name(site: &Site<'_>, name: &str) -> Result<(), EditError> {
    let fits = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if fits {
        Ok(())
    } else {
        Err(site.cannot_hold(format!("`{name}` is not a valid name of a variable")))
    }
}

impl Writer for Env {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        flat(site, new)?;
        if site.path.is_empty() {
            return Err(site.unsupported("a whole file cannot be replaced; edit its entries"));
        }
        let item = site.item();
        let value = env_value(site, &new.text, item.layout)?;
        Ok(vec![Change::new(item.span.clone(), value)])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        flat(site, new)?;
        let name = key.unwrap_or_default();
        env_name(site, name)?;
        let (text, entries) = (site.text(), &site.item().entries);
        let near = index
            .checked_sub(1)
            .and_then(|i| entries.get(i))
            .or(entries.first());
        // `export ` and similar prefixes, as the neighbour has them.
        let prefix = near.map_or("", |e| {
            text[lines::start(text, e.key_span.start)..e.key_span.start].trim_start_matches('\u{feff}')
        });
        let wanted = near.map_or(Layout::Plain, |e| e.value.layout);
        let value = env_value(site, &new.text, wanted)?;
        let sep = separator(site, near, entries);
        Ok(vec![insert_line(
            site,
            entries,
            index,
            &format!("{prefix}{name}{sep}{value}"),
        )])
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let entry = site.entry().map(|e| e.span.clone());
        Ok(entry.map(|e| lines::delete(site.text(), e)).into_iter().collect())
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        env_name(site, name)?;
        let entry = site.entry().map(|e| e.key_span.clone());
        Ok(entry.map(|span| Change::new(span, name)).into_iter().collect())
    }
}
