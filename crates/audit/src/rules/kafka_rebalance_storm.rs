//! Every pod that joins or leaves stops the group while it rebalances. An eager assignor stops all members.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::members;
use cofferdam_model::kafka::{Consumer, KafkaClient};
use cofferdam_model::units::{show_duration, times};
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-rebalance-storm"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "every deploy and scale-out stops the whole consumer group: eager assignor, no static membership",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-rebalance-storm.md")),
    check: Check::BuiltIn(check),
};

const HEARTBEAT: Duration = Duration::from_secs(3);

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        judge(cx, consumer, out);
    }
}

fn judge(cx: &Context<'_>, consumer: &Consumer, out: &mut Verdicts) {
    if consumer
        .protocol
        .as_ref()
        .is_some_and(|p| p.value.eq_ignore_ascii_case("consumer"))
    {
        return;
    }
    let Some(service) = cx.env.owner_service(&consumer.owner) else {
        return;
    };
    let scales = common::replicas(service);
    let most = scales.iter().map(|(_, f)| f.value).max().unwrap_or(0);
    let least = scales.iter().map(|(_, f)| f.value).min().unwrap_or(0);
    let mut evidence = Evidence::new();
    evidence.owner(&consumer.owner);
    let per_replica = members::per_replica(consumer, service, &mut evidence);
    let members = most.saturating_mul(per_replica);
    if members < 2 {
        return;
    }
    let is_eager = members::assignor(consumer, &mut evidence).is_eager();
    let is_static = consumer.instance_id.is_some();
    if !is_eager || is_static && least == most {
        // Incremental assignment moves only the partitions that must move; static members that only restart
        // move nothing.
        return;
    }
    for (at, fact) in &scales {
        evidence.note(*fact, format!("{} replicas: {}", at.name(), fact.value));
    }
    let client = consumer.client.as_ref().map(|c| c.value);
    let default = client.unwrap_or(KafkaClient::Java).session_timeout();
    let whose = match client.map(|c| (c, c.session_timeout().as_secs())) {
        Some((client, seconds)) if seconds != 45 => {
            format!(
                "session.timeout.ms is {seconds} s, the default of {}",
                client.name()
            )
        }
        _ => "session.timeout.ms is 45 s, the default since Kafka 3.0".to_owned(),
    };
    let session = evidence.take_or(
        consumer.session_timeout.as_ref(),
        "session timeout",
        default,
        &whose,
    );
    let heartbeat = evidence.take_or(
        consumer.heartbeat.as_ref(),
        "heartbeat interval",
        HEARTBEAT,
        "heartbeat.interval.ms is 3 s, the default: a member learns of a rebalance with its next heartbeat",
    );
    let per_deploy = if is_static { 0 } else { 2 * members };
    let scale_out = (most - least).saturating_mul(per_replica);
    let standstill = heartbeat * per_deploy;
    let standstill_scale = heartbeat * scale_out;
    let name = common::group_name(consumer, cx.env);
    let title = if is_static {
        format!(
            "{name}: a scale-out from {least} to {most} replicas stops all partitions {}",
            times(scale_out.into())
        )
    } else {
        format!(
            "{name}: a rolling restart of {members} members stops all partitions {per_deploy} times, at least {}",
            show_duration(standstill)
        )
    };
    let mut explanation =
        "With an eager assignor every member gives up all its partitions whenever a member \
         joins or leaves. Nobody processes messages until the last member has joined again, at least one \
         heartbeat interval each time."
            .to_owned();
    if !is_static {
        explanation.push_str(&format!(
            " Without static membership a restarted pod leaves and joins: two rebalances each. A pod that \
             dies without leaving keeps its partitions until the session timeout, {}.",
            show_duration(session)
        ));
    }
    if scale_out > 0 {
        explanation.push_str(&format!(
            " An autoscaler that goes from {least} to {most} replicas adds up to {} ({} at least), exactly when the group is behind.",
            common::count(scale_out.into(), "more rebalance"),
            show_duration(standstill_scale)
        ));
    }
    let severity = common::severity_in(
        cx.env,
        if scale_out > 0 || members > 4 {
            Severity::High
        } else {
            Severity::Medium
        },
    );
    out.report(
        Finding::new(name, title)
            .severity(severity)
            .explain(explanation)
            .remedy(remedy(consumer))
            .figure("members", members, "members")
            .figure("rebalances_per_deploy", per_deploy, "rebalances")
            .figure("standstill_per_deploy", standstill.as_secs_f64(), "s")
            .figure("rebalances_per_scale_out", scale_out, "rebalances")
            .figure("standstill_per_scale_out", standstill_scale.as_secs_f64(), "s")
            .figure("standstill_of_a_lost_member", session.as_secs_f64(), "s")
            .evidence(evidence)
            .at(consumer.span, "the consumer"),
    );
}

