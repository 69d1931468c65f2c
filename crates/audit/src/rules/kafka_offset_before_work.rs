//! If an offset is committed before the work is done, the message is lost when the process dies.

use super::common;
use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::kafka::CommitOrder;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-offset-before-work"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "offsets are committed before the work is done: messages in memory are lost when the process dies",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-offset-before-work.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        let name = common::group_name(consumer, cx.env);
        let mut evidence = Evidence::new();
        let (title, explanation) = match (&consumer.auto_commit, &consumer.commit_order, &consumer.client) {
            (Some(auto), _, _) if auto.value => {
                evidence.note(auto, "committed on a timer");
                auto_words(&name)
            }
            (_, Some(order), _) if order.value == CommitOrder::BeforeWork => {
                evidence.note(order, "committed here, before the work succeeded");
                (
                    format!("{name}: offsets are committed before the work has succeeded"),
                    "If the process dies between the commit and the end of the work, the messages in between are never read again."
                        .to_owned(),
                )
            }
            (None, None, Some(client)) => {
                evidence.note(client, "the consumer's client");
                evidence.assume("enable.auto.commit is not set; its default is true in every common client");
                auto_words(&name)
            }
            _ => continue,
        };
        out.report(
            Finding::new(name, title)
                .explain(explanation)
                .remedy(
                    "Set enable.auto.commit=false and commit the offsets of a batch only after all of it has \
                     been stored or sent on. Make the work safe to repeat, because it will be repeated.",
                )
                .evidence(evidence)
                .at(consumer.span, "the consumer"),
        );
    }
}

fn auto_words(name: &str) -> (String, String) {
    (
        format!("{name}: offsets are committed on a timer, whether or not the work succeeded"),
        "Auto-commit stores the position of the last poll every 5 s (auto.commit.interval.ms). Messages that \
         were polled and wait in memory count as done. When the process dies they are never read again."
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact};

    #[test]
    fn auto_commit_and_commit_before_work_are_reported() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        assert!(testing::all(&RULE, &env).is_empty());
        env.consumers[0].auto_commit = Some(fact(true, 9));
        assert!(testing::only(&RULE, &env).title.contains("timer"));
        env.consumers[0].auto_commit = Some(fact(false, 9));
        assert!(testing::all(&RULE, &env).is_empty());
        env.consumers[0].commit_order = Some(fact(CommitOrder::BeforeWork, 9));
        assert!(testing::only(&RULE, &env).title.contains("before"));
        env.consumers[0].commit_order = Some(fact(CommitOrder::AfterWork, 9));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
