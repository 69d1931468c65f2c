//! The registry of facts that people can state in `cofferdam.yaml` about parts of the platform. Each is one entry:
//! its key, type and unit, what it is, an example, the default with its source, and how it is read and set in the
//! model. From it come the overlay's parser, its schema and guide, what `init` writes, the names in what a rule or a
//! scenario asks for, and the list of all facts of an environment.
//!
//! It is data and pure functions. It knows no file format: values arrive as [`Value`], and it judges nothing.

mod access;
mod facts;
mod kind;
mod need;
mod section;
#[cfg(test)]
mod tests;
mod view;

pub use crate::stated::{Said, Value};
pub use access::{Access, Part, Slot};
pub use facts::{
    cells, databases, kafka, poolers, prices, registries, secrets, services, slos, targets, topics,
};
pub use kind::{Kind, Typed};
pub use need::{Missing, Need, path_of, quoted};
pub use section::{Form, Section};
pub use view::{Known, facts_of, facts_of_overlay};

use crate::source::Fact;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;

/// A fact that people can state, or a map that contains such facts.
#[derive(Debug)]
pub struct Entry {
    /// Its section.
    pub section: Section,
    /// Its key below the part, with the map that contains it (`pool.size`).
    pub key: &'static str,
    /// Its type and unit.
    pub kind: Kind,
    /// What it is, as a sentence.
    pub sentence: &'static str,
    /// An example, as it is written.
    pub example: &'static str,
    /// The value that everything takes without a statement, as it is written, and why: "one process a replica".
    pub default: Option<(&'static str, &'static str)>,
    /// What depends on it, as a clause: "how many members get no partition".
    pub decides: Option<&'static str>,
    /// The part of the model that keeps it.
    pub slot: Slot,
}

impl Entry {
    /// Whether it is a fact, and not the map that contains some.
    #[must_use]
    pub fn is_fact(&self) -> bool {
        self.kind != Kind::Map
    }

    /// The map that contains it, and its key there.
    #[must_use]
    pub fn in_map(&self) -> (Option<&'static str>, &'static str) {
        match self.key.split_once('.') {
            Some((map, key)) => (Some(map), key),
            None => (None, self.key),
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.section, self.key) == (other.section, other.key)
    }
}

impl Eq for Entry {}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.section, self.key).hash(state);
    }
}

/// A fact with the type that its value has in the model.
#[derive(Debug)]
pub struct Key<T> {
    entry: Entry,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    pub(crate) const fn new(
        section: Section,
        (key, kind): (&'static str, Kind),
        sentence: &'static str,
        example: &'static str,
        slot: Slot,
    ) -> Self {
        Key {
            entry: Entry {
                section,
                key,
                kind,
                sentence,
                example,
                default: None,
                decides: None,
                slot,
            },
            of: PhantomData,
        }
    }

    /// Sets the value that is taken without a statement, as it is written, and why.
    pub(crate) const fn without(mut self, value: &'static str, why: &'static str) -> Self {
        self.entry.default = Some((value, why));
        self
    }

    /// Sets what depends on it, as a clause.
    pub(crate) const fn decides(mut self, clause: &'static str) -> Self {
        self.entry.decides = Some(clause);
        self
    }
}

impl<T: Typed> Key<T> {
    /// The value that a part has for this fact, with its type. It is the only way to read a fact that is kept under its
    /// key.
    pub fn of(&self, part: &impl Part) -> Option<Fact<T>> {
        let fact = part.known(&self.entry)?;
        Some(Fact {
            value: T::typed(&fact.value)?,
            source: fact.source,
        })
    }
}

impl<T> Deref for Key<T> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

/// The entries of a section, in the order of the guide; a map comes before its facts.
#[must_use]
pub fn entries(section: Section) -> &'static [&'static Entry] {
    match section {
        Section::Services => services::ALL,
        Section::Databases => databases::ALL,
        Section::Poolers => poolers::ALL,
        Section::Kafka => kafka::ALL,
        Section::Topics => topics::ALL,
        Section::Cells => cells::ALL,
        Section::Slos => slos::ALL,
        Section::Secrets => secrets::ALL,
        Section::Targets => targets::ALL,
        Section::Registries => registries::ALL,
        Section::Prices => prices::ALL,
    }
}

/// The entry of a key in a section.
#[must_use]
pub fn find(section: Section, key: &str) -> Option<&'static Entry> {
    entries(section).iter().copied().find(|entry| entry.key == key)
}