/// The settings that are missing and would avoid the rebalances of an eager assignor, as far as the client has them.
fn remedy(consumer: &Consumer) -> String {
    let client = consumer.client.as_ref().map(|c| c.value);
    let incremental = client.is_none_or(KafkaClient::assigns_incrementally);
    let may_be_static = client.is_none_or(KafkaClient::has_static_members);
    let mut missing = Vec::new();
    if incremental {
        missing.push(match client {
            Some(KafkaClient::Java) => {
                "partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
            }
            _ => "partition.assignment.strategy=cooperative-sticky",
        });
    }
    if may_be_static && consumer.instance_id.is_none() {
        missing.push(
            "group.instance.id from the pod's stable name (StatefulSet) with session.timeout.ms \
            longer than a restart",
        );
    }
    let own = client.map_or("the client", KafkaClient::name);
    match (missing.is_empty(), incremental) {
        (false, true) => format!(
            "Set {}; on Kafka 4 brokers, group.protocol=consumer does both where the client has it.",
            missing.join(" and ")
        ),
        (false, false) => format!(
            "Set {}. {own} has no cooperative assignor.",
            missing.join(" and ")
        ),
        (true, _) => format!(
            "Keep the number of replicas steady, or use another client: {own} has no cooperative assignor{}.",
            if may_be_static {
                ""
            } else {
                " and no static members"
            }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact};
    use cofferdam_model::kafka::Assignor;

    #[test]
    fn fifty_members_stop_a_hundred_times_a_deploy() {
        // 2 rebalances × 50 members = 100; × 3 s = 300 s. Scale-out 2 → 50: 48 × 3 s = 144 s.
        let finding = testing::only(&RULE, &env_with_consumer(12, (2, 2, 50), None));
        assert_eq!(finding.figures["rebalances_per_deploy"].value, 100.0);
        assert_eq!(finding.figures["standstill_per_deploy"].value, 300.0);
        assert_eq!(finding.figures["standstill_per_scale_out"].value, 144.0);
    }

    #[test]
    fn cooperative_assignment_and_the_new_protocol_are_silent() {
        let mut env = env_with_consumer(12, (2, 2, 6), None);
        env.consumers[0].assignors = vec![fact(Assignor::CooperativeSticky, 9)];
        assert!(testing::all(&RULE, &env).is_empty());
        env.consumers[0].assignors.clear();
        env.consumers[0].protocol = Some(fact("consumer".to_owned(), 9));
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn the_remedy_names_the_assignor_as_the_client_calls_it() {
        let mut env = env_with_consumer(12, (2, 2, 50), None);
        env.consumers[0].client = Some(fact(KafkaClient::Java, 9));
        let remedy = testing::only(&RULE, &env).remedy;
        assert!(remedy.contains("CooperativeStickyAssignor"), "{remedy}");
        env.consumers[0].client = Some(fact(KafkaClient::Librdkafka, 9));
        assert!(testing::only(&RULE, &env).remedy.contains("=cooperative-sticky"));
    }

    #[test]
    fn a_client_is_advised_what_it_has_and_counts_with_its_own_default() {
        let mut env = env_with_consumer(12, (2, 2, 50), None);
        env.consumers[0].client = Some(fact(KafkaClient::AioKafka, 9));
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["standstill_of_a_lost_member"].value, 10.0);
        assert!(finding.remedy.contains("group.instance.id"), "{}", finding.remedy);
        assert!(
            !finding.remedy.contains("cooperative-sticky"),
            "{}",
            finding.remedy
        );
        assert!(!finding.remedy.contains("group.protocol"), "{}", finding.remedy);
        env.consumers[0].client = Some(fact(KafkaClient::KafkaJs, 9));
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["standstill_of_a_lost_member"].value, 30.0);
        assert!(
            !finding.remedy.contains("group.instance.id"),
            "{}",
            finding.remedy
        );
        env.consumers[0].client = None;
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["standstill_of_a_lost_member"].value, 45.0);
    }

    #[test]
    fn one_rebalance_is_singular() {
        let finding = testing::only(&RULE, &env_with_consumer(12, (2, 2, 3), None));
        let text = finding.explanation;
        assert!(
            text.contains("adds up to 1 more rebalance (3 s at least)"),
            "{text}"
        );
        let mut env = env_with_consumer(12, (2, 2, 3), None);
        env.consumers[0].instance_id = Some(fact("web-0".to_owned(), 9));
        let title = testing::only(&RULE, &env).title;
        assert!(title.ends_with("stops all partitions once"), "{title}");
    }

    #[test]
    fn a_single_member_is_silent() {
        assert!(testing::all(&RULE, &env_with_consumer(12, (1, 1, 1), None)).is_empty());
    }
}
