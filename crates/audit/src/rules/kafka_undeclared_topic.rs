//! A component uses a topic that no file declares: a scaler sees no lag, an alert never fires.

use crate::finding::{Finding, Severity};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::{Absence, Source};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("kafka-undeclared-topic"),
    group: Group::Kafka,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("an autoscaler, alert or consumer names a topic that nothing declares"),
    absences: &[Absence::Topic],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/kafka-undeclared-topic.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for dangling in cx.env.dangling.iter().filter(|d| d.kind == DanglingKind::Topic) {
        let topic = &dangling.name.value;
        let near = dangling
            .nearest
            .as_ref()
            .and_then(|near| cx.env.topics.iter().find(|t| t.name.value == *near));
        let mut finding = Finding::new(
            &dangling.subject,
            format!("{} names the topic `{topic}`, which nothing here declares", dangling.subject),
        )
        .cause(("topic", topic.as_str()))
        .absent(Absence::Topic)
        .explain(format!(
            "If `{topic}` does not exist, a scaler reads no lag and never scales, an alert has no data and never fires, and a \
             consumer waits for messages that go elsewhere (or creates the topic with the broker's defaults). Nothing reports an \
             error."
        ));
        finding = match dangling.name.source {
            Source::Declared(span) | Source::Stated(span) => finding.at(span, "not declared"),
            Source::Inferred { span, .. } => finding.at(span, "not declared").likely(),
            _ => finding,
        };
        finding = match near {
            Some(near) => {
                let with_place = match near.name.span() {
                    Some(span) => finding.at(span, "the nearest declared name"),
                    None => finding,
                };
                with_place.remedy(format!(
                    "Write `{}` if that is the intended name; otherwise declare `{topic}` beside it.",
                    near.name.value
                ))
            }
            None => finding.remedy(format!(
                "Declare `{topic}` with its partitions, or correct the name."
            )),
        };
        if !dangling.certain {
            finding = finding.likely();
        }
        out.report(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, env_with_consumer, fact};
    use cofferdam_model::delivery::Dangling;

    #[test]
    fn the_nearest_declared_name_is_suggested() {
        let mut env = env_with_consumer(12, (1, 1, 1), None);
        env.dangling.push(Dangling {
            subject: "autoscaler processor".to_owned(),
            kind: DanglingKind::Topic,
            name: fact("event".to_owned(), 9),
            nearest: Some("events".to_owned()),
            certain: true,
        });
        let finding = testing::only(&RULE, &env);
        assert!(finding.remedy.contains("`events`"));
        assert_eq!(finding.locations.len(), 2);
    }
}
