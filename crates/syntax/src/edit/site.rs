//! The place of an edit in its document, with the checks that all formats share.

use super::{Change, EditError};
use crate::document::{Document, Entry, Item, ItemKind, Layout, line_of};
use crate::nearest::nearest;
use crate::route::{Route, Step};

/// How a format writes. `new` is the value that should be read back; a writer may change it if the format
/// reads another kind (a number in a file that knows only text).
pub(super) trait Writer: Sync {
    /// Writes another value at the site.
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError>;

    /// Writes a new entry of the collection at the site, before the entry at `index`.
    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError>;

    /// Deletes the entry of the site.
    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError>;

    /// Gives the key of the site's entry another name.
    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError>;

    /// The index at which a new entry is the last one.
    fn end(&self, site: &Site<'_>) -> usize {
        site.item().entries.len()
    }
}

/// A value and the entries that lead to it.
pub(super) struct Site<'a> {
    pub(super) doc: &'a Document,
    pub(super) route: &'a Route,
    pub(super) path: Vec<usize>,
    item: &'a Item,
}

impl<'a> Site<'a> {
    /// The site of a route; refuses routes that do not exist or do not lead to exactly one place.
    pub(super) fn find(doc: &'a Document, route: &'a Route) -> Result<Site<'a>, EditError> {
        let line = |at: usize| line_of(&doc.text, at);
        let found = doc.resolve(route).map_err(|lost| {
            let (found, missing) = match route.steps.get(lost.steps) {
                _ if doc.roots.get(route.document).is_none() => (
                    "the text".to_owned(),
                    format!("{} document(s), counted from 0", doc.roots.len()),
                ),
                Some(Step::Key(key)) => {
                    let near = nearest(key, lost.keys.iter().map(String::as_str))
                        .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    (lost.kind.name().to_owned(), format!("no key `{key}`{near}"))
                }
                Some(Step::Index(index)) => (
                    lost.kind.name().to_owned(),
                    format!("no element {index}, only {}", lost.length),
                ),
                None => (lost.kind.name().to_owned(), "nothing".to_owned()),
            };
            EditError::NotFound {
                route: route.clone(),
                found,
                line: line(lost.at.start),
                missing,
            }
        })?;
        if let Some((first, second)) = found.twice {
            return Err(EditError::DuplicateKey {
                route: route.clone(),
                first: line(first.start),
                second: line(second.start),
            });
        }
        if let Some(jump) = found.jumps.iter().find(|j| j.merge).or(found.jumps.first()) {
            let (from, anchor) = (line(jump.from.start), line(jump.anchor.start));
            let route = route.clone();
            return Err(match jump.merge {
                true => EditError::ThroughMerge {
                    route,
                    merge: from,
                    anchor,
                },
                false => EditError::ThroughAlias {
                    route,
                    alias: from,
                    anchor,
                },
            });
        }
        if let Some(key) = found.complex {
            return Err(EditError::ComplexKey {
                route: route.clone(),
                line: line(key.start),
            });
        }
        let item = doc.item(route.document, &found.path);
        let Some(item) = item else {
            return Err(EditError::NotFound {
                route: route.clone(),
                found: "the text".to_owned(),
                line: 1,
                missing: "nothing".to_owned(),
            });
        };
        Ok(Site {
            doc,
            route,
            path: found.path,
            item,
        })
    }

    pub(super) fn item(&self) -> &'a Item {
        self.item
    }

    /// The entry that contains the item; a root has none.
    pub(super) fn entry(&self) -> Option<&'a Entry> {
        self.doc.entry(self.route.document, &self.path)
    }

    /// The collection that contains the entry, and the entry's index in it.
    pub(super) fn parent(&self) -> Option<(Site<'a>, usize)> {
        let (index, path) = self.path.split_last()?;
        Some((
            Site {
                doc: self.doc,
                route: self.route,
                path: path.to_vec(),
                item: self.doc.item(self.route.document, path)?,
            },
            *index,
        ))
    }

    /// See [`Site::parent`]; refuses a root.
    pub(super) fn in_parent(&self, what: &str) -> Result<(Site<'a>, usize), EditError> {
        self.parent().ok_or_else(|| {
            self.unsupported(&format!(
                "a whole document is not an entry, so it is not possible to {what}"
            ))
        })
    }

    /// Whether the item or something around it is written in brackets.
    pub(super) fn in_brackets(&self) -> bool {
        (0..=self.path.len()).any(|length| {
            self.doc
                .item(self.route.document, &self.path[..length])
                .is_some_and(|i| matches!(i.layout, Layout::Flow | Layout::Pair) && i.is_collection())
        })
    }

    /// Whether something around the item is written in brackets.
    pub(super) fn inside_brackets(&self) -> bool {
        self.parent().is_some_and(|(parent, _)| parent.in_brackets())
    }

    pub(super) fn text(&self) -> &'a str {
        &self.doc.text
    }

    pub(super) fn at(&self) -> usize {
        self.entry().map_or(self.item.span.start, |e| e.span.start)
    }

    pub(super) fn line(&self) -> usize {
        line_of(&self.doc.text, self.at())
    }

    /// Calls a function on the item of this site in a copy of the document's roots.
    pub(super) fn in_copy(&self, roots: &mut [Item], f: impl FnOnce(&mut Item)) {
        let mut at = roots.get_mut(self.route.document);
        for index in &self.path {
            at = at
                .and_then(|item| item.entries.get_mut(*index))
                .map(|e| &mut e.value);
        }
        if let Some(item) = at {
            f(item);
        }
    }

    pub(super) fn unsupported(&self, why: &str) -> EditError {
        EditError::Unsupported {
            route: self.route.clone(),
            line: self.line(),
            why: why.to_owned(),
        }
    }

    pub(super) fn cannot_hold(&self, why: impl Into<String>) -> EditError {
        EditError::CannotHold {
            route: self.route.clone(),
            format: self.doc.format.name(),
            why: why.into(),
        }
    }

    pub(super) fn wrong_kind(&self, wanted: &str) -> EditError {
        EditError::WrongKind {
            route: self.route.clone(),
            line: self.line(),
            found: self.item.kind.name().to_owned(),
            wanted: wanted.to_owned(),
        }
    }

    pub(super) fn through_alias(&self) -> EditError {
        let place = self.doc.place(self.route);
        EditError::ThroughAlias {
            route: self.route.clone(),
            alias: self.line(),
            anchor: line_of(&self.doc.text, place.map_or(0, |p| p.value.start as usize)),
        }
    }

    /// Refuses a key that the map already has.
    pub(super) fn check_new_key(&self, key: &str) -> Result<(), EditError> {
        match self.item.entries.iter().find(|e| e.key.as_deref() == Some(key)) {
            Some(entry) => Err(EditError::KeyExists {
                route: self.route.clone(),
                key: key.to_owned(),
                line: line_of(&self.doc.text, entry.key_span.start),
            }),
            None => Ok(()),
        }
    }

    /// Refuses to remove an anchor that an alias outside of the item uses.
    pub(super) fn check_anchors(&self) -> Result<(), EditError> {
        let mut names = Vec::new();
        self.item.visit(&mut |item| names.extend(item.anchor.as_deref()));
        if names.is_empty() {
            return Ok(());
        }
        let mut user = None;
        if let Some(root) = self.doc.roots.get(self.route.document) {
            root.visit(&mut |item| {
                let outside = item.span.end <= self.item.span.start || item.span.start >= self.item.span.end;
                if item.kind == ItemKind::Alias && outside && names.contains(&&*item.text) {
                    user.get_or_insert(item);
                }
            });
        }
        match user {
            Some(alias) => Err(EditError::AnchorInUse {
                route: self.route.clone(),
                anchor: alias.text.to_string(),
                alias: line_of(&self.doc.text, alias.span.start),
            }),
            None => Ok(()),
        }
    }
}
