//! Edits of JSON.

use super::flow::Brackets;
use super::scalar::json;
use super::site::{Site, Writer};
use super::{Change, EditError, lines};
use crate::document::{Item, ItemKind, Layout, is_json_number};

pub(super) struct Json;

/// The style of a file.
struct Style {
    /// The indentation of a level; `None` if everything is on one line.
    step: Option<String>,
    /// Between a key and its value.
    colon: String,
    /// After a comma on a line.
    space: &'static str,
    nl: &'static str,
}

impl Style {
    fn of(site: &Site<'_>) -> Style {
        let text = site.text();
        let (mut step, mut colon, mut space) = (None, None, None);
        for root in &site.doc.roots {
            root.visit(&mut |item| {
                for (index, entry) in item.entries.iter().enumerate() {
                    if entry.key.is_some() && colon.is_none() {
                        let between = &text[entry.key_span.end..entry.value.span.start];
                        colon = between.trim_matches(' ').eq(":").then(|| between.to_owned());
                    }
                    let start = entry.span.start;
                    if lines::begins(text, start) {
                        let outer = lines::indent(text, item.span.start);
                        if step.is_none() {
                            step = lines::indent(text, start).strip_prefix(outer).map(str::to_owned);
                        }
                    } else if index > 0 && space.is_none() {
                        let end = item.entries[index - 1].span.end;
                        space = Some(if text[end..start].ends_with(',') { "" } else { " " });
                    }
                }
            });
        }
        let colon = colon.unwrap_or_else(|| ": ".to_owned());
        let space = space.unwrap_or(if colon == ":" { "" } else { " " });
        Style {
            step: step.filter(|s| !s.is_empty()),
            colon,
            space,
            nl: lines::newline(text, site.at()),
        }
    }

    /// A value; on several lines if it begins at an indentation.
    fn value(&self, site: &Site<'_>, item: &Item, indent: Option<&str>) -> Result<String, EditError> {
        Ok(match item.kind {
            ItemKind::Null => "null".to_owned(),
            ItemKind::Bool => item.text.to_string(),
            ItemKind::Number if is_json_number(&item.text) => item.text.to_string(),
            ItemKind::Number => {
                return Err(site.cannot_hold(format!("`{}` is not a valid number in JSON", item.text)));
            }
            ItemKind::Text => json(&item.text),
            ItemKind::List | ItemKind::Map => {
                let deeper = indent
                    .zip(self.step.as_deref())
                    .map(|(i, step)| format!("{i}{step}"));
                let mut parts = Vec::new();
                for entry in &item.entries {
                    parts.push(self.entry(site, entry.key.as_deref(), &entry.value, deeper.as_deref())?);
                }
                let (open, close) = if item.kind == ItemKind::Map {
                    ('{', '}')
                } else {
                    ('[', ']')
                };
                match (deeper, indent) {
                    (Some(deeper), Some(indent)) if !parts.is_empty() => {
                        let nl = self.nl;
                        let inner = parts.join(&format!(",{nl}{deeper}"));
                        format!("{open}{nl}{deeper}{inner}{nl}{indent}{close}")
                    }
                    _ => format!("{open}{}{close}", parts.join(&format!(",{}", self.space))),
                }
            }
            kind => return Err(site.cannot_hold(format!("it has no {}", kind.name()))),
        })
    }

    fn entry(
        &self,
        site: &Site<'_>,
        key: Option<&str>,
        value: &Item,
        indent: Option<&str>,
    ) -> Result<String, EditError> {
        let value = self.value(site, value, indent)?;
        Ok(match key {
            Some(key) => format!("{}{}{value}", json(key), self.colon),
            None => value,
        })
    }
}

impl Writer for Json {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        let style = Style::of(site);
        // On several lines only if the entry has its own line.
        let own_line = lines::begins(site.text(), site.at());
        let indent = own_line.then(|| lines::indent(site.text(), site.at()));
        let value = style.value(site, new, indent)?;
        Ok(vec![Change::new(site.item().span.clone(), value)])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        let style = Style::of(site);
        let item = site.item();
        let mut brackets = Brackets::new(site.doc, item);
        if item.entries.len() < 2 {
            brackets.space = style.space;
        }
        if let Some(step) = &style.step
            && (lines::begins(site.text(), site.at()) || site.entry().is_none())
        {
            brackets.expand = Some(format!("{}{step}", lines::indent(site.text(), item.span.start)));
        }
        // Steps that may fail come before it is written.
        style.entry(site, key, new, None)?;
        Ok(brackets.insert(index, &|indent| {
            style.entry(site, key, new, indent).unwrap_or_default()
        }))
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let (parent, index) = site.in_parent("delete it")?;
        Ok(Brackets::new(site.doc, parent.item()).delete(index))
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        let entry = site.entry().filter(|e| e.value.layout != Layout::Pair);
        Ok(entry
            .map(|e| Change::new(e.key_span.clone(), json(name)))
            .into_iter()
            .collect())
    }
}
