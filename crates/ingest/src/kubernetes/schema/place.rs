//! Finds the right place of a misplaced field. Called only if there is something to report, so it may be
//! slow.

use super::cursor::Cursor;
use super::table::{Field, Table, Ty, Type};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::tree::{fold, folds_to};

/// Names that so many types have that their place is no evidence.
const COMMON: &[&str] = &[
    "apiVersion",
    "key",
    "kind",
    "name",
    "namespace",
    "spec",
    "status",
    "type",
    "value",
    "values",
];
/// Levels below a type that are searched; from a Deployment's `spec` to a container's port are 4.
const LEVELS: usize = 4;

/// What is known about a misplaced or misspelt field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// The type has a field with a similar name.
    Near(String),
    /// The field belongs to the map at this path.
    Belongs(String),
    /// Nothing similar is known nearby.
    Nothing,
}

/// Looks for `field`, which the type of `at` does not have.
pub(super) fn hint(table: &Table, at: &Cursor<'_>, ty: &Type, field: &str) -> Hint {
    let folded = fold(field);
    if let Some(same) = ty.fields().iter().find(|f| folds_to(f.name, &folded)) {
        return Hint::Near(same.name.to_owned());
    }
    if !COMMON.contains(&field)
        && let Some(belongs) = neighbour(table, at, ty, &|name| name == field)
    {
        return Hint::Belongs(belongs);
    }
    if let Some(near) = nearest(field, ty.fields().iter().map(|f| f.name)) {
        return Hint::Near(near.to_owned());
    }
    match neighbour(table, at, ty, &|name| folds_to(name, &folded)) {
        Some(belongs) if !COMMON.contains(&field) => Hint::Belongs(belongs),
        _ => Hint::Nothing,
    }
}

/// The nearby map that has the field: above, one level below, beside, then further below.
fn neighbour(table: &Table, at: &Cursor<'_>, ty: &Type, has: &dyn Fn(&str) -> bool) -> Option<String> {
    let search = Search { table, has };
    let above = || std::iter::successors(at.up, |a| a.up).filter_map(|a| Some((a, a.ty?)));
    if let Some((owner, _)) = above().find(|(_, t)| search.owns(t)) {
        return Some(owner.path());
    }
    if let Some(path) = search.below(ty, 1) {
        return Some(at.path_of(&path));
    }
    if let Some(path) = above().find_map(|(a, t)| Some(a.path_of(&search.below(t, 1)?))) {
        return Some(path);
    }
    search.below(ty, LEVELS).map(|path| at.path_of(&path))
}

struct Search<'s> {
    table: &'s Table,
    has: &'s dyn Fn(&str) -> bool,
}

impl Search<'_> {
    fn owns(&self, ty: &Type) -> bool {
        ty.fields().iter().any(|f| (self.has)(f.name))
    }

    /// Path to the nearest type below `ty` that owns the field; of equally near ones the first by name.
    fn below(&self, ty: &Type, levels: usize) -> Option<String> {
        let mut level: Vec<(String, &Type)> = vec![(String::new(), ty)];
        for _ in 0..levels {
            let mut next = Vec::new();
            for (path, ty) in level {
                for field in ty.fields() {
                    let Some((inner, mark)) = map_of(self.table, field) else {
                        continue;
                    };
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{}{mark}", field.name);
                    if self.owns(inner) {
                        return Some(path);
                    }
                    next.push((path, inner));
                }
            }
            level = next;
        }
        None
    }
}

/// The type of a field's value, itself or in a list.
fn map_of<'t>(table: &'t Table, field: &Field) -> Option<(&'t Type, &'static str)> {
    match field.ty {
        Ty::List(item) => Some((table.object(table.inner(item))?, "[]")),
        ty => Some((table.object(ty)?, "")),
    }
}
