//! Facts from trees: values of nodes, declared at their place.

use cofferdam_model::Fact;
use cofferdam_syntax::tree::Node;

/// Reads a node as a declared fact.
pub trait NodeFacts {
    /// A declared fact of what `read` makes of the scalar's text.
    fn fact<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Option<Fact<T>>;
    /// The scalar's text as a declared fact.
    fn text_fact(&self) -> Option<Fact<String>>;
    /// The scalar as a declared non-negative whole number.
    fn u32_fact(&self) -> Option<Fact<u32>>;
    /// The scalar as a declared number.
    fn f64_fact(&self) -> Option<Fact<f64>>;
    /// The scalar as a declared boolean.
    fn bool_fact(&self) -> Option<Fact<bool>>;
}

impl NodeFacts for Node {
    fn fact<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Option<Fact<T>> {
        Some(Fact::declared(read(self.as_str()?)?, self.span))
    }

    fn text_fact(&self) -> Option<Fact<String>> {
        self.fact(|t| Some(t.to_owned()))
    }

    fn u32_fact(&self) -> Option<Fact<u32>> {
        Some(Fact::declared(self.as_u32()?, self.span))
    }

    fn f64_fact(&self) -> Option<Fact<f64>> {
        Some(Fact::declared(self.as_f64()?, self.span))
    }

    fn bool_fact(&self) -> Option<Fact<bool>> {
        Some(Fact::declared(self.as_bool()?, self.span))
    }
}
