//! Values from callers, without places.

use crate::document::{Document, Entry, Format, Item, ItemKind, Layout};
use crate::route::Route;

/// A value to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number as it should be written: `3`, `0.50`.
    Number(String),
    /// Text; quoted if the format requires it.
    Text(String),
    /// A list.
    List(Vec<Data>),
    /// A map, in the order in which it is written.
    Map(Vec<(String, Data)>),
    /// The body of an HCL block.
    Block(Vec<(String, Data)>),
    /// An HCL or Python expression, written as it is.
    Expression(String),
}

impl From<bool> for Data {
    fn from(value: bool) -> Data {
        Data::Bool(value)
    }
}

impl From<i64> for Data {
    fn from(value: i64) -> Data {
        Data::Number(value.to_string())
    }
}

impl From<i32> for Data {
    fn from(value: i32) -> Data {
        Data::Number(value.to_string())
    }
}

impl From<&str> for Data {
    fn from(value: &str) -> Data {
        Data::Text(value.to_owned())
    }
}

impl Data {
    /// The value as an item of a document of this format. Formats that know only text turn scalars into text.
    pub(crate) fn item(&self, format: Format) -> Item {
        let flat = matches!(format, Format::Properties | Format::Ini | Format::Env);
        let scalar = |kind, text: &str| {
            let kind = if flat { ItemKind::Text } else { kind };
            Item::new(kind, Layout::Plain, text, 0..0)
        };
        let map = |kind, pairs: &[(String, Data)]| {
            let mut item = Item::new(kind, Layout::Flow, "", 0..0);
            item.entries = pairs
                .iter()
                .map(|(key, value)| Entry::pair(key, 0..0, value.item(format)))
                .collect();
            item
        };
        match self {
            Data::Null => scalar(ItemKind::Null, ""),
            Data::Bool(value) => scalar(ItemKind::Bool, if *value { "true" } else { "false" }),
            Data::Number(text) => scalar(ItemKind::Number, text),
            Data::Text(text) => Item::new(ItemKind::Text, Layout::Plain, text, 0..0),
            Data::Expression(text) => Item::new(ItemKind::Expression, Layout::Plain, text, 0..0),
            Data::List(elements) => {
                let mut item = Item::new(ItemKind::List, Layout::Flow, "", 0..0);
                item.entries = elements
                    .iter()
                    .map(|value| Entry::element(value.item(format)))
                    .collect();
                item
            }
            Data::Map(pairs) => map(ItemKind::Map, pairs),
            Data::Block(pairs) => map(ItemKind::Block, pairs),
        }
    }
}

impl Item {
    /// The item as a value. `None` for items that a value cannot represent: aliases, merge keys, parts of
    /// programs.
    pub fn data(&self) -> Option<Data> {
        let pairs = || {
            self.entries
                .iter()
                .map(|e| match (&e.key, e.merge || e.complex) {
                    (Some(key), false) => Some((key.to_string(), e.value.data()?)),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()
        };
        Some(match self.kind {
            ItemKind::Null => Data::Null,
            ItemKind::Bool => Data::Bool(self.text.eq_ignore_ascii_case("true")),
            ItemKind::Number => Data::Number(self.text.to_string()),
            ItemKind::Text => Data::Text(self.text.to_string()),
            ItemKind::Expression => Data::Expression(self.text.to_string()),
            ItemKind::List => Data::List(
                self.entries
                    .iter()
                    .map(|e| e.value.data())
                    .collect::<Option<_>>()?,
            ),
            ItemKind::Map => Data::Map(pairs()?),
            ItemKind::Block => Data::Block(pairs()?),
            ItemKind::Alias | ItemKind::Mixed => return None,
        })
    }
}

impl Document {
    /// The value at a route, as [`Item::data`] gives it.
    pub fn data(&self, route: &Route) -> Option<Data> {
        self.get(route)?.data()
    }
}
