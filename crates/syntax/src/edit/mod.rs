//! Edits of a text that change only the named value and no other byte.
//!
//! An edit is planned on the document, written into the text, and the text is read again: the result must be
//! the old document with exactly this edit, and every comment that the edit does not delete must still exist.
//! Otherwise the edit is refused. A format's own file only decides how a value is written.

mod change;
mod data;
mod error;
mod flow;
mod hcl;
mod ini;
mod json;
mod lines;
mod order;
mod properties;
mod python;
mod scalar;
mod site;
mod toml;
mod yaml;
mod yaml_style;

#[cfg(test)]
mod tests;

use crate::document::{Broken, Document, Entry, Format, Item, ItemKind, Layout};
use crate::route::{Route, Step};
use crate::source::FileId;
pub use change::Change;
pub use data::Data;
pub use error::EditError;
pub use scalar::yaml_name;
use site::{Site, Writer};

/// One edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The route of the edit, in the text before all edits.
    pub route: Route,
    /// The change.
    pub op: Op,
}

/// The kind of change at a route.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The value is replaced by another. If both are maps or both are lists only the difference is written.
    Replace(Data),
    /// A new entry goes before the entry at the route.
    InsertBefore(Addition),
    /// A new entry goes after the entry at the route.
    InsertAfter(Addition),
    /// A new entry goes to the end of the map or list at the route.
    Append(Addition),
    /// The entry at the route is removed, with its contents and the comment on its last line. Comments above
    /// it stay.
    Delete,
    /// The key at the end of the route gets another name.
    RenameKey(String),
}

/// A new entry of a map or a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition {
    /// The key; elements of lists have none.
    pub key: Option<String>,
    /// The value.
    pub value: Data,
}

impl Addition {
    /// An element of a list.
    pub fn element(value: impl Into<Data>) -> Addition {
        Addition {
            key: None,
            value: value.into(),
        }
    }

    /// A key of a map with its value.
    pub fn pair(key: &str, value: impl Into<Data>) -> Addition {
        Addition {
            key: Some(key.to_owned()),
            value: value.into(),
        }
    }
}

impl Edit {
    /// An edit of what is at `route`.
    pub fn new(route: Route, op: Op) -> Edit {
        Edit { route, op }
    }
}

/// A text after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// The changes, as ranges of the text before; all bytes outside them are unchanged.
    pub changes: Vec<Change>,
}

/// Applies edits to a text; see [`apply_all`].
pub fn apply(text: &str, format: Format, edits: &[Edit]) -> Result<String, EditError> {
    Ok(apply_all(text, format, edits)?.text)
}

/// Applies edits to a text. All routes are those of the given text. The order of the edits does not matter,
/// except for several entries at one place: they are written in the order given. Either all edits are applied
/// or none.
pub fn apply_all(text: &str, format: Format, edits: &[Edit]) -> Result<Edited, EditError> {
    let doc = read(text, format)?;
    order::check(edits)?;
    let mut pieces = change::Pieces::new(text.len());
    let doc = run(doc, edits, &mut pieces)?;
    Ok(Edited {
        text: doc.text,
        changes: pieces.changes(),
    })
}

fn read(text: &str, format: Format) -> Result<Document, EditError> {
    let unreadable = |broken| EditError::Unreadable {
        format: format.name(),
        broken,
    };
    // Some readers treat it as the end of a line and some do not.
    let alone = text
        .match_indices('\r')
        .find(|(at, _)| !text[at + 1..].starts_with('\n'));
    if let Some((at, _)) = alone {
        return Err(unreadable(Broken::new(
            text,
            at,
            "a carriage return without a line feed",
        )));
    }
    Document::read(text, format, FileId(0)).map_err(unreadable)
}

/// Applies edits from the last place of the text to the first, so that the remaining routes stay valid.
fn run(mut doc: Document, edits: &[Edit], pieces: &mut change::Pieces) -> Result<Document, EditError> {
    for edit in order::from_the_back(&doc, edits)? {
        doc = one(doc, edit, pieces)?;
    }
    Ok(doc)
}

fn writer(format: Format) -> &'static dyn Writer {
    match format {
        Format::Yaml => &yaml::Yaml,
        Format::Json => &json::Json,
        Format::Hcl => &hcl::Hcl,
        Format::Toml => &toml::Toml,
        Format::Properties => &properties::Properties,
        Format::Ini => &ini::Ini,
        Format::Env => &ini::Env,
        Format::Python => &python::Python,
    }
}

