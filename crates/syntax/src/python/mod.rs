//! The part of Python that configuration uses: text to a small tree that owns its text and knows the place of
//! every piece.

pub mod ast;
pub mod lower;
mod lower_expr;
pub mod slow;
