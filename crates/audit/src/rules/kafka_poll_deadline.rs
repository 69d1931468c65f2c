//! A member that works on a batch for longer than max.poll.interval is removed from its group.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::registry;
use cofferdam_model::units::show_duration;
use std::time::Duration;

/// The rule.
pub const RULE: Rule = Rule {
    id: "kafka-poll-deadline",
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: "a full batch takes longer than max.poll.interval: the member is removed from its group and the \
        batch repeated",
    absences: &[],
    page: include_str!("../../../../docs/rules/kafka-poll-deadline.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        let name = common::group_name(consumer, cx.env);
        let mut evidence = Evidence::new();
        let records = evidence.take_or(
            consumer.max_poll_records.as_ref(),
            "records in a batch",
            500,
            "max.poll.records is 500, the default",
        );
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
        let fits = (deadline.as_secs_f64() / each.as_secs_f64()).floor();
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
            .remedy(format!(
                "Set max.poll.records to at most {fits}, or max.poll.interval.ms above {}.",
                show_duration(batch)
            ))
            .figure("batch_time", batch.as_secs_f64(), "s")
            .figure("allowed", deadline.as_secs_f64(), "s")
            .figure("records_that_fit", fits, "records")
            .evidence(evidence)
            .at(consumer.span, "the consumer"),
        );
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
}