fn one(doc: Document, edit: &Edit, pieces: &mut change::Pieces) -> Result<Document, EditError> {
    let site = Site::find(&doc, &edit.route)?;
    let writer = writer(doc.format);
    let mut meant = doc.roots.clone();
    let changes = match &edit.op {
        Op::Replace(data) => {
            let mut new = data.item(doc.format);
            let old = site.item();
            if alike(old, &new) {
                return Ok(doc);
            }
            site.check_anchors()?;
            if let Some(edits) = difference(doc.format, &edit.route, old, data) {
                return run(doc, &edits, pieces);
            }
            let changes = writer.replace(&site, &mut new)?;
            new.anchor = old.anchor.clone();
            new.tag = old.tag.clone();
            site.in_copy(&mut meant, |item| *item = new);
            changes
        }
        Op::InsertBefore(addition) | Op::InsertAfter(addition) => {
            let after = matches!(edit.op, Op::InsertAfter(_));
            let (parent, index) = site.in_parent(if after {
                "insert after it"
            } else {
                "insert before it"
            })?;
            insert(writer, &parent, index + usize::from(after), addition, &mut meant)?
        }
        Op::Append(addition) => {
            if site.item().kind == ItemKind::Alias {
                return Err(site.through_alias());
            }
            insert(writer, &site, writer.end(&site), addition, &mut meant)?
        }
        Op::Delete => {
            let (parent, index) = site.in_parent("delete it")?;
            site.check_anchors()?;
            let changes = writer.delete(&site)?;
            parent.in_copy(&mut meant, |item| {
                item.entries.remove(index);
            });
            changes
        }
        Op::RenameKey(name) => {
            let (parent, index) = site.in_parent("rename it")?;
            if site.entry().is_none_or(|e| e.key.is_none()) {
                return Err(site.wrong_kind("only keys of maps have names"));
            }
            if site.entry().is_some_and(|e| e.key.as_deref() == Some(name)) {
                return Ok(doc);
            }
            parent.check_new_key(name)?;
            let changes = writer.rename(&site, name)?;
            parent.in_copy(&mut meant, |item| {
                item.entries[index].key = Some(name.as_str().into())
            });
            changes
        }
    };
    let not_safe = || EditError::NotSafe {
        route: edit.route.clone(),
        line: site.line(),
    };
    let text = change::apply(&doc.text, &changes).ok_or_else(not_safe)?;
    let result = Document::read(&text, doc.format, doc.file).map_err(|_| not_safe())?;
    let as_meant = if matches!(doc.format, Format::Hcl | Format::Toml) {
        let mut got = result.roots.clone();
        meant
            .iter_mut()
            .chain(&mut got)
            .for_each(|root| settle(doc.format, root));
        all_same(&meant, &got)
    } else {
        all_same(&meant, &result.roots)
    };
    if !as_meant || !comments_stay(&doc, &changes, &result) {
        return Err(not_safe());
    }
    pieces.change(&changes);
    Ok(result)
}

fn insert(
    writer: &dyn Writer,
    site: &Site<'_>,
    index: usize,
    addition: &Addition,
    meant: &mut [Item],
) -> Result<Vec<Change>, EditError> {
    let item = site.item();
    match (&addition.key, item.kind) {
        (Some(key), ItemKind::Map | ItemKind::Block | ItemKind::Mixed) => site.check_new_key(key)?,
        (None, ItemKind::List | ItemKind::Mixed) => {}
        (Some(_), _) => return Err(site.wrong_kind("a key with its value needs a map")),
        (None, _) => return Err(site.wrong_kind("an element without a key needs a list")),
    }
    let mut new = addition.value.item(site.doc.format);
    let changes = writer.insert(site, index, addition.key.as_deref(), &mut new)?;
    let entry = match &addition.key {
        Some(key) => Entry::pair(key, 0..0, new),
        None => Entry::element(new),
    };
    site.in_copy(meant, |item| {
        item.entries.insert(index.min(item.entries.len()), entry)
    });
    Ok(changes)
}

/// Whether a value equals the existing one. The order of a map's keys does not count.
fn alike(old: &Item, new: &Item) -> bool {
    if old.kind != new.kind || old.entries.len() != new.entries.len() {
        return false;
    }
    match old.kind {
        ItemKind::Bool => old.text.eq_ignore_ascii_case(&new.text),
        ItemKind::Map | ItemKind::Block => old.entries.iter().all(|a| {
            !a.merge
                && !a.complex
                && new
                    .entries
                    .iter()
                    .any(|b| a.key == b.key && alike(&a.value, &b.value))
        }),
        ItemKind::List => old
            .entries
            .iter()
            .zip(&new.entries)
            .all(|(a, b)| alike(&a.value, &b.value)),
        _ => old.text == new.text,
    }
}

