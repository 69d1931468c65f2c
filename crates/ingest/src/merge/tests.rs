use super::*;
use cofferdam_model::FileId;
use cofferdam_model::Owner;
use cofferdam_model::kafka::{Acks, Producer, ProducerRole};

fn span(file: u32, at: usize) -> Span {
    Span::new(FileId(file), at, at + 1)
}

fn producer(file: u32, acks: Acks) -> Parts {
    let mut one = Producer::at(span(file, 0), Owner::named("orders"), ProducerRole::Main);
    one.acks = Some(Fact::declared(acks, span(file, 1)));
    Parts {
        producers: vec![one],
        ..Parts::default()
    }
}

#[test]
fn a_later_document_of_equal_rank_counts_and_the_other_claim_is_kept() {
    let mut merger = Merger::default();
    merger.add(producer(0, Acks::Leader), Rank::Shared);
    merger.add(producer(1, Acks::All), Rank::Shared);
    let parts = merger.finish();
    assert_eq!(parts.producers.len(), 1);
    assert_eq!(parts.producers[0].acks.as_ref().unwrap().value, Acks::All);
    assert_eq!(
        parts.lost_claims,
        [LostClaim {
            subject: "producer of orders".to_owned(),
            attribute: "acks",
            kept: span(1, 1),
            lost: span(0, 1),
        }]
    );
}

#[test]
fn a_document_of_an_environment_overrides_without_a_contradiction() {
    let mut merger = Merger::default();
    merger.add(producer(0, Acks::Leader), Rank::Shared);
    merger.add(producer(1, Acks::All), Rank::Specific);
    let parts = merger.finish();
    assert_eq!(parts.producers[0].acks.as_ref().unwrap().value, Acks::All);
    assert_eq!(parts.lost_claims, []);
}

#[test]
fn a_description_for_one_environment_overrides_all_descriptions_for_every_environment() {
    let described = |value: &str, file| Parts {
        descriptions: vec![cofferdam_model::delivery::Description {
            subject: "service api".to_owned(),
            attribute: "replicas".to_owned(),
            value: Fact::declared(value.to_owned(), span(file, 0)),
            by: "Grand Central".to_owned(),
            namespace: None,
            deployment: None,
        }],
        ..Parts::default()
    };
    let values = |documents: &[(&str, u32, Rank)]| {
        let mut merger = Merger::default();
        for (value, file, rank) in documents {
            merger.add(described(value, *file), *rank);
        }
        let mut values: Vec<String> = merger
            .finish()
            .descriptions
            .into_iter()
            .map(|d| d.value.value)
            .collect();
        values.dedup();
        values
    };
    let shared = [("2", 0, Rank::Shared), ("3", 1, Rank::Shared)];
    assert_eq!(values(&shared), ["2", "3"]);
    assert_eq!(
        values(&[&shared[..], &[("5", 2, Rank::Specific)]].concat()),
        ["5"]
    );
}

#[test]
fn the_order_of_documents_does_not_change_that_an_environment_overrides_common_values() {
    let mut other = producer(1, Acks::All);
    other.producers[0].owner = Owner::named("billing");
    let mut merger = Merger::default();
    merger.add(producer(0, Acks::Leader), Rank::Shared);
    merger.add(other, Rank::Specific);
    merger.add(producer(2, Acks::All), Rank::Specific);
    let parts = merger.finish();
    let orders = parts
        .producers
        .iter()
        .find(|p| p.owner.name.as_deref() == Some("orders"))
        .unwrap();
    assert_eq!(orders.acks.as_ref().unwrap().value, Acks::All);
    assert_eq!(parts.lost_claims, []);
}

#[test]
fn two_parts_of_one_document_stay_two() {
    let mut two = producer(0, Acks::All);
    two.producers.extend(producer(0, Acks::Leader).producers);
    let mut merger = Merger::default();
    merger.add(two, Rank::Shared);
    assert_eq!(merger.finish().producers.len(), 2);
}
