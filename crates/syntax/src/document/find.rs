//! Finds the place of a route, and the route of a place.

use super::{Document, Entry, Item, ItemKind};
use crate::route::{Route, Step};
use crate::source::Span;
use std::ops::Range;

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The value. For an alias it is the value at its anchor.
    pub value: Span,
    /// The key of the value, if it has one.
    pub key: Option<Span>,
    /// The whole entry, from its key or dash to the end of the value. For an alias it is the place of the
    /// alias.
    pub entry: Span,
    /// The jumps from the route's own place to the value, in order.
    pub via: Vec<Via>,
}

/// A jump inside a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The place of an alias.
    Alias(Span),
    /// The place of a merge key (`<<`) with its value.
    Merge(Span),
}

/// The entries on the path to an item, by their number; and the aliases and merges on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resolved {
    pub(crate) path: Vec<usize>,
    /// Aliases that were followed before the last step, and merges.
    pub(crate) jumps: Vec<Jump>,
    /// Entries of one key in one map.
    pub(crate) twice: Option<(Range<usize>, Range<usize>)>,
    /// The key of an entry on the path that has no simple key.
    pub(crate) complex: Option<Range<usize>>,
}

/// See [`Resolved::jumps`].
#[derive(Debug, Clone)]
pub(crate) struct Jump {
    pub(crate) merge: bool,
    pub(crate) from: Range<usize>,
    pub(crate) anchor: Range<usize>,
}

/// A step that does not exist.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    /// How many steps exist.
    pub(crate) steps: usize,
    /// The item that lacks the next one.
    pub(crate) at: Range<usize>,
    pub(crate) kind: ItemKind,
    /// The existing keys.
    pub(crate) keys: Vec<String>,
    pub(crate) length: usize,
}

impl Document {
    /// The item at a route. Aliases on the way are followed; an alias at its end is the item itself.
    pub fn get(&self, route: &Route) -> Option<&Item> {
        let found = self.resolve(route).ok()?;
        self.item(route.document, &found.path)
    }

    /// The place of a route.
    pub fn place(&self, route: &Route) -> Option<Located> {
        let found = self.resolve(route).ok()?;
        let item = self.item(route.document, &found.path)?;
        let span = |range: &Range<usize>| Span::new(self.file, range.start, range.end);
        let mut via: Vec<Via> = found
            .jumps
            .iter()
            .map(|jump| match jump.merge {
                true => Via::Merge(span(&jump.from)),
                false => Via::Alias(span(&jump.from)),
            })
            .collect();
        let mut value = span(&item.span);
        if item.kind == ItemKind::Alias {
            via.push(Via::Alias(value));
            if let Some(path) = self.anchor(route.document, item)
                && let Some(anchored) = self.item(route.document, &path)
            {
                value = span(&anchored.span);
            }
        }
        let entry = self.entry(route.document, &found.path);
        Some(Located {
            value,
            key: entry.filter(|e| e.key.is_some()).map(|e| span(&e.key_span)),
            entry: entry.map_or(span(&item.span), |e| span(&e.span)),
            via,
        })
    }

    /// The route of the innermost value or entry that covers a byte; `None` outside of all documents, and for
    /// things without a route (an entry whose key occurs twice).
    pub fn route_at(&self, at: usize) -> Option<Route> {
        let document = self
            .roots
            .iter()
            .position(|root| root.span.start <= at && at < root.span.end.max(root.span.start + 1))?;
        let mut route = Route::root(document);
        let mut item = &self.roots[document];
        while let Some((index, entry)) = item
            .entries
            .iter()
            .enumerate()
            .find(|(_, e)| e.span.start <= at && at < e.span.end.max(e.span.start + 1))
        {
            route.steps.push(step_of(item, index)?);
            item = &entry.value;
        }
        Some(route)
    }

    /// The route of the innermost value that covers a whole span of this file.
    pub fn route_of(&self, span: Span) -> Option<Route> {
        if span.file != self.file {
            return None;
        }
        let mut route = self.route_at(span.start as usize)?;
        loop {
            let item = self.get(&route)?;
            let entry = self
                .resolve(&route)
                .ok()
                .and_then(|found| self.entry(route.document, &found.path).map(|e| e.span.clone()));
            let range = entry.unwrap_or_else(|| item.span.clone());
            if range.start <= span.start as usize && span.end as usize <= range.end {
                return Some(route);
            }
            route = route.parent()?;
        }
    }

    pub(crate) fn item(&self, document: usize, path: &[usize]) -> Option<&Item> {
        let root = self.roots.get(document)?;
        path.iter()
            .try_fold(root, |item, index| Some(&item.entries.get(*index)?.value))
    }

    /// The entry that contains the item of a path; a root has none.
    pub(crate) fn entry(&self, document: usize, path: &[usize]) -> Option<&Entry> {
        let (last, parents) = path.split_last()?;
        self.item(document, parents)?.entries.get(*last)
    }

