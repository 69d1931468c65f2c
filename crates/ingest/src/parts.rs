//! Parts of the platform that many files describe: one producer, one consumer, one pool of an owner, however
//! many files set something of it. A reader requests the part here and sets the values of its file; a later
//! and nearer value overrides one for all.

use cofferdam_model::calls::Breaker;
use cofferdam_model::database::{Database, Pool, PoolTarget};
use cofferdam_model::delivery::{Delivery, Description};
use cofferdam_model::kafka::{Consumer, Producer, ProducerRole};
use cofferdam_model::{Fact, Home, Owner, Parts, Service, Span};

/// Whether two places belong to the same owner: the same name if both have one, otherwise the same directory.
pub fn same_owner(a: &Owner, b: &Owner) -> bool {
    match (&a.name, &b.name) {
        (Some(x), Some(y)) => x == y && a.home().is_related(b.home()),
        (None, None) => a.directory == b.directory,
        _ => false,
    }
}

/// Sets a value that a nearer place declares; it overrides a known one.
pub fn set<T>(slot: &mut Option<Fact<T>>, fact: Fact<T>) {
    *slot = Some(fact);
}

/// Sets a value only where none is known.
pub fn fill<T>(slot: &mut Option<Fact<T>>, fact: Option<Fact<T>>) {
    if slot.is_none() {
        *slot = fact;
    }
}

fn find_or_push<T>(list: &mut Vec<T>, found: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let at = list.iter().position(found).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[at]
}

/// The producer of `owner` in this role, created at `span` if there is none yet.
pub fn producer_mut<'e>(
    parts: &'e mut Parts,
    owner: &Owner,
    role: ProducerRole,
    span: Span,
) -> &'e mut Producer {
    find_or_push(
        &mut parts.producers,
        |p| p.role == role && same_owner(&p.owner, owner),
        || Producer::at(span, owner.clone(), role),
    )
}

/// The consumer of `owner`, created at `span` if there is none yet.
pub fn consumer_mut<'e>(parts: &'e mut Parts, owner: &Owner, span: Span) -> &'e mut Consumer {
    find_or_push(
        &mut parts.consumers,
        |c| same_owner(&c.owner, owner),
        || Consumer::at(span, owner.clone()),
    )
}

/// The pool of `owner` for this kind of server, created at `span` if there is none yet.
pub fn pool_mut<'e>(parts: &'e mut Parts, owner: &Owner, target: PoolTarget, span: Span) -> &'e mut Pool {
    find_or_push(
        &mut parts.pools,
        |p| p.target == target && same_owner(&p.owner, owner),
        || Pool::at(span, owner.clone(), target),
    )
}

/// The delivery of `owner`, created if there is none yet.
pub fn delivery_mut<'e>(parts: &'e mut Parts, owner: &Owner, name: &str, span: Span) -> &'e mut Delivery {
    find_or_push(
        &mut parts.deliveries,
        |d| same_owner(&d.owner, owner),
        || Delivery {
            name: name.to_owned(),
            owner: owner.clone(),
            span: Some(span),
            ..Delivery::default()
        },
    )
}

/// The partial entry of the service with this name, created at `span` if there is none yet. Linking joins it
/// with the statements of other files about the service.
pub fn service_mut<'e>(parts: &'e mut Parts, name: &str, span: Span) -> &'e mut Service {
    find_or_push(
        &mut parts.services,
        |s| s.name == name,
        || Service {
            name: name.to_owned(),
            declared: vec![span],
            ..Service::default()
        },
    )
}

/// The database with this name, created if there is none yet.
pub fn database_mut<'e>(parts: &'e mut Parts, name: &str, span: Span) -> &'e mut Database {
    find_or_push(
        &mut parts.databases,
        |d| d.name == name,
        || Database::named(name, Some(span)),
    )
}

/// The database with this name at a place of a cluster, created if there is none yet.
pub fn database_in<'e>(parts: &'e mut Parts, name: &str, home: Home<'_>, span: Span) -> &'e mut Database {
    let database = find_or_push(
        &mut parts.databases,
        |d| d.name == name && d.home().is_related(home),
        || Database::named(name, Some(span)),
    );
    if database.namespace.is_none() {
        database.namespace = home.namespace.map(str::to_owned);
    }
    database.deployment = database.deployment.or(home.deployment);
    database
}

/// The breaker of `owner` with this name, created at `span` if there is none yet.
pub fn breaker_mut<'e>(parts: &'e mut Parts, owner: &Owner, name: &str, span: Span) -> &'e mut Breaker {
    find_or_push(
        &mut parts.breakers,
        |b| b.name == name && same_owner(&b.owner, owner),
        || Breaker::at(span, owner.clone(), name),
    )
}

/// Records the statement of `by` about an attribute of a subject; a later statement by the same format about
/// the same thing replaces the earlier one, so that an override is not a contradiction.
pub fn describe(parts: &mut Parts, subject: String, attribute: &str, value: Fact<String>, by: &str) {
    let known = parts
        .descriptions
        .iter_mut()
        .find(|d| d.subject == subject && d.attribute == attribute && d.by == by);
    match known {
        Some(known) => known.value = value,
        None => parts.descriptions.push(Description {
            subject,
            attribute: attribute.to_owned(),
            value,
            by: by.to_owned(),
            namespace: None,
            deployment: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;
    use cofferdam_model::kafka::Acks;

    fn span(at: usize) -> Span {
        Span::new(FileId(0), at, at + 1)
    }

    #[test]
    fn settings_of_two_files_for_one_owner_are_one_producer_and_the_later_wins() {
        let mut env = Parts::default();
        let owner = Owner::named("orders");
        let main = ProducerRole::Main;
        set(
            &mut producer_mut(&mut env, &owner, main, span(0)).acks,
            Fact::declared(Acks::Leader, span(1)),
        );
        set(
            &mut producer_mut(&mut env, &owner, main, span(2)).acks,
            Fact::declared(Acks::All, span(3)),
        );
        producer_mut(&mut env, &owner, ProducerRole::DeadLetter, span(4));
        producer_mut(&mut env, &Owner::named("billing"), main, span(5));
        assert_eq!(env.producers.len(), 3);
        assert_eq!(env.producers[0].acks.as_ref().unwrap().value, Acks::All);
        assert_eq!(env.producers[0].span, span(0));
    }

    #[test]
    fn a_name_and_a_directory_are_not_the_same_owner_here() {
        // Linking decides whether they are, because it knows all names.
        assert!(!same_owner(&Owner::named("a"), &Owner::in_directory("a")));
        assert!(same_owner(&Owner::in_directory("a"), &Owner::in_directory("a")));
    }

    #[test]
    fn an_override_is_not_a_second_description() {
        let mut env = Parts::default();
        for value in ["2", "3"] {
            describe(
                &mut env,
                "service a".to_owned(),
                "min replicas",
                Fact::declared(value.to_owned(), span(0)),
                "Grand Central",
            );
        }
        assert_eq!(env.descriptions.len(), 1);
        assert_eq!(env.descriptions[0].value.value, "3");
    }
}
