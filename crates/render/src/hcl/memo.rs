//! What an instance of a module remembers of its names, so that each is evaluated once.

use cofferdam_syntax::tree::Node;

/// What a remembered value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Variable,
    Local,
    Output,
    Argument,
}

/// A value that was asked for.
#[derive(Debug, Clone)]
pub(super) enum Memo {
    /// It is being evaluated; asking for it again is a cycle.
    Busy,
    Done(Node),
}
