//! Edits of HCL.

use super::flow::Brackets;
use super::properties::{append_line, bom};
use super::scalar::json;
use super::site::{Site, Writer};
use super::toml::{delete_regions, reads_as};
use super::{Change, EditError, lines};
use crate::document::{Entry, Format, Item, ItemKind, Layout};
use std::ops::Range;

pub(super) struct Hcl;

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// The style of a file.
struct Style {
    step: String,
    nl: &'static str,
}

impl Style {
    fn of(site: &Site<'_>) -> Style {
        let text = site.text();
        let mut step = None;
        for root in &site.doc.roots {
            root.visit(&mut |item| {
                if item.kind == ItemKind::Block
                    && text.as_bytes().get(item.span.start) == Some(&b'{')
                    && let Some(entry) = item.entries.first()
                    && lines::begins(text, entry.span.start)
                    && step.is_none()
                {
                    let outer = lines::indent(text, item.span.start);
                    step = lines::indent(text, entry.span.start)
                        .strip_prefix(outer)
                        .map(str::to_owned);
                }
            });
        }
        Style {
            step: step.filter(|s| !s.is_empty()).unwrap_or_else(|| "  ".to_owned()),
            nl: lines::newline(text, site.at()),
        }
    }

    /// A value; maps on several lines if it begins at an indentation.
    fn value(&self, site: &Site<'_>, item: &Item, indent: Option<&str>) -> Result<String, EditError> {
        Ok(match item.kind {
            ItemKind::Null => "null".to_owned(),
            ItemKind::Bool => item.text.to_string(),
            ItemKind::Number if reads_as(Format::Hcl, &item.text, ItemKind::Number) => item.text.to_string(),
            ItemKind::Number => {
                return Err(site.cannot_hold(format!("`{}` is not a valid number in HCL", item.text)));
            }
            ItemKind::Text => json(&item.text).replace("${", "$${").replace("%{", "%%{"),
            ItemKind::Expression if reads_as(Format::Hcl, &item.text, ItemKind::Expression) => {
                item.text.to_string()
            }
            ItemKind::Expression => {
                return Err(site.cannot_hold(format!(
                    "`{}` is not a valid HCL expression, or is a plain value",
                    item.text
                )));
            }
            ItemKind::List => {
                let mut parts = Vec::new();
                for entry in &item.entries {
                    parts.push(self.value(site, &entry.value, None)?);
                }
                format!("[{}]", parts.join(", "))
            }
            ItemKind::Map if item.entries.is_empty() => "{}".to_owned(),
            ItemKind::Map => {
                let deeper = indent.map(|i| format!("{i}{}", self.step));
                let mut parts = Vec::new();
                for entry in &item.entries {
                    let value = self.value(site, &entry.value, deeper.as_deref())?;
                    parts.push(format!(
                        "{} = {value}",
                        key(entry.key.as_deref().unwrap_or_default())
                    ));
                }
                match (deeper, indent) {
                    (Some(deeper), Some(indent)) => {
                        let nl = self.nl;
                        format!(
                            "{{{nl}{deeper}{}{nl}{indent}}}",
                            parts.join(&format!("{nl}{deeper}"))
                        )
                    }
                    _ => format!("{{ {} }}", parts.join(", ")),
                }
            }
            kind => {
                return Err(site.cannot_hold(format!(
                    "{} is not a value; it needs a place in a body",
                    kind.name()
                )));
            }
        })
    }

    /// An attribute or block of a body.
    fn structure(&self, site: &Site<'_>, name: &str, new: &Item, indent: &str) -> Result<String, EditError> {
        if !is_name(name) {
            return Err(site.cannot_hold(format!("`{name}` is not a valid name")));
        }
        if new.kind == ItemKind::Block {
            return Ok(format!("{name} {}", self.block(site, new, indent)?));
        }
        Ok(format!("{name} = {}", self.value(site, new, Some(indent))?))
    }

    fn block(&self, site: &Site<'_>, new: &Item, indent: &str) -> Result<String, EditError> {
        let (nl, deeper) = (self.nl, format!("{indent}{}", self.step));
        let mut out = String::from("{");
        for entry in &new.entries {
            let name = entry.key.as_deref().unwrap_or_default();
            let part = self.structure(site, name, &entry.value, &deeper)?;
            out.push_str(&format!("{nl}{deeper}{part}"));
        }
        if !new.entries.is_empty() {
            out.push_str(&format!("{nl}{indent}"));
        }
        out.push('}');
        Ok(out)
    }
}

/// A key of an object.
fn key(name: &str) -> String {
    if is_name(name) && !matches!(name, "null" | "true" | "false" | "for") {
        name.to_owned()
    } else {
        json(name).replace("${", "$${").replace("%{", "%%{")
    }
}

/// The lines of an entry: a group of blocks has those of all its blocks.
fn regions(entry: &Entry, found: &mut Vec<Range<usize>>) {
    match (entry.value.kind, entry.value.layout) {
        (ItemKind::Map, Layout::Pair) | (ItemKind::List, Layout::Lines) => {
            entry.value.entries.iter().for_each(|e| regions(e, found));
        }
        _ => found.push(entry.span.clone()),
    }
}

/// Whether an item is only made by the blocks in it.
fn is_group(item: &Item) -> bool {
    matches!(
        (item.kind, item.layout),
        (ItemKind::Map, Layout::Pair) | (ItemKind::List, Layout::Lines)
    )
}

fn brackets<'a>(site: &Site<'a>, item: &'a Item) -> Brackets<'a> {
    let mut brackets = Brackets::new(site.doc, item);
    brackets.commas_optional = item.kind == ItemKind::Map;
    brackets
}

