//! The path for messages that could not be processed must be at least as safe as the path on which they
//! arrived.

use super::common;
use super::kafka_producer_durability::{acks_name, effective_acks};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Absence;
use cofferdam_model::kafka::{Acks, ProducerRole};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-dlq-durability"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("the dead-letter path is weaker than the path it serves, or is missing"),
    absences: &[Absence::Topic],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-dlq-durability.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for producer in cx
        .env
        .producers
        .iter()
        .filter(|p| p.role == ProducerRole::DeadLetter)
    {
        let mut evidence = Evidence::new();
        let Some(acks) = effective_acks(producer, &mut evidence) else {
            continue;
        };
        if acks == Acks::All {
            continue;
        }
        let name = cx.env.owner_name(&producer.owner);
        out.report(
            Finding::new(
                common::of_owner(cx.env, "dead letters", &producer.owner),
                format!("{name}: dead letters are sent with acks={}, so the last copy of a failed message can be lost", acks_name(acks)),
            )
            .explain(
                "When a message goes to the dead-letter topic, its offset is already committed, so this is \
                 the only copy. If only the leader has acknowledged it, it is lost when that broker fails \
                 before a follower has copied it, and nothing reports the loss.",
            )
            .remedy("Give the dead-letter producer acks=all and enable.idempotence=true, and its topic min.insync.replicas=2.")
            .at(producer.span, "the dead-letter producer")
            .evidence(evidence),
        );
    }
    for consumer in &cx.env.consumers {
        let served = consumer.dead_letter.is_some()
            || cx.env.producers.iter().any(|p| {
                p.role == ProducerRole::DeadLetter
                    && (p.owner == consumer.owner || p.owner.service == consumer.owner.service)
            });
        // Only for a consumer whose way of committing is known can we conclude that a dead-letter topic is
        // missing.
        if served || consumer.commit_order.is_none() && consumer.auto_commit.is_none() {
            continue;
        }
        let group = common::group_name(consumer, cx.env);
        let declared = cx
            .env
            .topics
            .iter()
            .find(|topic| is_dead_letter(&topic.name.value));
        let title = match declared {
            Some(topic) => format!(
                "{group}: sends no message that cannot be processed to the dead-letter topic {}",
                topic.name.value
            ),
            None => format!("{group}: no dead-letter topic for messages that cannot be processed"),
        };
        out.report(
            Finding::new(group.clone(), title)
                .severity(Severity::Low)
                .likely()
                .absent(Absence::Topic)
                .explain(
                    "A message that always fails either stops its partition permanently or is dropped: \
                     unless it is sent to a dead-letter topic, there is no third option.",
                )
                .remedy(
                    "Send a message that failed its last try to a dead-letter topic (acks=all), then \
                    commit its offset.",
                )
                .at(consumer.span, "the consumer"),
        );
    }
}

/// Whether a topic is for messages that cannot be processed, by its name.
fn is_dead_letter(name: &str) -> bool {
    let words = || name.split(['-', '_', '.']);
    words().any(|word| {
        ["dlq", "dlt", "dead", "deadletter"]
            .iter()
            .any(|one| word.eq_ignore_ascii_case(one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact, owned_by, span};
    use cofferdam_model::kafka::Producer;

    #[test]
    fn a_dead_letter_producer_that_waits_only_for_the_leader_is_reported() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        let mut producer = Producer::at(span(7), owned_by(0), ProducerRole::DeadLetter);
        producer.acks = Some(fact(Acks::Leader, 8));
        env.producers.push(producer);
        assert!(testing::only(&RULE, &env).title.contains("acks=1"));
        env.producers[0].acks = Some(fact(Acks::All, 8));
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn a_consumer_with_manual_commits_and_no_dead_letters_is_low() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        assert!(testing::all(&RULE, &env).is_empty());
        env.consumers[0].auto_commit = Some(fact(false, 9));
        assert_eq!(testing::only(&RULE, &env).severity, Some(Severity::Low));
    }
}
