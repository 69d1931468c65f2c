//! The types of facts: how a value of each is written, and which type of the model it becomes.

use crate::database::Engine;
use crate::platform::Priority;
use crate::source::Fact;
use crate::stated::Value;
use crate::units::{Bytes, Money, Rate, Share};
use std::time::Duration;

/// The type of a fact, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, 0 or more.
    Whole,
    /// A whole number, 1 or more.
    Count,
    /// Events a second.
    Rate,
    /// A time with its unit.
    Duration,
    /// A part of a whole.
    Share,
    /// Events a second, or with a percent sign a part of the whole platform's.
    RateOrShare,
    /// Bytes with their unit.
    Bytes,
    /// `true` or `false`.
    Flag,
    /// A text that is text to YAML too.
    Name,
    /// A list of such texts.
    Names,
    /// A text or a number, as written.
    Scalar,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// US dollars.
    Money,
    /// A list of limits, each with its reason.
    Limits,
    /// No fact itself: the map that contains facts (`pool` of `pool.size`).
    Map,
}

impl Kind {
    /// The unit of its values, where they have one.
    #[must_use]
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Kind::Rate | Kind::RateOrShare => Some("1/s"),
            Kind::Duration => Some("s"),
            Kind::Bytes => Some("bytes"),
            Kind::Money => Some("USD"),
            Kind::Share => Some("share"),
            _ => None,
        }
    }

    /// Its name in the schema and in the guide; a choice has its words instead, a map and a list none.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Whole => "whole",
            Kind::Count => "count",
            Kind::Rate => "rate",
            Kind::Duration => "duration",
            Kind::Share => "share",
            Kind::RateOrShare => "rate or string",
            Kind::Bytes => "bytes",
            Kind::Flag => "flag",
            Kind::Name => "name",
            Kind::Names => "names",
            Kind::Scalar => "scalar",
            Kind::Choice(_) => "choice",
            Kind::Money => "number",
            Kind::Limits => "list of map",
            Kind::Map => "map",
        }
    }
}

/// A type of the model that a fact can have.
pub trait Typed: Sized {
    /// Its value for everything that lists facts.
    fn value(&self) -> Value;
    /// The typed value; `None` if the value is of another kind.
    fn typed(value: &Value) -> Option<Self>;
}

macro_rules! typed {
    ($($type:ty => $variant:ident),* $(,)?) => { $(
        impl Typed for $type {
            fn value(&self) -> Value {
                Value::$variant(self.clone())
            }

            fn typed(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    )* };
}

typed!(
    u32 => Whole,
    Rate => Rate,
    Duration => Duration,
    Share => Share,
    Bytes => Bytes,
    bool => Flag,
    String => Text,
    Money => Money,
    Vec<Fact<String>> => Names,
    Vec<(Fact<u32>, String)> => Limits,
);

/// The words for the importance of a service.
const PRIORITIES: &[(&str, Priority)] = &[
    ("critical", Priority::Critical),
    ("important", Priority::Important),
    ("optional", Priority::Optional),
];

/// The words for engines.
const ENGINES: &[(&str, Engine)] = &[
    ("postgresql", Engine::PostgreSql),
    ("rds-postgresql", Engine::RdsPostgreSql),
    ("aurora-postgresql", Engine::AuroraPostgreSql),
    ("mysql", Engine::MySql),
    ("sqlserver", Engine::SqlServer),
];

/// The words of a table, for [`Kind::Choice`].
const fn words<T: Copy, const N: usize>(table: &[(&'static str, T)]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut at = 0;
    while at < N {
        words[at] = table[at].0;
        at += 1;
    }
    words
}

/// The importance of a service, as a choice.
pub(super) const PRIORITY: Kind = Kind::Choice(&words::<_, { PRIORITIES.len() }>(PRIORITIES));
/// The engine of a database, as a choice.
pub(super) const ENGINE: Kind = Kind::Choice(&words::<_, { ENGINES.len() }>(ENGINES));

macro_rules! choice {
    ($type:ty, $table:ident) => {
        impl Typed for $type {
            fn value(&self) -> Value {
                let word = $table.iter().find(|(_, value)| value == self);
                Value::Word(word.map_or("", |(word, _)| word))
            }

            fn typed(value: &Value) -> Option<Self> {
                let Value::Word(word) = value else {
                    return None;
                };
                let found = $table.iter().find(|(known, _)| known == word);
                found.map(|(_, value)| *value)
            }
        }
    };
}

choice!(Priority, PRIORITIES);
choice!(Engine, ENGINES);
