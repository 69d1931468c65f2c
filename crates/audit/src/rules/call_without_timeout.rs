//! A call without a timeout can hold its worker forever.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::calls::{Call, TimeoutSetting};
use cofferdam_model::workload::Lifecycle;
use cofferdam_model::{Owner, Span};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("call-without-timeout"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("an outgoing call or client has no timeout"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/call-without-timeout.md")),
    check: Check::BuiltIn(check),
};

/// Calls as written, with their places.
type Calls<'a> = Vec<(&'a str, Span)>;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let serves = |owner: &Owner| {
        let workloads = cx
            .env
            .owner_service(owner)
            .map_or(&[][..], |service| &service.workloads);
        let mut workloads = workloads.iter().map(|id| &cx.env.workloads[id.0]);
        workloads.any(|w| matches!(w.lifecycle, Lifecycle::Service | Lifecycle::Daemon))
    };
    // The calls of each owner, and whether it is a service that answers others.
    let mut by_owner: BTreeMap<(String, Option<&str>), (bool, Calls<'_>)> = BTreeMap::new();
    for call in cx.env.calls.iter().filter(|c| c.timeout == TimeoutSetting::Never) {
        by_owner
            .entry((name(cx, call), common::namespace(cx.env, &call.owner)))
            .or_insert_with(|| (serves(&call.owner), Vec::new()))
            .1
            .push((&call.what, call.span));
    }
    for ((owner, namespace), (serves, calls)) in by_owner {
        let consequence = match serves {
            true => {
                "When the other side accepts the connection and never answers, the call never returns. Its worker is \
                 lost until the process restarts. When this has happened as many times as there are workers, the \
                 service is down."
            }
            false => {
                "When the other side accepts the connection and never answers, the call never returns: the program \
                 waits until somebody ends it."
            }
        };
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
                Subject::of("calls", &owner).in_namespace(namespace),
                format!("{owner}: {shown}{more} may wait forever"),
            )
            .explain(consequence)
            .remedy(
                "Give every call a timeout: 1 to 3 s to connect, and for the answer less than the \
                    timeout of the service's own callers.",
            )
            .figure("calls", calls.len() as f64, "calls")
            .evidence(evidence),
        );
    }
}

/// Directories that say what is in them, and not whose it is.
const NOBODYS: &[&str] = &[
    "components",
    "config",
    "configs",
    "scripts",
    "script",
    "hack",
    "tools",
    "bin",
    "ci",
    "utils",
    "lib",
    "infra",
    "deploy",
    "ops",
    "jobs",
    "kubernetes",
    "k8s",
    "terraform",
    "images",
    "build",
    "docs",
];

/// The service that makes a call, or the file of a program that belongs to none.
fn name(cx: &Context<'_>, call: &Call) -> String {
    let name = cx.env.owner_name(&call.owner);
    let is_deployed = cx
        .env
        .owner_service(&call.owner)
        .is_some_and(|s| !s.workloads.is_empty());
    let at_the_root = call
        .owner
        .directory
        .as_ref()
        .is_some_and(|d| d.as_os_str().is_empty());
    match !is_deployed && (at_the_root || NOBODYS.contains(&name.as_str())) {
        true => cx.platform.sources.path(call.span.file).display().to_string(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service, span};
    use cofferdam_model::calls::{CallSite, CallTarget};
    use cofferdam_model::{Environment, Parts};
    use std::time::Duration;

    #[test]
    fn calls_of_one_service_are_one_finding() {
        let call = |n, timeout| Call {
            owner: owned_by(0),
            site: CallSite::default(),
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
    }
}
