//! If the number of partitions is not a multiple of the members, some members carry more load than others.

use super::common::{self, At};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::kafka::Consumer;
use cofferdam_model::units::{amount, show_number};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-uneven-members"),
    group: Group::Kafka,
    severity: Severity::Low,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "partitions are not a multiple of the group's members: the busiest member limits the group",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-uneven-members.md")),
    check: Check::BuiltIn(check),
};

/// The load of the busiest member over the mean load from which a change is worth making.
const NOTABLE: f64 = 4.0 / 3.0;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        judge(cx, consumer, out);
    }
}

fn judge(cx: &Context<'_>, consumer: &Consumer, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let Some(partitions) = common::partitions(consumer, cx.env, &mut evidence) else {
        return;
    };
    let Some(service) = cx.env.owner_service(&consumer.owner) else {
        return;
    };
    evidence.owner(&consumer.owner);
    if let Some((worker, false)) = common::other_reading(consumer)
        && partitions > worker.count.value
        && !partitions.is_multiple_of(worker.count.value)
    {
        let mut evidence = evidence.clone();
        evidence.note(&worker.count, common::count(worker.count.value.into(), "worker"));
        evidence.assume(format!(
            "each of the {} `{}` is a member of the group, which nothing in the code shows",
            worker.count.value, worker.name
        ));
        report(
            cx,
            consumer,
            Case {
                partitions,
                members: worker.count.value,
                severity: Severity::Low,
                evidence,
            },
            out,
        );
    }
    let per_replica = common::members_per_replica(consumer, Some(service), &mut evidence);
    let fixed = service.scale.min.as_ref().map(|f| f.value) == service.scale.max.as_ref().map(|f| f.value);
    // An autoscaler passes through uneven numbers while it scales; only the numbers at which it stays can be
    // fixed.
    let rests: Vec<_> = common::replicas(service)
        .into_iter()
        .filter(|(at, _)| *at == At::Min || (fixed && *at == At::Current))
        .collect();
    let Some((at, replicas)) = rests.first() else {
        return;
    };
    let members = replicas.value.saturating_mul(per_replica);
    if members == 0 || members >= partitions || partitions.is_multiple_of(members) {
        return;
    }
    evidence.note(*replicas, format!("{} replicas: {}", at.name(), replicas.value));
    let ratio = f64::from(partitions.div_ceil(members)) / (f64::from(partitions) / f64::from(members));
    let severity = if ratio >= NOTABLE {
        Severity::Medium
    } else {
        Severity::Low
    };
    report(
        cx,
        consumer,
        Case {
            partitions,
            members,
            severity,
            evidence,
        },
        out,
    );
}

struct Case {
    partitions: u32,
    members: u32,
    severity: Severity,
    evidence: Evidence,
}

fn report(cx: &Context<'_>, consumer: &Consumer, case: Case, out: &mut Verdicts) {
    let Case {
        partitions,
        members,
        severity,
        evidence,
    } = case;
    let name = common::group_name(consumer, cx.env);
    let busiest = partitions.div_ceil(members);
    let mean = f64::from(partitions) / f64::from(members);
    let effective = f64::from(partitions) / f64::from(busiest);
    let heavy = partitions % members;
    out.report(
        Finding::new(
            name.clone(),
            format!(
                "{name}: {partitions} partitions over {members} members: the busiest carries {busiest}, the mean is {}",
                show_number(mean)
            ),
        )
        .severity(severity)
        .explain(format!(
            "All {partitions} partitions are assigned: {} {busiest} and {} {}. The group keeps up only as long \
             as its busiest member does, so it has the capacity of {}, not of {members}.",
            gets(heavy, " member"),
            gets(members - heavy, ""),
            busiest - 1,
            amount(effective, "member")
        ))
        .remedy(format!(
            "Run a number of members that divides {partitions} ({}), or choose a number of partitions with \
             many divisors.",
            divisors(partitions)
        ))
        .figure("partitions", partitions, "partitions")
        .figure("members", members, "members")
        .figure("busiest", busiest, "partitions")
        .figure("mean", mean, "partitions")
        .figure("effective_members", effective, "members")
        .evidence(evidence)
        .at(consumer.span, "the consumer"),
    );
}

/// `1 member gets`, `7 members get`, without the noun `1 gets`, `7 get`.
fn gets(n: u32, noun: &str) -> String {
    match n {
        1 => format!("1{noun} gets"),
        n => format!("{n}{noun}{} get", if noun.is_empty() { "" } else { "s" }),
    }
}

fn divisors(n: u32) -> String {
    (1..=n.min(1000))
        .filter(|d| n.is_multiple_of(*d))
        .map(|d| d.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer};

    #[test]
    fn twelve_partitions_over_seven_members_have_the_capacity_of_six_members() {
        // 12 / 7 = 1.714; ceil = 2; 12 / 2 = 6.
        let finding = testing::only(&RULE, &env_with_consumer(12, (7, 7, 7), None));
        assert_eq!(finding.figures["busiest"].value, 2.0);
        assert!((finding.figures["mean"].value - 1.714_285).abs() < 1e-5);
        assert_eq!(finding.figures["effective_members"].value, 6.0);
        assert!(
            finding.explanation.contains("5 members get 2 and 2 get 1"),
            "{}",
            finding.explanation
        );
    }

    #[test]
    fn one_member_is_singular() {
        let text = testing::only(&RULE, &env_with_consumer(3, (2, 2, 2), None)).explanation;
        assert!(text.contains("1 member gets 2 and 1 gets 1."), "{text}");
    }

    #[test]
    fn seven_workers_are_only_a_possible_interpretation() {
        let finding = testing::only(&RULE, &env_with_consumer(12, (2, 2, 50), Some(7)));
        assert_eq!(finding.figures["members"].value, 7.0);
        assert!(!finding.assumptions.is_empty());
    }

    #[test]
    fn divisors_and_more_members_than_partitions_are_silent() {
        for replicas in [1, 2, 3, 4, 6, 12, 20] {
            assert!(
                testing::all(
                    &RULE,
                    &env_with_consumer(12, (replicas, replicas, replicas), None)
                )
                .is_empty()
            );
        }
    }
}
