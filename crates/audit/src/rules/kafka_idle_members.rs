//! A group assigns each partition to one member. Members beyond the number of partitions get none.

use super::common::{self, At};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::members::{self, Partitions};
use cofferdam_model::Service;
use cofferdam_model::kafka::{Assignor, Consumer};
use cofferdam_model::registry::{self, Missing, Need};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-idle-members"),
    group: Group::Kafka,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a consumer group can have more members than partitions: the rest run idle"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-idle-members.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        judge(cx, consumer, out);
    }
}

fn judge(cx: &Context<'_>, consumer: &Consumer, out: &mut Verdicts) {
    let name = common::group_name(consumer, cx.env);
    let service = cx.env.owner_service(&consumer.owner);
    let mut evidence = Evidence::new();
    let Some(of_topics) = members::partitions(consumer, cx.env, &mut evidence) else {
        if !consumer.topics.is_empty() || consumer.group.is_some() {
            let need = match evidence.needs.into_iter().next() {
                Some(need) => Missing::from(need),
                None => Missing::from("the topic that it reads, under `kafka.topics` with its partitions"),
            };
            out.cannot_judge(name, [need], None);
        }
        return;
    };
    // As many members have work.
    let partitions = of_topics.most_members();
    let Some(service) = service else { return };
    evidence.owner(&consumer.owner);
    let per_replica = members::per_replica(consumer, service, &mut evidence);
    let scales = common::replicas(service);
    let Some((_, most)) = scales.iter().max_by_key(|(_, f)| f.value) else {
        out.cannot_judge(
            name,
            [Need::of(&registry::services::REPLICAS, &service.name)],
            None,
        );
        return;
    };
    let idle = |replicas: u32, each: u32| (replicas.saturating_mul(each)).saturating_sub(partitions);
    let worst = idle(most.value, per_replica);
    let other = members::other_reading(consumer);
    let other_worst = other.map(|(w, _)| idle(most.value, per_replica.saturating_mul(w.count.value)));
    let ruled_out = other.is_none_or(|(_, ruled_out)| ruled_out);
    if worst == 0 && (ruled_out || other_worst == Some(0)) {
        return;
    }
    let mut by_scale = Vec::new();
    let mut finding_figures = Vec::new();
    for (at, fact) in &scales {
        evidence.note(*fact, format!("{} replicas: {}", at.name(), fact.value));
        let members = fact.value.saturating_mul(per_replica);
        by_scale.push(format!(
            "{} idle of {members} at {} ({})",
            idle(fact.value, per_replica),
            at.name(),
            common::count(u64::from(fact.value), "replica")
        ));
        if *at != At::Current {
            finding_figures.push((format!("members_at_{}", at.name()), members));
        }
        finding_figures.push((format!("idle_at_{}", at.name()), idle(fact.value, per_replica)));
    }
    let members = most.value.saturating_mul(per_replica);
    let (title, severity) = if worst > 0 {
        let title = format!(
            "{name}: {} on {}: {worst} of them never {} any",
            common::count(u64::from(members), "member"),
            common::count(u64::from(partitions), "partition"),
            if worst == 1 { "gets" } else { "get" }
        );
        (title, Severity::Medium)
    } else {
        let title = format!(
            "{name}: enough partitions if each process is one member; {} idle if each worker is one",
            other_worst.unwrap_or(0)
        );
        (title, Severity::Low)
    };
    let mut explanation = format!(
        "{} goes to exactly one member of the group; members beyond that hold a connection, join \
         every rebalance and process nothing. {}.",
        match of_topics.all() == partitions {
            true => format!(
                "Each of the {}",
                common::count(u64::from(partitions), "partition")
            ),
            false => format!(
                "Range assigns each topic separately, beginning with the same member, so the largest topic decides: each of \
                 its {}",
                common::count(u64::from(partitions), "partition")
            ),
        },
        by_scale.join("; ")
    );
    let mut finding_extra = None;
    if let (Some((worker, ruled_out)), Some(idle_then)) = (other, other_worst) {
        let n = worker.count.value;
        evidence.note(
            &worker.count,
            format!("{} a process", common::count(n.into(), "worker")),
        );
        let total = most.value.saturating_mul(per_replica).saturating_mul(n);
        let known = if ruled_out {
            ", and the code builds one consumer a process"
        } else {
            ""
        };
        explanation.push_str(&format!(
            " A worker thread is not a member by itself{known}: the {n} `{}` of a process share its assigned \
             partitions. If each built its own consumer, {n} × {} would be {}, {idle_then} of them idle.",
            worker.name,
            common::count(most.value.saturating_mul(per_replica).into(), "replica"),
            common::count(total.into(), "member")
        ));
        finding_extra = Some((total, idle_then));
    }
    let mut finding = Finding::new(name, title)
        .severity(severity)
        .explain(explanation)
        .remedy(remedy(service, &of_topics, (per_replica, members)))
        .figure("partitions", partitions, "partitions")
        .evidence(evidence);
    for (figure, value) in finding_figures {
        finding = finding.figure(figure, value, "members");
    }
    if let Some((total, idle_then)) = finding_extra {
        finding = finding
            .figure("members_if_each_worker_is_one", total, "members")
            .figure("idle_if_each_worker_is_one", idle_then, "members");
    }
    out.report(finding.at(consumer.span, "the consumer"));
}

