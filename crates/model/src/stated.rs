//! Values that people state, as one small typed enum: what a reader of `cofferdam.yaml` hands to
//! [`crate::registry`], and what the registry gives to everything that lists facts. It knows no file format.

use crate::source::Fact;
use crate::units::{Bytes, Money, Rate, Share, show_duration, show_number};
use cofferdam_syntax::sorted::SortedMap;
use std::fmt;
use std::time::Duration;

/// A value of a fact that people can state.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u32),
    /// Events a second.
    Rate(Rate),
    /// A time.
    Duration(Duration),
    /// A part of a whole, 0 to 1.
    Share(Share),
    /// Bytes.
    Bytes(Bytes),
    /// Yes or no.
    Flag(bool),
    /// A text: a name, a version.
    Text(String),
    /// One of the words of the fact.
    Word(&'static str),
    /// Names, each with its own place.
    Names(Vec<Fact<String>>),
    /// US dollars.
    Money(Money),
    /// Limits, each with its reason.
    Limits(Vec<(Fact<u32>, String)>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(n) => f.write_str(&show_number(f64::from(*n))),
            Value::Rate(rate) => rate.fmt(f),
            Value::Duration(time) => f.write_str(&show_duration(*time)),
            Value::Share(share) => share.fmt(f),
            Value::Bytes(bytes) => bytes.fmt(f),
            Value::Flag(true) => f.write_str("yes"),
            Value::Flag(false) => f.write_str("no"),
            Value::Text(text) => f.write_str(text),
            Value::Word(word) => f.write_str(word),
            Value::Names(names) => {
                let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
                f.write_str(&names.join(", "))
            }
            Value::Money(money) => money.fmt(f),
            Value::Limits(limits) => {
                let one = |(limit, reason): &(Fact<u32>, String)| {
                    format!("{} ({reason})", show_number(f64::from(limit.value)))
                };
                f.write_str(&limits.iter().map(one).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Facts of one part that only people state, by the key of the fact. A fact that is kept here needs no field in the
/// part; [`crate::registry::Key::of`] reads it with its type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said(SortedMap<&'static str, Fact<Value>>);

impl Said {
    /// The fact of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Fact<Value>> {
        self.0.get(key)
    }

    /// Keeps a fact; a later one replaces it.
    pub fn insert(&mut self, key: &'static str, fact: Fact<Value>) {
        self.0.insert(key, fact);
    }

    /// Adds the facts of another statement about the same part, which override those here.
    pub(crate) fn join(&mut self, other: Said) {
        for (key, fact) in other.0.iter() {
            self.0.insert(key, fact.clone());
        }
    }
}
