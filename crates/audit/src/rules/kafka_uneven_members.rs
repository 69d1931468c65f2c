//! If the number of partitions is not a multiple of the members, some members carry more load than others.

use super::common::{self, At};
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::members::{self, Partitions};
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
    let Some(partitions) = members::partitions(consumer, cx.env, &mut evidence) else {
        return;
    };
    let Some(service) = cx.env.owner_service(&consumer.owner) else {
        return;
    };
    evidence.owner(&consumer.owner);
    if let Some((worker, false)) = members::other_reading(consumer)
        && is_uneven(&partitions, worker.count.value)
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
                partitions: partitions.clone(),
                members: worker.count.value,
                severity: Severity::Low,
                evidence,
            },
            out,
        );
    }
    let per_replica = members::per_replica(consumer, service, &mut evidence);
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
    if !is_uneven(&partitions, members) {
        return;
    }
    evidence.note(*replicas, format!("{} replicas: {}", at.name(), replicas.value));
    let ratio = f64::from(partitions.over(members).busiest) / mean(&partitions, members);
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

/// Whether each member gets partitions, and not all the same number.
fn is_uneven(partitions: &Partitions, members: u32) -> bool {
    let shares = partitions.over(members);
    members > 0 && members < partitions.most_members() && shares.busiest > shares.least
}

/// Partitions of a member on average.
fn mean(partitions: &Partitions, members: u32) -> f64 {
    f64::from(partitions.all()) / f64::from(members)
}

struct Case {
    partitions: Partitions,
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
    let (shares, mean) = (partitions.over(members), mean(&partitions, members));
    let (busiest, all) = (shares.busiest, partitions.all());
    let effective = f64::from(all) / f64::from(busiest);
    let even: Vec<String> = partitions.even(1000).map(|n| n.to_string()).collect();
    out.report(
        Finding::new(
            name.clone(),
            format!(
                "{name}: {all} partitions over {members} members: the busiest carries {busiest}, the mean is {}",
                show_number(mean)
            ),
        )
        .severity(severity)
        .explain(format!(
            "All {all} partitions are assigned: {} {busiest} and {} {}{}. The group keeps up only as long \
             as its busiest member does, so it has the capacity of {}, not of {members}.",
            gets(shares.busiest_members, " member"),
            gets(shares.least_members, ""),
            shares.least,
            match members - shares.busiest_members - shares.least_members {
                0 => "",
                _ => ", the others a number between",
            },
            amount(effective, "member")
        ))
        .remedy(format!(
            "Run a number of members that divides {} ({}), or choose a number of partitions with \
             many divisors.",
            match partitions.topics.len() {
                1 => all.to_string(),
                _ => "the partitions evenly".to_owned(),
            },
            even.join(", ")
        ))
        .figure("partitions", all, "partitions")
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