    /// The path of the item that an alias refers to: the last anchor of its name before it.
    fn anchor(&self, document: usize, alias: &Item) -> Option<Vec<usize>> {
        let mut found = None;
        let root = self.roots.get(document)?;
        anchors(root, &mut Vec::new(), &mut |item, path| {
            if item.anchor.as_deref() == Some(&*alias.text) && item.span.start < alias.span.start {
                found = Some(path.to_vec());
            }
        });
        found
    }

    pub(crate) fn resolve(&self, route: &Route) -> Result<Resolved, Lost> {
        let Some(root) = self.roots.get(route.document) else {
            return Err(Lost {
                steps: 0,
                at: 0..0,
                kind: ItemKind::List,
                keys: Vec::new(),
                length: self.roots.len(),
            });
        };
        let mut found = Resolved::default();
        let mut item = root;
        for (number, step) in route.steps.iter().enumerate() {
            if item.kind == ItemKind::Alias
                && let Some(target) = self.follow(route.document, item, false, &mut found)
            {
                item = target;
            }
            item = self
                .step(route.document, item, step, &mut found)
                .ok_or_else(|| Lost {
                    steps: number,
                    at: item.span.clone(),
                    kind: item.kind,
                    keys: item
                        .entries
                        .iter()
                        .filter_map(|e| e.key.as_deref().map(str::to_owned))
                        .collect(),
                    length: item.entries.iter().filter(|e| e.key.is_none()).count(),
                })?;
        }
        Ok(found)
    }

    /// Sets the path of `found` to the target of an alias.
    fn follow(&self, document: usize, alias: &Item, merge: bool, found: &mut Resolved) -> Option<&Item> {
        let path = self.anchor(document, alias)?;
        let item = self.item(document, &path)?;
        // An anchor that contains its own alias would be an endless loop.
        if found.jumps.len() > super::MAX_DEPTH {
            return None;
        }
        found.jumps.push(Jump {
            merge,
            from: alias.span.clone(),
            anchor: item.span.clone(),
        });
        found.path = path;
        Some(item)
    }

    fn step<'a>(
        &'a self,
        document: usize,
        item: &'a Item,
        step: &Step,
        found: &mut Resolved,
    ) -> Option<&'a Item> {
        let key = match step {
            Step::Index(wanted) => {
                let numbered = item.entries.iter().enumerate().filter(|(_, e)| e.key.is_none());
                return match numbered.clone().nth(*wanted) {
                    Some((index, entry)) => {
                        found.path.push(index);
                        Some(&entry.value)
                    }
                    // One HCL block of its kind is written like the first of several.
                    None if *wanted == 0 && item.kind == ItemKind::Block => Some(item),
                    None => None,
                };
            }
            Step::Key(key) => key,
        };
        let mut own = item
            .entries
            .iter()
            .enumerate()
            .filter(|(_, e)| e.key.as_deref() == Some(&**key));
        if let Some(first) = own.next() {
            let mut last = first;
            for next in own {
                found
                    .twice
                    .get_or_insert((last.1.key_span.clone(), next.1.key_span.clone()));
                last = next;
            }
            if last.1.complex {
                found.complex.get_or_insert(last.1.span.clone());
            }
            found.path.push(last.0);
            return Some(&last.1.value);
        }
        for (index, entry) in item.entries.iter().enumerate().filter(|(_, e)| e.merge) {
            let below = found.path.clone();
            let sources: Vec<(Vec<usize>, &Item)> = match entry.value.kind {
                ItemKind::List => entry
                    .value
                    .entries
                    .iter()
                    .enumerate()
                    .map(|(i, e)| (vec![index, i], &e.value))
                    .collect(),
                _ => vec![(vec![index], &entry.value)],
            };
            for (steps, source) in sources {
                let mut attempt = found.clone();
                attempt.path = [&below[..], &steps[..]].concat();
                let source = match source.kind {
                    ItemKind::Alias => self.follow(document, source, true, &mut attempt),
                    _ => {
                        attempt.jumps.push(Jump {
                            merge: true,
                            from: entry.span.clone(),
                            anchor: source.span.clone(),
                        });
                        (attempt.jumps.len() <= super::MAX_DEPTH).then_some(source)
                    }
                };
                if let Some(source) = source
                    && let Some(value) = self.step(document, source, step, &mut attempt)
                {
                    *found = attempt;
                    return Some(value);
                }
            }
        }
        None
    }
}

/// The step that leads from a collection to one of its entries, if there is one.
fn step_of(item: &Item, index: usize) -> Option<Step> {
    let entry = item.entries.get(index)?;
    match &entry.key {
        Some(key) => {
            let unique = item
                .entries
                .iter()
                .filter(|e| e.key.as_deref() == Some(&**key))
                .count()
                == 1;
            unique.then(|| Step::Key(key.clone()))
        }
        None => Some(Step::Index(
            item.entries[..index].iter().filter(|e| e.key.is_none()).count(),
        )),
    }
}

fn anchors(item: &Item, path: &mut Vec<usize>, f: &mut dyn FnMut(&Item, &[usize])) {
    if item.anchor.is_some() {
        f(item, path);
    }
    for (index, entry) in item.entries.iter().enumerate() {
        path.push(index);
        anchors(&entry.value, path, f);
        path.pop();
    }
}
