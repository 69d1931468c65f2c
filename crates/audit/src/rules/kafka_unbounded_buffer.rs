//! With an unbounded queue in memory, a slow downstream ends in a killed process.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-unbounded-buffer"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a consumer's queue in memory has no bound: when work is slow it grows until the process is killed",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-unbounded-buffer.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for consumer in &cx.env.consumers {
        for buffer in consumer.buffers.iter().filter(|b| b.bound.is_none()) {
            let name = cx.env.owner_name(&consumer.owner);
            let mut evidence = Evidence::new();
            evidence.likely();
            evidence.place(buffer.span, "no bound");
            let limit = cx
                .env
                .owner_service(&consumer.owner)
                .into_iter()
                .flat_map(|s| &s.workloads)
                .flat_map(|id| &cx.env.workloads[id.0].containers)
                .find_map(|c| c.memory_limit.as_ref());
            let killed = match limit {
                Some(limit) => {
                    evidence.note(limit, "killed at this limit");
                    format!(
                        "the container's memory limit of {} is reached and the process is killed",
                        limit.value
                    )
                }
                None => "the node's memory is exhausted and a process on it is killed".to_owned(),
            };
            out.report(
                Finding::new(
                    Subject::shown_as("queue", &name, &format!("queue {} of {name}", buffer.name))
                        .in_namespace(common::namespace(cx.env, &consumer.owner)),
                    format!("{name}: the queue `{}` between polling and working has no bound", buffer.name),
                )
                .cause(("queue", buffer.name.as_str()))
                .explain(format!(
                    "When the work is slow, polling continues at full speed: the queue grows until {killed}. \
                     The remaining members read its messages again, carry more load and fill up sooner. {}",
                    "In this way one slow dependency stops the whole group."
                ))
                .remedy(
                    "Give the queue a maximum (a few batches) and pause polling while it is full (`consumer.pause`), so that the \
                     backlog stays in Kafka, where it is safe.",
                )
                .evidence(evidence)
                .at(consumer.span, common::group_name(consumer, cx.env)),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact, span};
    use cofferdam_model::kafka::Buffer;

    #[test]
    fn a_queue_without_a_limit_is_reported_and_one_with_a_limit_is_not() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        env.consumers[0].buffers = vec![Buffer {
            name: "batch_queue".to_owned(),
            span: span(9),
            bound: None,
        }];
        assert!(testing::only(&RULE, &env).title.contains("batch_queue"));
        env.consumers[0].buffers[0].bound = Some(fact(100, 10));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
