//! A member that works on a batch for longer than max.poll.interval is removed from its group.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::kafka::{Consumer, KafkaClient};
use cofferdam_model::registry;
use cofferdam_model::units::{show_duration, show_duration_up};
use std::borrow::Cow;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-poll-deadline"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a full batch takes longer than max.poll.interval: the member is removed from its group and the \
        batch repeated",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-poll-deadline.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        let name = common::group_name(consumer, cx.env);
        let mut evidence = Evidence::new();
        let Some(records) = records(consumer, &mut evidence) else {
            continue;
        };
        let deadline = evidence.take_or(
            consumer.max_poll_interval.as_ref(),
            "time between polls",
            Duration::from_secs(300),
            "max.poll.interval.ms is 300 s, the default",
        );
        let Some(per_record) = &consumer.time_per_record else {
            let need = common::need(cx.env, &consumer.owner, &registry::services::TIME_PER_MESSAGE);
            let allowed = deadline.as_secs_f64() * 1e3 / f64::from(records.max(1));
            out.cannot_judge(
                name,
                [need.because("time to process one message")],
                Some(format!(
                    "{} in {} {} {allowed:.0} ms each",
                    common::count(records.into(), "message"),
                    show_duration(deadline),
                    if records == 1 { "allows" } else { "allow" }
                )),
            );
            continue;
        };
        let each = evidence.take(per_record, "for each message");
        let batch = each * records;
        if batch <= deadline {
            continue;
        }
        let fits = (deadline.as_nanos() / each.as_nanos().max(1)) as u64;
        out.report(
            Finding::new(
                name.clone(),
                format!(
                    "{name}: a full batch takes {}, {} is allowed between polls",
                    show_duration(batch),
                    show_duration(deadline)
                ),
            )
            .explain(format!(
                "After {} without a poll the broker considers the member dead: its partitions move, its \
                 commit is refused, and the next member starts the same batch and fails in the same way. The \
                 group works and never advances.",
                show_duration(deadline)
            ))
            .remedy(remedy(consumer, (records, fits), batch))
            .figure("batch_time", batch.as_secs_f64(), "s")
            .figure("allowed", deadline.as_secs_f64(), "s")
            .figure("records_that_fit", fits as f64, "records")
            .evidence(evidence)
            .at(consumer.span, "the consumer"),
        );
    }
}

/// Records that a consumer gets at a time at most; `None` if its client has no such limit, or no deadline for them.
///
/// Sources: Apache Kafka, kafka-python: `max.poll.records` 500. librdkafka: `poll` returns one message, and `consume` as many
/// as its argument says. aiokafka's `getmany` returns all that was fetched. Sarama and KafkaJS have no deadline between polls.
fn records(consumer: &Consumer, evidence: &mut Evidence) -> Option<u32> {
    if let Some(set) = &consumer.max_poll_records {
        return Some(evidence.take(set, "records in a batch"));
    }
    let (records, why) = match consumer.client.as_ref().map(|client| client.value) {
        Some(KafkaClient::Java | KafkaClient::KafkaPython) | None => {
            (500, "max.poll.records is 500, the default")
        }
        Some(KafkaClient::Librdkafka) => (1, "each poll returns one message, as librdkafka's does"),
        Some(KafkaClient::AioKafka | KafkaClient::Sarama | KafkaClient::KafkaJs) => return None,
    };
    evidence.assume(why);
    Some(records)
}

/// How a batch is done in time: fewer records, if there are several and one fits, or more time.
fn remedy(consumer: &Consumer, (records, fits): (u32, u64), batch: Duration) -> String {
    let time = format!("max.poll.interval.ms above {}", show_duration_up(batch));
    let is_librdkafka = consumer
        .client
        .as_ref()
        .is_some_and(|client| client.value == KafkaClient::Librdkafka);
    match (records, fits) {
        (1, _) | (_, 0) => {
            format!(
                "Set {time}, or make the work on one message shorter: a single one takes longer than is allowed."
            )
        }
        (_, fits) if is_librdkafka => {
            format!("Ask consume() for at most {fits} messages at a time, or set {time}.")
        }
        (_, fits) => format!("Set max.poll.records to at most {fits}, or {time}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact};

    #[test]
    fn five_hundred_records_of_one_second_exceed_five_minutes() {
        // 500 × 1 s = 500 s > 300 s; 300 fit.
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        env.consumers[0].time_per_record = Some(fact(Duration::from_secs(1), 9));
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["batch_time"].value, 500.0);
        assert_eq!(finding.figures["records_that_fit"].value, 300.0);
        env.consumers[0].max_poll_records = Some(fact(300, 9));
        assert!(
            testing::all(&RULE, &env).is_empty(),
            "exactly the deadline still holds"
        );
    }

    #[test]
    fn an_unknown_processing_time_is_asked_for() {
        let verdicts = testing::verdicts(&RULE, &env_with_consumer(12, (1, 1, 1), None));
        assert!(verdicts.unjudged[0].partial.as_ref().unwrap().contains("600 ms"));
    }

    #[test]
    fn a_message_that_takes_longer_than_the_deadline_gets_no_limit_of_zero() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        env.consumers[0].time_per_record = Some(fact(Duration::from_secs(400), 9));
        let remedy = testing::only(&RULE, &env).remedy;
        assert!(
            !remedy.contains("max.poll.records") && remedy.contains("single"),
            "{remedy}"
        );
    }

    #[test]
    fn librdkafka_polls_one_message_and_has_no_max_poll_records() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        env.consumers[0].client = Some(fact(KafkaClient::Librdkafka, 8));
        env.consumers[0].time_per_record = Some(fact(Duration::from_secs(1), 9));
        assert!(testing::all(&RULE, &env).is_empty(), "one message of 1 s");
        env.consumers[0].max_poll_records = Some(fact(500, 10));
        let remedy = testing::only(&RULE, &env).remedy;
        assert!(
            remedy.contains("consume()") && !remedy.contains("max.poll.records"),
            "{remedy}"
        );
    }

    proptest::proptest! {
        #[test]
        fn as_many_records_and_as_much_time_as_advised_are_silent(
            records in 1u32..2000, each in 1u64..100_000, deadline in 1u64..1_000_000,
        ) {
            let with = |records: u32, deadline: Duration| {
                let mut env = env_with_consumer(12, (1, 1, 1), None);
                env.consumers[0].time_per_record = Some(fact(Duration::from_millis(each), 9));
                env.consumers[0].max_poll_records = Some(fact(records, 10));
                env.consumers[0].max_poll_interval = Some(fact(deadline, 11));
                testing::all(&RULE, &env)
            };
            let deadline = Duration::from_millis(deadline);
            for finding in with(records, deadline) {
                let text = |words: &str| {
                    let (_, rest) = finding.remedy.split_once(words)?;
                    Some(rest.split([',', '.']).next()?.to_owned())
                };
                if let Some(advised) = text("max.poll.records to at most ") {
                    proptest::prop_assert!(with(advised.parse().unwrap(), deadline).is_empty());
                }
                let (_, time) = finding.remedy.split_once("max.poll.interval.ms above ").unwrap();
                let time = time.split(',').next().unwrap().trim_end_matches('.').replace(' ', "");
                let time = cofferdam_model::units::duration(&time).unwrap();
                proptest::prop_assert!(with(records, time).is_empty(), "{}", finding.remedy);
            }
        }
    }
}
