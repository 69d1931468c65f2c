//! Why an edit is refused: what, where, and what to do instead.

use crate::document::Broken;
use crate::route::Route;

/// Why an edit is refused. The text is unchanged then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text cannot be read, so an edit could not be checked.
    #[error("the text is not valid {format}, {broken}; fix this first")]
    Unreadable {
        /// The format.
        format: &'static str,
        /// Where and why.
        broken: Broken,
    },
    /// The route does not exist.
    #[error("`{route}` does not exist: {found} in line {line} has {missing}")]
    NotFound {
        /// The route.
        route: Route,
        /// The item at the last existing step.
        found: String,
        /// Its line.
        line: usize,
        /// The missing part, with the nearest name if there is one.
        missing: String,
    },
    /// The edit needs a value of another kind.
    #[error("`{route}` in line {line} is {found}; {wanted}")]
    WrongKind {
        /// The route.
        route: Route,
        /// Its line.
        line: usize,
        /// The existing value.
        found: String,
        /// What the edit needs.
        wanted: String,
    },
    /// A key on the path occurs twice in its map.
    #[error("a key of `{route}` occurs twice, in lines {first} and {second}; remove one of them first")]
    DuplicateKey {
        /// The route.
        route: Route,
        /// Line of the first.
        first: usize,
        /// Line of the second.
        second: usize,
    },
    /// The key to insert already exists.
    #[error("`{route}` in line {line} already has the key `{key}`; replace its value instead")]
    KeyExists {
        /// The route of the map.
        route: Route,
        /// The key.
        key: String,
        /// Line of the key.
        line: usize,
    },
    /// The route goes through an alias.
    #[error(
        "`{route}` goes through the alias in line {alias}; its value is written in line {anchor} and others may use it: edit it there, or replace the alias"
    )]
    ThroughAlias {
        /// The route.
        route: Route,
        /// Line of the alias.
        alias: usize,
        /// Line of its anchor.
        anchor: usize,
    },
    /// The value comes through a merge key.
    #[error(
        "`{route}` comes through the merge key in line {merge}; its value is written in line {anchor}: edit it there, or insert the key here to override it"
    )]
    ThroughMerge {
        /// The route.
        route: Route,
        /// Line of the merge key.
        merge: usize,
        /// Line of the value's map.
        anchor: usize,
    },
    /// An alias uses an anchor that would be removed.
    #[error(
        "`{route}` contains the anchor `&{anchor}`, which the alias in line {alias} uses; change the alias \
         first"
    )]
    AnchorInUse {
        /// The route.
        route: Route,
        /// Name of the anchor.
        anchor: String,
        /// Line of the alias.
        alias: usize,
    },
    /// A key on the path is not simple text.
    #[error(
        "`{route}` goes through the key in line {line}, which is written with `?` or is not a plain key; \
         edit it by hand"
    )]
    ComplexKey {
        /// The route.
        route: Route,
        /// Line of the key.
        line: usize,
    },
    /// Two of the edits exclude each other.
    #[error("the edits of `{first}` and `{second}` exclude each other: {why}")]
    Conflict {
        /// Route of one edit.
        first: Route,
        /// Route of the other.
        second: Route,
        /// Why the two exclude each other.
        why: &'static str,
    },
    /// The format, or the notation of the place, does not allow this edit.
    #[error("`{route}` in line {line}: {why}")]
    Unsupported {
        /// The route.
        route: Route,
        /// Its line.
        line: usize,
        /// What is not possible, and what to do.
        why: String,
    },
    /// The format cannot represent the value.
    #[error("`{route}`: {format} cannot represent this value: {why}")]
    CannotHold {
        /// The route.
        route: Route,
        /// The format.
        format: &'static str,
        /// What is wrong with the value.
        why: String,
    },
    /// The edited text would not mean what was intended, so it is not returned.
    #[error(
        "`{route}` in line {line} cannot be edited safely: reading the result back did not give the intended \
         document; edit it by hand and report the file"
    )]
    NotSafe {
        /// The route.
        route: Route,
        /// Its line.
        line: usize,
    },
}
