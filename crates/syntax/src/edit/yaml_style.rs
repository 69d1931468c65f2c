//! The style of a YAML file: indentation, dashes, quotes; and values in that style.

use super::scalar::{is_printable, yaml_double, yaml_plain, yaml_single};
use super::{EditError, lines, site::Site};
use crate::document::{Item, ItemKind, Layout, plain_kind};

/// The style of a file, as far as it is visible.
pub(super) struct Style {
    /// Columns from a map to a map below it.
    pub(super) step: usize,
    /// Columns from a key to the dashes of the list below it.
    dash: usize,
    /// Columns from a dash to the text after it.
    wide: usize,
    /// Quotes if some are needed.
    quote: Layout,
    /// The blank after the brace of a map in brackets.
    pad: &'static str,
    /// Whether text may be written as a block of lines.
    pub(super) blocks: bool,
    pub(super) nl: &'static str,
}

/// The parent of a value, with its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    Key(usize),
    Dash(usize),
}

impl Under {
    pub(super) fn column(self) -> usize {
        match self {
            Under::Key(column) | Under::Dash(column) => column,
        }
    }
}

/// The most frequent of the values that `count` saw; the smaller of equally frequent ones.
fn most_frequent(count: &[(usize, usize)]) -> Option<usize> {
    count
        .iter()
        .max_by_key(|(value, times)| (*times, usize::MAX - value))
        .map(|(value, _)| *value)
}

fn add(count: &mut Vec<(usize, usize)>, value: usize) {
    match count.iter_mut().find(|(v, _)| *v == value) {
        Some((_, times)) => *times += 1,
        None => count.push((value, 1)),
    }
}

impl Style {
    /// The style of the document of a site; that of the whole file for details that the document does not
    /// show.
    pub(super) fn of(site: &Site<'_>) -> Style {
        let text = site.text();
        let column = |at: usize| lines::column(text, at);
        let (mut steps, mut dashes, mut widths) = (Vec::new(), Vec::new(), Vec::new());
        let (mut single, mut double, mut padded, mut tight) = (0, 0, 0, 0);
        let here = site.doc.roots.get(site.route.document);
        for root in here.into_iter().chain(&site.doc.roots) {
            root.visit(&mut |item| {
                match item.layout {
                    Layout::Single => single += 1,
                    Layout::Double => double += 1,
                    Layout::Flow if item.kind == ItemKind::Map && !item.entries.is_empty() => {
                        let space = text[item.span.start + 1..].starts_with(' ');
                        *(if space { &mut padded } else { &mut tight }) += 1;
                    }
                    _ => {}
                }
                if item.layout != Layout::Lines {
                    return;
                }
                for entry in item.entries.iter().filter(|e| e.key.is_none()) {
                    let (dash, value) = (entry.span.start, entry.value.span.start);
                    if value > dash && lines::start(text, value) <= dash && entry.value.props_end.is_none() {
                        add(&mut widths, value - dash);
                    }
                }
                if item.kind != ItemKind::Map {
                    return;
                }
                for entry in &item.entries {
                    let value = &entry.value;
                    let apart = lines::start(text, value.span.start) > entry.span.start;
                    if value.layout != Layout::Lines || !apart {
                        continue;
                    }
                    let (key, below) = (column(entry.span.start), column(value.span.start));
                    match value.kind {
                        ItemKind::List if below >= key => add(&mut dashes, below - key),
                        _ if below > key => add(&mut steps, below - key),
                        _ => {}
                    }
                }
            });
            if !steps.is_empty() {
                break;
            }
        }
        let step = most_frequent(&steps).unwrap_or(2);
        Style {
            step,
            dash: most_frequent(&dashes).unwrap_or(step),
            wide: most_frequent(&widths).unwrap_or(2).clamp(2, 9),
            quote: if single > double {
                Layout::Single
            } else {
                Layout::Double
            },
            pad: if padded > tight { " " } else { "" },
            blocks: true,
            nl: lines::newline(text, site.at()),
        }
    }

    /// Column of the entries of a collection, or of the lines of a text block.
    pub(super) fn below(&self, under: Under, kind: ItemKind) -> usize {
        match (under, kind) {
            (Under::Dash(column), _) => column + self.wide,
            (Under::Key(column), ItemKind::List) => column + self.dash,
            (Under::Key(column), _) => column + self.step,
        }
    }

    /// Text with the necessary quotes, or the requested ones.
    pub(super) fn string(&self, text: &str, wanted: Layout, flow: bool) -> String {
        match wanted {
            Layout::Double => yaml_double(text),
            Layout::Single => yaml_single(text).unwrap_or_else(|| yaml_double(text)),
            _ if yaml_plain(text, flow) => text.to_owned(),
            _ if self.quote == Layout::Single => self.string(text, Layout::Single, flow),
            _ => yaml_double(text),
        }
    }

    /// A scalar on one line.
    pub(super) fn scalar(
        &self,
        site: &Site<'_>,
        item: &Item,
        wanted: Layout,
        flow: bool,
    ) -> Result<String, EditError> {
        Ok(match item.kind {
            ItemKind::Null => "null".to_owned(),
            ItemKind::Bool => item.text.to_string(),
            ItemKind::Number if plain_kind(&item.text) == ItemKind::Number => item.text.to_string(),
            ItemKind::Number => {
                return Err(site.cannot_hold(format!("`{}` is not a valid number", item.text)));
            }
            // Under a tag, which defines its type.
            ItemKind::Text if item.layout == Layout::Empty => item.text.to_string(),
            ItemKind::Text => self.string(&item.text, wanted, flow),
            ItemKind::List if item.entries.is_empty() => "[]".to_owned(),
            ItemKind::Map if item.entries.is_empty() => "{}".to_owned(),
            ItemKind::List | ItemKind::Map => return self.brackets(site, item, wanted),
            kind => return Err(site.cannot_hold(format!("it has no {}", bare(kind)))),
        })
    }

