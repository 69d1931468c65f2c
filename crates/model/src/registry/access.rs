//! Where in the model the value of a fact is kept, as a pair of functions: one reads it, one sets it.

use super::Entry;
use super::kind::Typed;
use crate::alerts::Slo;
use crate::cells::Cell;
use crate::database::{Database, Pool, Pooler};
use crate::kafka::{Consumer, KafkaCluster, Topic};
use crate::overlay::Overlay;
use crate::platform::Service;
use crate::secrets::SecretStore;
use crate::source::Fact;
use crate::stated::{Said, Value};

/// How a fact of a part is read and set.
#[derive(Debug)]
pub struct Access<P> {
    /// The value with its source, if it is known.
    pub get: fn(&P) -> Option<Fact<Value>>,
    /// Sets it. A value of another kind than the fact's changes nothing.
    pub set: fn(&mut P, &Fact<Value>),
}

/// The part that keeps a fact.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Slot {
    Service(Access<Service>),
    /// The pools of SQL connections of a service.
    Pool(Access<Pool>),
    /// The Kafka consumers of a service.
    Consumer(Access<Consumer>),
    Database(Access<Database>),
    Pooler(Access<Pooler>),
    Kafka(Access<KafkaCluster>),
    Topic(Access<Topic>),
    Cell(Access<Cell>),
    Slo(Access<Slo>),
    Secret(Access<SecretStore>),
    Overlay(Access<Overlay>),
    /// No field: the part keeps it under its key ([`crate::stated::Said`]).
    Said,
    /// No value: names of other parts, which become calls and pools between them.
    Relation,
    /// No value: the map that contains facts.
    Map,
}

/// A part of the model that facts are about.
pub trait Part: Sized {
    /// The access to a fact that it keeps in a field.
    fn access(slot: &Slot) -> Option<&Access<Self>>;

    /// The facts that only people state.
    fn said(&self) -> &Said;

    /// The same, to add one.
    fn said_mut(&mut self) -> &mut Said;

    /// The value of a fact, if it is known.
    fn known(&self, entry: &Entry) -> Option<Fact<Value>> {
        match (Self::access(&entry.slot), &entry.slot) {
            (Some(access), _) => (access.get)(self),
            (None, Slot::Said) => self.said().get(entry.key).cloned(),
            (None, _) => None,
        }
    }

    /// Sets a fact that people state. One that another part keeps changes nothing.
    fn state(&mut self, entry: &'static Entry, stated: &Fact<Value>) {
        match (Self::access(&entry.slot), &entry.slot) {
            (Some(access), _) => (access.set)(self, stated),
            (None, Slot::Said) => self.said_mut().insert(entry.key, stated.clone()),
            (None, _) => {}
        }
    }
}

macro_rules! part {
    ($($type:ty => $slot:ident),* $(,)?) => { $(
        impl Part for $type {
            fn access(slot: &Slot) -> Option<&Access<Self>> {
                match slot {
                    Slot::$slot(access) => Some(access),
                    _ => None,
                }
            }

            fn said(&self) -> &Said {
                &self.said
            }

            fn said_mut(&mut self) -> &mut Said {
                &mut self.said
            }
        }
    )* };
}

part!(
    Service => Service,
    Database => Database,
    Pooler => Pooler,
    KafkaCluster => Kafka,
    Topic => Topic,
    Cell => Cell,
    Slo => Slo,
    SecretStore => Secret,
    Overlay => Overlay,
);

/// The value of a field.
pub(super) fn get<T: Typed>(field: &Option<Fact<T>>) -> Option<Fact<Value>> {
    let fact = field.as_ref()?;
    Some(Fact {
        value: fact.value.value(),
        source: fact.source.clone(),
    })
}

/// Sets a field.
pub(super) fn set<T: Typed>(field: &mut Option<Fact<T>>, stated: &Fact<Value>) {
    if let Some(value) = T::typed(&stated.value) {
        *field = Some(Fact {
            value,
            source: stated.source.clone(),
        });
    }
}

/// The names in a list of facts; `None` if there are none.
pub(super) fn names(list: &[Fact<String>]) -> Option<Fact<Value>> {
    let source = list.first()?.source.clone();
    Some(Fact {
        value: Value::Names(list.to_vec()),
        source,
    })
}

/// [`Access`] to a field of type `Option<Fact<T>>`.
macro_rules! field {
    ($($field:ident).+) => {
        crate::registry::access::Access {
            get: |part| crate::registry::access::get(&part.$($field).+),
            set: |part, stated| crate::registry::access::set(&mut part.$($field).+, stated),
        }
    };
}
pub(super) use field;
