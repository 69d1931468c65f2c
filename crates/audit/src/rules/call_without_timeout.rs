//! A call without a timeout can hold its worker forever.

use crate::finding::{Evidence, Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::Span;
use cofferdam_model::calls::TimeoutSetting;
use std::collections::BTreeMap;

/// The rule.
pub const RULE: Rule = Rule {
    id: "call-without-timeout",
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: "an outgoing call or client has no timeout",
    absences: &[],
    page: include_str!("../../../../docs/rules/call-without-timeout.md"),
    check,
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut by_owner: BTreeMap<String, Vec<(&str, Span)>> = BTreeMap::new();
    for call in cx.env.calls.iter().filter(|c| c.timeout == TimeoutSetting::Never) {
        by_owner
            .entry(cx.env.owner_name(&call.owner))
            .or_default()
            .push((&call.what, call.span));
    }
    for (owner, calls) in by_owner {
        let mut names: Vec<&str> = calls.iter().map(|(what, _)| *what).collect();
        names.dedup();
        let shown = names
            .iter()
            .take(3)
            .map(|n| format!("`{n}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let more = if names.len() > 3 {
            format!(" and {} more", names.len() - 3)
        } else {
            String::new()
        };
        let mut evidence = Evidence::new();
        evidence.likely();
        for (_, span) in calls.iter().take(6) {
            evidence.place(*span, "no timeout");
        }
        out.report(
            Finding::new(
                format!("calls of {owner}"),
                format!("{owner}: {shown}{more} may wait forever"),
            )
            .explain(
                "When the other side accepts the connection and never answers, the call never returns. \
                     Its worker is lost until the process restarts. When this has happened as many times as \
                     there are workers, the service is down.",
            )
            .remedy(
                "Give every call a timeout: 1 to 3 s to connect, and for the answer less than the \
                    timeout of the service's own callers.",
            )
            .figure("calls", calls.len() as f64, "calls")
            .evidence(evidence),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::calls::{Call, CallTarget};
    use cofferdam_model::{Environment, Parts};
    use std::time::Duration;

    #[test]
    fn calls_of_one_service_are_one_finding() {
        let call = |n, timeout| Call {
            owner: owned_by(0),
            span: span(n),
            target: CallTarget::Outside,
            target_name: None,
            what: "requests.get".to_owned(),
            timeout,
            attempts: None,
            backoff: None,
            jitter: None,
            retry_budget: None,
            breaker: None,
        };
        let calls = vec![
            call(1, TimeoutSetting::Never),
            call(2, TimeoutSetting::Never),
            call(3, TimeoutSetting::Unknown),
            call(4, TimeoutSetting::After(fact(Duration::from_secs(1), 5))),
        ];
        let env = Environment {
            parts: Parts {
                services: vec![service("api", (1, 1, 1))],
                calls,
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert_eq!(testing::only(&RULE, &env).figures["calls"].value, 2.0);
        let mut at_the_root = env;
        for call in &mut at_the_root.calls {
            call.owner = cofferdam_model::Owner::in_directory("");
        }
        let found = testing::only(&RULE, &at_the_root);
        assert!(
            found.title.starts_with("the code at the root: "),
            "{}",
            found.title
        );
        assert_eq!(found.subject, "calls of the code at the root");
    }
}