impl Hcl {
    fn insert_in_body(
        site: &Site<'_>,
        style: &Style,
        index: usize,
        name: &str,
        new: &Item,
    ) -> Result<Vec<Change>, EditError> {
        let (item, text, nl) = (site.item(), site.text(), style.nl);
        let is_file = site.entry().is_none();
        let outer = if is_file {
            ""
        } else {
            lines::indent(text, site.at())
        };
        let indent = match item.entries.first() {
            Some(first) => lines::indent(text, first.span.start).to_owned(),
            None if is_file => String::new(),
            None => format!("{outer}{}", style.step),
        };
        if item.entries.is_empty() {
            let structure = style.structure(site, name, new, &indent)?;
            if is_file {
                return Ok(vec![append_line(text, &structure)]);
            }
            let close = item.span.end - 1;
            if lines::begins(text, close) && lines::start(text, close) > item.span.start {
                let at = lines::start(text, close);
                return Ok(vec![Change::insert(at, format!("{indent}{structure}{nl}"))]);
            }
            let inner = item.span.start + 1..close;
            return Ok(vec![Change::new(
                inner,
                format!("{nl}{indent}{structure}{nl}{outer}"),
            )]);
        }
        let last = item.entries.iter().map(|e| e.span.end).max().unwrap_or(0);
        let one_line = !is_file && lines::start(text, item.span.start) == lines::start(text, item.span.end);
        if one_line {
            return Err(site.unsupported("a block on one line holds one attribute; break the line first"));
        }
        let mut structure = style.structure(site, name, new, &indent)?;
        let Some(before) = index.checked_sub(1).and_then(|i| item.entries.get(i)) else {
            let first = item.entries[0].span.start;
            let at = match is_file {
                true => lines::start(text, first).max(bom(text)),
                false => lines::above_comments(text, first, &site.doc.comments),
            };
            return Ok(vec![Change::insert(at, format!("{indent}{structure}{nl}"))]);
        };
        let end = if index >= item.entries.len() {
            last
        } else {
            before.span.end
        };
        // Equals signs of neighbours are aligned.
        if let Some(sep) = before.sep_end {
            let width = sep - 1 - before.key_span.end + before.key_span.len();
            if new.kind != ItemKind::Block && width > name.len() + 1 {
                structure.insert_str(name.len(), &" ".repeat(width - name.len() - 1));
            }
        }
        let at = lines::end(text, end);
        Ok(vec![Change::insert(at, format!("{nl}{indent}{structure}"))])
    }
}

impl Writer for Hcl {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        let item = site.item();
        if item.kind == ItemKind::Block || is_group(item) {
            return Err(
                site.unsupported("a block cannot be replaced by a value; edit its contents, or delete it")
            );
        }
        let style = Style::of(site);
        let own_line = lines::begins(site.text(), site.at());
        let indent = own_line.then(|| lines::indent(site.text(), site.at()));
        Ok(vec![Change::new(
            item.span.clone(),
            style.value(site, new, indent)?,
        )])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        let style = Style::of(site);
        let (item, text) = (site.item(), site.text());
        if item.layout == Layout::Flow {
            let render = |indent: Option<&str>| -> Result<String, EditError> {
                let value = style.value(site, new, indent)?;
                Ok(match key {
                    Some(name) => format!("{} = {value}", self::key(name)),
                    None => value,
                })
            };
            render(None)?;
            return Ok(brackets(site, item).insert(index, &|indent| render(indent).unwrap_or_default()));
        }
        if item.kind == ItemKind::List && new.kind == ItemKind::Block {
            let before = &item.entries[index.saturating_sub(1).min(item.entries.len() - 1)];
            let header = &text[before.span.start..before.value.span.start];
            let indent = lines::indent(text, before.span.start);
            let block = style.block(site, new, indent)?;
            let nl = style.nl;
            return Ok(vec![match index {
                0 => Change::insert(before.span.start, format!("{header}{block}{nl}{indent}")),
                _ => Change::insert(
                    lines::end(text, before.span.end),
                    format!("{nl}{indent}{header}{block}"),
                ),
            }]);
        }
        if item.kind != ItemKind::Block {
            return Err(site.unsupported("kinds and labels of blocks are not a map; add the block by hand"));
        }
        Hcl::insert_in_body(site, &style, index, key.unwrap_or_default(), new)
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let (parent, index) = site.in_parent("delete it")?;
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        if parent.item().layout == Layout::Flow {
            return Ok(brackets(&parent, parent.item()).delete(index));
        }
        let mut found = Vec::new();
        regions(entry, &mut found);
        let text = site.text();
        if let [only] = &found[..]
            && !lines::begins(text, only.start)
        {
            // In a block on one line.
            let before = text[..only.start].trim_end_matches(' ').len();
            return Ok(vec![Change::delete(before..only.end)]);
        }
        Ok(delete_regions(text, found))
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        if entry.value.kind == ItemKind::Block || is_group(&entry.value) {
            return Err(
                site.unsupported("kinds and labels of blocks cannot be renamed: other code refers to them")
            );
        }
        if site
            .parent()
            .is_some_and(|(parent, _)| parent.item().layout == Layout::Flow)
        {
            return Ok(vec![Change::new(entry.key_span.clone(), key(name))]);
        }
        if !is_name(name) {
            return Err(site.cannot_hold(format!("`{name}` is not a valid name")));
        }
        Ok(vec![Change::new(entry.key_span.clone(), name)])
    }
}