/// The edits that turn one map into another, or one list into another; `None` if the whole must be written.
fn difference(format: Format, route: &Route, old: &Item, new: &Data) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    let child = |step: Step| {
        let mut route = route.clone();
        route.steps.push(step);
        route
    };
    match (old.kind, new) {
        (ItemKind::Map, Data::Map(pairs)) | (ItemKind::Block, Data::Block(pairs)) => {
            // A collection without brackets still exists when it is empty, except a map of YAML.
            let may_be_empty = old.layout == Layout::Lines && format != Format::Yaml;
            if !may_be_empty && (old.entries.is_empty() || pairs.is_empty()) || !simple_keys(old) {
                return None;
            }
            for entry in &old.entries {
                let key = entry.key.as_deref()?;
                let route = child(Step::Key(key.into()));
                match pairs.iter().find(|(k, _)| k == key) {
                    Some((_, value)) => edits.push(Edit::new(route, Op::Replace(value.clone()))),
                    None => edits.push(Edit::new(route, Op::Delete)),
                }
            }
            for (key, value) in pairs {
                if !old.entries.iter().any(|e| e.key.as_deref() == Some(key)) {
                    edits.push(Edit::new(
                        route.clone(),
                        Op::Append(Addition::pair(key, value.clone())),
                    ));
                }
            }
        }
        (ItemKind::List, Data::List(elements)) => {
            if old.entries.is_empty() || elements.is_empty() {
                return None;
            }
            let same = |a: &Entry, b: &Data| alike(&a.value, &b.item(format));
            let head = old
                .entries
                .iter()
                .zip(elements)
                .take_while(|(a, b)| same(a, b))
                .count();
            let tail = old.entries[head..]
                .iter()
                .rev()
                .zip(elements[head..].iter().rev())
                .take_while(|(a, b)| same(a, b))
                .count();
            let (old_end, new_end) = (old.entries.len() - tail, elements.len() - tail);
            for (index, value) in elements[head..new_end].iter().enumerate() {
                let at = head + index;
                let op = if at < old_end {
                    Edit::new(child(Step::Index(at)), Op::Replace(value.clone()))
                } else if let Some(last) = old_end.checked_sub(1) {
                    let after = Op::InsertAfter(Addition::element(value.clone()));
                    Edit::new(child(Step::Index(last)), after)
                } else {
                    let before = Op::InsertBefore(Addition::element(value.clone()));
                    Edit::new(child(Step::Index(0)), before)
                };
                edits.push(op);
            }
            for at in head + (new_end - head).min(old_end - head)..old_end {
                edits.push(Edit::new(child(Step::Index(at)), Op::Delete));
            }
        }
        _ => return None,
    }
    Some(edits)
}

/// Whether every entry of a map can be named.
fn simple_keys(item: &Item) -> bool {
    item.entries.iter().enumerate().all(|(i, e)| {
        !e.merge && !e.complex && e.key.is_some() && !item.entries[..i].iter().any(|other| other.key == e.key)
    })
}

fn all_same(meant: &[Item], got: &[Item]) -> bool {
    meant.len() == got.len() && meant.iter().zip(got).all(|(meant, got)| meant.same(got))
}

/// Brings blocks of HCL and tables of TOML into one order, because they may be apart, and removes groups that
/// have lost their members.
fn settle(format: Format, item: &mut Item) {
    for entry in &mut item.entries {
        settle(format, &mut entry.value);
    }
    if matches!(item.kind, ItemKind::Map | ItemKind::Block) {
        item.entries.sort_by(|a, b| a.key.cmp(&b.key));
    }
    // Groups that exist only through their members are removed with the last of them.
    item.entries.retain(|e| {
        !e.value.entries.is_empty()
            || !matches!(
                (e.value.kind, e.value.layout),
                (ItemKind::Map, Layout::Pair) | (ItemKind::List, Layout::Lines)
            )
    });
    if format == Format::Hcl {
        for entry in &mut item.entries {
            let value = &mut entry.value;
            if value.kind == ItemKind::List && value.layout == Layout::Lines && value.entries.len() == 1 {
                let only = value.entries.remove(0).value;
                *value = only;
            }
        }
    }
}

/// Whether every comment outside the deleted ranges still exists, and no other was added.
fn comments_stay(before: &Document, changes: &[Change], after: &Document) -> bool {
    let kept = before.comments.iter().filter(|comment| {
        !changes
            .iter()
            .any(|c| !c.range.is_empty() && c.range.start < comment.end && comment.start < c.range.end)
    });
    kept.map(|range| &before.text[range.clone()]).eq(after.comments())
}