    /// A key with its colon.
    pub(super) fn key(
        &self,
        site: &Site<'_>,
        key: &str,
        wanted: Layout,
        flow: bool,
    ) -> Result<String, EditError> {
        // Longer keys need a `?`, which few readers know.
        if key.len() > 1000 {
            return Err(site.cannot_hold("a key is at most 1000 bytes long"));
        }
        Ok(format!("{}:", self.string(key, wanted, flow)))
    }

    fn brackets(&self, site: &Site<'_>, item: &Item, wanted: Layout) -> Result<String, EditError> {
        let mut parts = Vec::new();
        for entry in &item.entries {
            let value = self.scalar(site, &entry.value, wanted, true)?;
            parts.push(match &entry.key {
                Some(key) => format!("{} {value}", self.key(site, key, Layout::Plain, true)?),
                None => value,
            });
        }
        let inner = parts.join(", ");
        Ok(match item.kind {
            ItemKind::Map => format!("{{{}{inner}{}}}", self.pad, self.pad),
            _ => format!("[{inner}]"),
        })
    }

    /// The entries of a collection on lines of their own; the first line without its indentation.
    pub(super) fn entries(
        &self,
        site: &Site<'_>,
        item: &Item,
        column: usize,
        wanted: Layout,
    ) -> Result<String, EditError> {
        let mut out = Vec::new();
        for entry in &item.entries {
            out.push(match &entry.key {
                Some(key) => {
                    let key = self.key(site, key, Layout::Plain, false)?;
                    key + &self.after(site, &entry.value, Under::Key(column), wanted)?
                }
                None => "-".to_owned() + &self.after(site, &entry.value, Under::Dash(column), wanted)?,
            });
        }
        Ok(out.join(&format!("{}{}", self.nl, " ".repeat(column))))
    }

    /// A value after the colon of a key or after a dash.
    pub(super) fn after(
        &self,
        site: &Site<'_>,
        item: &Item,
        under: Under,
        wanted: Layout,
    ) -> Result<String, EditError> {
        let below = self.below(under, item.kind);
        let gap = match under {
            Under::Dash(_) => " ".repeat(self.wide - 1),
            Under::Key(_) => " ".to_owned(),
        };
        if item.is_collection() && !item.entries.is_empty() {
            let entries = self.entries(site, item, below, wanted)?;
            return Ok(match under {
                Under::Dash(_) => format!("{gap}{entries}"),
                Under::Key(_) => format!("{}{}{entries}", self.nl, " ".repeat(below)),
            });
        }
        if item.kind == ItemKind::Text
            && self.blocks
            && let Some((mark, lines)) = block(&item.text)
        {
            return Ok(format!("{gap}{mark}{}", self.block_lines(&lines, below)));
        }
        Ok(format!("{gap}{}", self.scalar(site, item, wanted, false)?))
    }

    /// The lines of a block scalar, each with the line break before it.
    pub(super) fn block_lines(&self, lines: &[&str], column: usize) -> String {
        let mut out = String::new();
        for line in lines {
            out.push_str(self.nl);
            if !line.is_empty() {
                out.push_str(&" ".repeat(column));
                out.push_str(line);
            }
        }
        out
    }
}

/// Whether the next non-empty line after the line of `at` is a comment deeper than `column`: it would become
/// a line of a text block that ends there.
pub(super) fn deep_comment_follows(text: &str, at: usize, column: usize) -> bool {
    text[lines::end(text, at)..]
        .lines()
        .skip(1)
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| {
            let body = line.trim_start_matches([' ', '\t']);
            body.starts_with('#') && line.len() - body.len() > column
        })
}

fn bare(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Block => "blocks",
        _ => "expressions",
    }
}

/// Header and lines of text as a block scalar that keeps lines; `None` for text of one line, and for text for
/// which indentation alone is not enough.
pub(super) fn block(text: &str) -> Option<(&'static str, Vec<&str>)> {
    let (body, mark) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    let fits = !body.is_empty()
        && !body.starts_with([' ', '\t', '\n', '#'])
        && !body.ends_with('\n')
        && text.contains('\n')
        && body.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        // A line of blanks alone could be deeper than the text.
        && body.split('\n').all(|line| line.is_empty() || !line.trim_matches([' ', '\t']).is_empty());
    fits.then(|| (mark, body.split('\n').collect()))
}

/// How the text around a place is quoted, for new text: like most of the text in `item` that would need no
/// quotes.
pub(super) fn habit(item: &Item) -> Option<Layout> {
    let (mut plain, mut single, mut double) = (0, 0, 0);
    item.visit(&mut |i| {
        if i.kind == ItemKind::Text && i.tag.is_none() {
            match i.layout {
                Layout::Plain => plain += 1,
                Layout::Single if yaml_plain(&i.text, false) => single += 1,
                Layout::Double if yaml_plain(&i.text, false) => double += 1,
                _ => {}
            }
        }
    });
    match (plain, single, double) {
        (0, 0, 0) => None,
        (p, s, d) if p >= s + d => Some(Layout::Plain),
        (_, s, d) if s > d => Some(Layout::Single),
        _ => Some(Layout::Double),
    }
}
