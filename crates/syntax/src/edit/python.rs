//! Edits of literals in Python.

use super::flow::Brackets;
use super::scalar::{is_printable, json};
use super::site::{Site, Writer};
use super::toml::reads_as;
use super::{Change, EditError};
use crate::document::{Format, Item, ItemKind, Layout};

pub(super) struct Python;

fn string(text: &str, wanted: Layout) -> String {
    if wanted == Layout::Single && text.chars().all(is_printable) && !text.contains('\'') {
        return format!("'{}'", text.replace('\\', "\\\\"));
    }
    json(text)
}

fn value(site: &Site<'_>, item: &Item, wanted: Layout) -> Result<String, EditError> {
    let mut parts = Vec::new();
    for entry in &item.entries {
        let value = value(site, &entry.value, wanted)?;
        parts.push(match &entry.key {
            Some(key) => format!("{}: {value}", string(key, wanted)),
            None => value,
        });
    }
    let parts = parts.join(", ");
    Ok(match item.kind {
        ItemKind::Null => "None".to_owned(),
        ItemKind::Bool if &*item.text == "true" => "True".to_owned(),
        ItemKind::Bool => "False".to_owned(),
        ItemKind::Number if reads_as(Format::Python, &item.text, ItemKind::Number) => item.text.to_string(),
        ItemKind::Number => {
            return Err(site.cannot_hold(format!("`{}` is not a valid number in Python", item.text)));
        }
        ItemKind::Expression if reads_as(Format::Python, &item.text, ItemKind::Expression) => {
            item.text.to_string()
        }
        ItemKind::Text => string(&item.text, wanted),
        ItemKind::List => format!("[{parts}]"),
        ItemKind::Map => format!("{{{parts}}}"),
        _ => return Err(site.cannot_hold("only literals and names can be written")),
    })
}

/// The quotes around the place.
fn quotes(site: &Site<'_>) -> Layout {
    if site.item().layout == Layout::Single {
        return Layout::Single;
    }
    let (mut single, mut double) = (0, 0);
    for root in &site.doc.roots {
        root.visit(&mut |item| match item.layout {
            Layout::Single => single += 1,
            Layout::Double => double += 1,
            _ => {}
        });
    }
    let own = matches!(site.item().layout, Layout::Double);
    if single > double && !own {
        Layout::Single
    } else {
        Layout::Double
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The collection in brackets to which an edit applies.
fn in_brackets<'a>(site: &Site<'a>) -> Result<&'a Item, EditError> {
    let item = site.item();
    if item.layout == Layout::Flow && item.is_collection() {
        return Ok(item);
    }
    Err(site.unsupported(
        "only arguments, lists and dictionaries can gain and lose entries; edit statements by hand",
    ))
}

fn is_call(site: &Site<'_>, item: &Item) -> bool {
    site.text().as_bytes().get(item.open) == Some(&b'(')
}

impl Writer for Python {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        let item = site.item();
        if item.kind == ItemKind::Mixed || site.entry().is_none() {
            return Err(
                site.unsupported("it is a part of a program; only literals and names can be replaced")
            );
        }
        // A name may be a target, an attribute or a type; it is a value where something is assigned or
        // passed.
        let given = site
            .entry()
            .is_some_and(|e| e.key.as_deref().is_some_and(|key| key != "()"))
            || site
                .parent()
                .is_some_and(|(parent, _)| parent.item().layout == Layout::Flow);
        if item.kind == ItemKind::Expression && !given {
            return Err(site.unsupported(
                "it is not a value of an assignment, an argument or an element; edit it by hand",
            ));
        }
        Ok(vec![Change::new(
            item.span.clone(),
            value(site, new, quotes(site))?,
        )])
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        let item = in_brackets(site)?;
        if item.entries.get(index).is_some_and(|e| e.span.start < item.open) {
            return Err(site.unsupported("nothing can be inserted before the callee"));
        }
        let wanted = quotes(site);
        let value = value(site, new, wanted)?;
        let call = is_call(site, item);
        let text = match key {
            Some(name) if call && !is_name(name) => {
                return Err(site.cannot_hold(format!("`{name}` is not a valid name of an argument")));
            }
            Some(name) if call => format!("{name}={value}"),
            Some(name) => format!("{}: {value}", string(name, wanted)),
            None if item.entries[..index]
                .iter()
                .any(|e| e.key.is_some() && e.span.start > item.open) =>
            {
                return Err(site.unsupported("an argument without a name cannot follow one with a name"));
            }
            None if !call && item.kind == ItemKind::Mixed => {
                return Err(site.unsupported("an entry of a dictionary needs a key"));
            }
            None => value,
        };
        Ok(Brackets::new(site.doc, item).insert(index, &|_| text.clone()))
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let (parent, index) = site.in_parent("delete it")?;
        let item = in_brackets(&parent)?;
        if site.entry().is_some_and(|e| e.span.start < item.open) {
            return Err(site.unsupported("the callee cannot be deleted without its call"));
        }
        let set = item.kind == ItemKind::List && site.text().as_bytes().get(item.open) == Some(&b'{');
        if set && item.entries.len() == 1 {
            return Err(
                site.unsupported("a set without elements is not written in braces; write `set()` by hand")
            );
        }
        Ok(Brackets::new(site.doc, item).delete(index))
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        let (parent, _) = site.in_parent("rename it")?;
        let item = in_brackets(&parent)?;
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        if entry.span.start < item.open {
            return Err(site.unsupported("the callee has no name of its own"));
        }
        let text = match is_call(&parent, item) {
            true if !is_name(name) => {
                return Err(site.cannot_hold(format!("`{name}` is not a valid name of an argument")));
            }
            true => name.to_owned(),
            false => string(name, quotes(site)),
        };
        Ok(vec![Change::new(entry.key_span.clone(), text)])
    }
}
