//! The order in which edits are applied, and which edits exclude each other.

use super::site::Site;
use super::{Edit, EditError, Op};
use crate::document::Document;
use crate::route::Step;

/// Refuses edits that exclude each other.
pub(super) fn check(edits: &[Edit]) -> Result<(), EditError> {
    for (index, a) in edits.iter().enumerate() {
        for b in &edits[index + 1..] {
            if let Some(why) = conflict(a, b).or_else(|| conflict(b, a)) {
                return Err(EditError::Conflict {
                    first: a.route.clone(),
                    second: b.route.clone(),
                    why,
                });
            }
        }
    }
    Ok(())
}

fn conflict(a: &Edit, b: &Edit) -> Option<&'static str> {
    let goes = matches!(a.op, Op::Replace(_) | Op::Delete);
    if goes && a.route.contains(&b.route) {
        return Some("the second is inside the part that the first replaces or deletes");
    }
    if a.route != b.route {
        return None;
    }
    match (&a.op, &b.op) {
        (Op::Replace(_), Op::Replace(_)) => Some("both replace the value"),
        (Op::Delete, Op::Delete) => Some("both delete the entry"),
        (Op::RenameKey(_), Op::RenameKey(_)) => Some("both rename the key"),
        (Op::Delete, Op::Replace(_) | Op::RenameKey(_) | Op::Append(_)) => {
            Some("one deletes what the other changes")
        }
        (Op::Replace(_), Op::Append(_)) => Some("one replaces what the other adds to"),
        (Op::Delete, Op::InsertBefore(_)) => Some("one deletes the entry that the other inserts before"),
        _ => None,
    }
}

/// The edits from the last place of the text to the first.
pub(super) fn from_the_back<'e>(doc: &Document, edits: &'e [Edit]) -> Result<Vec<&'e Edit>, EditError> {
    let mut order = Vec::with_capacity(edits.len());
    for (number, edit) in edits.iter().enumerate() {
        let site = Site::find(doc, &edit.route)?;
        let span = site.entry().map_or(site.item().span.clone(), |e| e.span.clone());
        let back = usize::MAX - number;
        let (at, rank, number) = match edit.op {
            // Directly after an entry, so the last given comes first.
            Op::InsertAfter(_) => (span.end, 0, back),
            Op::Append(_) => (site.item().span.end, 1, number),
            Op::Replace(_) => (span.start, 2, number),
            // The first one moves an element of a list, so again the last given comes first.
            Op::InsertBefore(_) if matches!(edit.route.steps.last(), Some(Step::Index(_))) => {
                (span.start, 3, back)
            }
            Op::InsertBefore(_) => (span.start, 3, number),
            Op::RenameKey(_) => (span.start, 4, number),
            Op::Delete => (span.start, 5, number),
        };
        let depth = edit.route.steps.len();
        let key = (edit.route.document, at, depth);
        order.push((std::cmp::Reverse(key), rank, number, edit));
    }
    order.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
    Ok(order.into_iter().map(|(.., edit)| edit).collect())
}