/// How every member gets a partition: with fewer members, or with more partitions.
fn remedy(service: &Service, of_topics: &Partitions, (per_replica, members): (u32, u32)) -> String {
    let partitions = of_topics.most_members();
    let fewer = match partitions / per_replica.max(1) {
        0 => format!(
            "Build at most {} in a replica and run one replica",
            common::count(partitions.into(), "consumer")
        ),
        n => {
            let replicas = common::count(n.into(), "replica");
            match service.autoscalers.is_empty() {
                true => format!("Run at most {replicas}"),
                false => format!("Limit the autoscaler to {replicas}"),
            }
        }
    };
    let (whose, together) = match (of_topics.topics.len(), of_topics.assignor) {
        (1, _) => ("the topic", ""),
        (_, Assignor::Range) => ("the largest topic", ""),
        _ => ("its topics", " together"),
    };
    format!(
        "{fewer}, or give {whose} at least {}{together} before it may scale further (partitions can be added, not \
         removed).",
        common::count(members.into(), "partition")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer};

    #[test]
    fn fifty_members_on_twelve_partitions_leave_thirty_eight_idle() {
        // 50 replicas × 1 consumer = 50 members; 50 − 12 = 38.
        let env = env_with_consumer(12, (2, 2, 50), None);
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["idle_at_max"].value, 38.0);
        assert_eq!(finding.figures["idle_at_min"].value, 0.0);
    }

    #[test]
    fn one_idle_member_is_singular() {
        let title = testing::only(&RULE, &env_with_consumer(1, (1, 1, 2), None)).title;
        assert!(
            title.ends_with("2 members on 1 partition: 1 of them never gets any"),
            "{title}"
        );
    }

    #[test]
    fn a_worker_setting_gives_a_second_interpretation_with_its_own_figure() {
        // 12 workers × 50 replicas = 600 members; 600 − 12 = 588.
        let env = env_with_consumer(12, (2, 2, 50), Some(12));
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["idle_at_max"].value, 38.0);
        assert_eq!(finding.figures["idle_if_each_worker_is_one"].value, 588.0);
        assert!(finding.assumptions[0].contains("one consumer a process"));
    }

    #[test]
    fn the_assignor_decides_how_many_members_of_two_topics_are_idle() {
        use crate::rules::testing::fact;
        use cofferdam_model::kafka::Topic;
        // Topics of 12 and 6 partitions, 50 members.
        let mut env = env_with_consumer(12, (2, 2, 50), None);
        let second = Topic {
            name: fact("second".to_owned(), 70),
            partitions: Some(fact(6, 71)),
            ..env.topics[0].clone()
        };
        env.topics.push(second);
        env.consumers[0].topics.push(fact("second".to_owned(), 72));
        env.consumers[0].topic_ids.push(cofferdam_model::TopicId(1));
        for (assignor, idle) in [(Assignor::Range, 38.0), (Assignor::RoundRobin, 32.0)] {
            env.consumers[0].assignors = vec![fact(assignor, 73)];
            let finding = testing::only(&RULE, &env);
            assert_eq!(finding.figures["idle_at_max"].value, idle, "{assignor:?}");
        }
        // Without an assignor the client's default counts, and is named.
        env.consumers[0].assignors.clear();
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["idle_at_max"].value, 38.0);
        assert!(
            finding.assumptions.iter().any(|why| why.contains("range")),
            "{:?}",
            finding.assumptions
        );
    }

    #[test]
    fn as_many_members_as_partitions_are_silent() {
        assert!(testing::all(&RULE, &env_with_consumer(12, (2, 6, 12), None)).is_empty());
    }
}
