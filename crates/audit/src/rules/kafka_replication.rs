//! How many brokers may fail before a topic loses data or refuses writes.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::Fact;
use cofferdam_model::kafka::{Acks, Topic};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-replication"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a topic has too few copies, or a minimum in sync that loses data or stops writes with one broker down",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-replication.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for topic in &cx.env.topics {
        judge(cx, topic, out);
    }
}

fn judge(cx: &Context<'_>, topic: &Topic, out: &mut Verdicts) {
    let Some(factor_fact) = &topic.replication_factor else {
        return;
    };
    let mut evidence = Evidence::new();
    let factor = evidence.take(factor_fact, common::count(factor_fact.value.into(), "copy"));
    let own = topic.min_insync_replicas.as_ref();
    let name = &topic.name.value;
    // A topic that sets none has its cluster's, which is known where all that are known have the same (the brokers of one
    // may be services of their own). Kafka's default is 1.
    let mut of_clusters = cx
        .env
        .kafka_clusters
        .iter()
        .map(|c| c.min_insync_replicas.as_ref());
    let first = of_clusters.next().flatten();
    let is_alike = |other: Option<&Fact<u32>>| other.map(|f| f.value) == first.map(|f| f.value);
    let of_cluster = first.filter(|_| of_clusters.all(is_alike));
    let isr = own.or(of_cluster);
    let stops_writes = isr.is_some_and(|isr| isr.value >= 2);
    let (title, explanation, remedy, severity) = if factor < 3 {
        (
            format!(
                "topic {name}: replication factor {factor}: {}",
                if factor <= 1 {
                    "the loss of one broker loses data"
                } else {
                    "no broker can be lost during maintenance of another"
                }
            ),
            if factor <= 1 {
                "There is only one copy. While its broker is down the partitions cannot be read or written, \
                 and if its disk is lost the messages are lost too."
                    .to_owned()
            } else {
                format!(
                    "While one broker is restarted the other has the only copy. A second fault in that time \
                     loses acknowledged messages{}.",
                    match stops_writes {
                        true => ", and with min.insync.replicas=2 every restart stops writes",
                        false => "",
                    }
                )
            },
            "Use replication.factor=3 with min.insync.replicas=2.".to_owned(),
            if factor <= 1 || stops_writes {
                Severity::High
            } else {
                Severity::Medium
            },
        )
    } else if let Some(isr) = isr.filter(|i| i.value >= factor) {
        evidence.note(isr, "all of them must be in sync");
        (
            format!(
                "topic {name}: min.insync.replicas {} of {factor} copies: one broker down stops all writes",
                isr.value
            ),
            "With acks=all every write needs this many replicas in sync. The restart of a single broker \
             leaves one fewer, and producers get NOT_ENOUGH_REPLICAS until it is back."
                .to_owned(),
            format!(
                "Set min.insync.replicas to {}{}.",
                factor - 1,
                if own.is_none() {
                    ", for this topic or for the cluster"
                } else {
                    ""
                }
            ),
            Severity::High,
        )
    } else if let Some(isr) = isr.filter(|i| i.value <= 1)
        && cx
            .env
            .producers
            .iter()
            .any(|p| p.acks.as_ref().is_some_and(|a| a.value == Acks::All))
    {
        evidence.note(isr, "one replica in sync is enough");
        (
            format!("topic {name}: min.insync.replicas 1 makes acks=all wait for one broker only"),
            "acks=all waits for the replicas that are in sync. When the followers fall out of sync, the \
             leader alone acknowledges, and if it is lost those messages are lost."
                .to_owned(),
            "Set min.insync.replicas=2.".to_owned(),
            Severity::Medium,
        )
    } else {
        return;
    };
    out.report(
        Finding::new(Subject::named("topic", name), title)
            .severity(common::severity_in(cx.env, severity))
            .explain(explanation)
            .remedy(remedy)
            .figure("replication_factor", factor, "copies")
            .figure(
                "brokers_that_may_fail",
                isr.map_or(factor.saturating_sub(1), |i| factor.saturating_sub(i.value)),
                "brokers",
            )
            .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact, owned_by, span};
    use cofferdam_model::kafka::{Producer, ProducerRole};

    #[test]
    fn factor_and_minimum_in_sync_are_judged_together() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        let mut producer = Producer::at(span(1), owned_by(0), ProducerRole::Main);
        producer.acks = Some(fact(Acks::All, 2));
        env.producers.push(producer);
        for (factor, isr, fires) in [
            (1, None, true),
            (2, Some(1), true),
            (3, Some(3), true),
            (3, Some(1), true),
            (3, Some(2), false),
            (3, None, false),
        ] {
            env.topics[0].replication_factor = Some(fact(factor, 3));
            env.topics[0].min_insync_replicas = isr.map(|i| fact(i, 4));
            assert_eq!(!testing::all(&RULE, &env).is_empty(), fires, "{factor} {isr:?}");
        }
        // A topic without a minimum has the one of its cluster.
        env.kafka_clusters.push(cofferdam_model::kafka::KafkaCluster {
            min_insync_replicas: Some(fact(3, 5)),
            ..Default::default()
        });
        env.topics[0].min_insync_replicas = None;
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["brokers_that_may_fail"].value, 0.0);
        assert!(finding.remedy.contains("the cluster"), "{}", finding.remedy);
        env.topics[0].min_insync_replicas = Some(fact(2, 4));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
