//! Without a breaker, a slow dependency makes every caller slow.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::calls::{Call, CallSite, CallTarget};
use cofferdam_model::database::PoolTarget;
use cofferdam_model::{Absence, Owner, ServiceId, Span};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("dependency-without-breaker"),
    group: Group::Database,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a service calls a database or another service without a circuit breaker or outlier ejection",
    ),
    absences: &[Absence::Breaker],
    settings: &[],
    page: Cow::Borrowed(include_str!(
        "../../../../docs/rules/dependency-without-breaker.md"
    )),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    let mut bare: BTreeMap<(ServiceId, CallTarget), Vec<Span>> = BTreeMap::new();
    let mut add = |owner: &Owner, target: CallTarget, span: Span| {
        if let Some(id) = owner.service
            && !is_protected(cx, owner, target)
        {
            bare.entry((id, target)).or_default().push(span);
        }
    };
    // Only calls in code count: a variable with a URL does not show how the client that uses it is wrapped.
    for pool in cx
        .env
        .pools
        .iter()
        .filter(|p| p.constructed && p.target == PoolTarget::Sql)
    {
        add(&pool.owner, CallTarget::Database, pool.span);
    }
    // A proxy has no worker that waits for an answer.
    let is_bare = |call: &&Call| call.site == CallSite::Service && call.breaker.is_none();
    for call in cx.env.calls.iter().filter(is_bare) {
        // A breaker named after the host ejects it for every caller, as a mesh does.
        let host = call.target_name.as_ref().map(|t| t.value.as_str());
        if host.is_some_and(|host| cx.env.breakers.iter().any(|b| same_host(&b.name, host))) {
            continue;
        }
        if matches!(
            call.target,
            CallTarget::Database | CallTarget::Service | CallTarget::Outside
        ) {
            add(&call.owner, call.target, call.span);
        }
    }
    for ((id, target), spans) in bare {
        let name = &cx.env.service(id).name;
        let what = match target {
            CallTarget::Database => "its database",
            CallTarget::Service => "other services",
            _ => "services outside the platform",
        };
        // Any of them may be the slow one.
        let slow = match target {
            CallTarget::Database => "its database",
            CallTarget::Service => "another service",
            _ => "a service outside the platform",
        };
        let mut evidence = Evidence::new();
        evidence.likely();
        for span in spans.into_iter().take(4) {
            evidence.place(span, "called here");
        }
        out.report(
            Finding::new(
                Subject::shown_as("dependency", name, &format!("{name} → {what}"))
                    .in_namespace(cx.env.service(id).namespace.as_deref()),
                format!("{name} calls {what} without a circuit breaker"),
            )
            .cause(what)
            .absent(Absence::Breaker)
            .explain(format!(
                "When {slow} answers slowly, each call waits until its timeout and blocks a worker \
                     meanwhile. Requests that do not need it wait too, callers retry, and {name} fails with \
                     it. A breaker fails such calls at once and lets the dependency recover."
            ))
            .remedy(
                "Wrap the calls in a breaker (open after 5 failures in a row, try again after 30 s \
                    with a few calls), or eject outliers in the mesh.",
            )
            .evidence(evidence),
        );
    }
}

/// Whether two names refer to one service, as `orders` and `orders.shop.svc.cluster.local` do.
fn same_host(a: &str, b: &str) -> bool {
    let short = |text: &str| text.split(['.', ':', '/']).next().unwrap_or_default().to_owned();
    !a.is_empty() && short(a) == short(b)
}

/// Whether a breaker of the same service, or of the mesh, protects such calls.
fn is_protected(cx: &Context<'_>, owner: &Owner, target: CallTarget) -> bool {
    cx.env.breakers.iter().any(|b| {
        let same = b.owner.service.is_some() && b.owner.service == owner.service;
        // Shared code (a common library) does not belong to one service and protects all.
        let shared = b.owner.service.is_none();
        let used = b.used.as_ref().is_none_or(|u| u.value);
        (same || shared) && used && b.protects.is_none_or(|p| p == target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, owned_by, service, span};
    use cofferdam_model::calls::Breaker;
    use cofferdam_model::database::Pool;
    use cofferdam_model::{Environment, Parts};

    fn env() -> Environment {
        let mut pool = Pool::at(span(1), owned_by(0), PoolTarget::Sql);
        pool.constructed = true;
        Environment {
            parts: Parts {
                services: vec![service("api", (1, 1, 1))],
                pools: vec![pool],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn a_breaker_of_the_same_service_and_kind_counts() {
        let mut env = env();
        assert!(testing::only(&RULE, &env).title.contains("its database"));
        let mut breaker = Breaker::at(span(2), owned_by(0), "database");
        breaker.protects = Some(CallTarget::Kafka);
        env.breakers.push(breaker);
        assert_eq!(testing::all(&RULE, &env).len(), 1);
        env.breakers[0].protects = Some(CallTarget::Database);
        assert!(testing::all(&RULE, &env).is_empty());
    }

    #[test]
    fn outlier_ejection_for_the_host_counts_for_every_caller() {
        assert!(same_host("orders", "orders.shop.svc.cluster.local"));
        assert!(!same_host("orders", "accounts"));
    }

    #[test]
    fn a_route_is_no_caller() {
        let mut env = env();
        env.pools.clear();
        let call = |site| testing::call(0, site);
        env.calls.push(call(CallSite::Route));
        assert!(testing::all(&RULE, &env).is_empty());
        env.calls.push(call(CallSite::Service));
        assert_eq!(testing::all(&RULE, &env).len(), 1);
    }

    #[test]
    fn a_pool_that_no_code_shows_is_not_judged() {
        let mut env = env();
        env.pools[0].constructed = false;
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
