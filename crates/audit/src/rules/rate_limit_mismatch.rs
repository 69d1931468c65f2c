//! A limit below the peak refuses customers; a limit above the capacity protects nothing.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::cells::RateLimit;
use cofferdam_model::units::{show_number, show_number_down, show_number_up};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("rate-limit-mismatch"),
    group: Group::Cells,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("a rate limit is below the declared peak or above the capacity it should protect"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/rate-limit-mismatch.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for limit in &cx.env.rate_limits {
        judge(cx, limit, out);
    }
}

fn judge(cx: &Context<'_>, limit: &RateLimit, out: &mut Verdicts) {
    let Some(service) = cx.env.owner_service(&limit.owner) else {
        return;
    };
    let mut evidence = Evidence::new();
    evidence.owner(&limit.owner);
    let each = evidence
        .take(&limit.limit, format!("limit {}", limit.limit.value))
        .0;
    let counts_alone = limit.per_replica.as_ref().is_some_and(|p| p.value);
    let replicas = service.scale.max.as_ref().filter(|_| counts_alone);
    let total = match replicas {
        Some(replicas) => each * f64::from(evidence.take(replicas, "each replica counts for itself")),
        None => each,
    };
    if let Some(peak) = service.peak_rate.as_ref().filter(|p| total < p.value.0) {
        let peak = evidence.take(peak, "at peak").0;
        out.report(
            Finding::new(
                Subject::named("rate limit", &limit.name),
                format!(
                    "{}: {}/s are allowed, {}/s arrive at peak",
                    limit.name,
                    show_number(total),
                    show_number(peak)
                ),
            )
            .cause("below the peak")
            .explain(format!(
                "At peak {} % of requests are refused although nothing is wrong.",
                show_number(((peak - total) / peak * 100.0).round())
            ))
            .remedy(format!(
                "Raise the limit above {}/s with some room, up to what the service can carry.",
                show_number_up(peak)
            ))
            .figure("limit", total, "requests/s")
            .figure("peak", peak, "requests/s")
            .figure("refused", (peak - total) / peak * 100.0, "%")
            .evidence(evidence),
        );
        return;
    }
    let capacity: Option<f64> = cx
        .env
        .cells
        .iter()
        .map(|c| c.capacity.as_ref().map(|r| r.value.0))
        .sum();
    if let Some(capacity) = capacity.filter(|c| *c > 0.0 && total > *c) {
        for fact in cx.env.cells.iter().filter_map(|c| c.capacity.as_ref()) {
            evidence.note(fact, format!("carries {}", fact.value));
        }
        out.report(
            Finding::new(
                Subject::named("rate limit", &limit.name),
                format!(
                    "{}: {}/s are allowed, {}/s can be carried",
                    limit.name,
                    show_number(total),
                    show_number(capacity)
                ),
            )
            .cause("above the capacity")
            .severity(Severity::Medium)
            .explain(
                "The limit begins to refuse only when the protected service is already overloaded: it \
                protects nothing.",
            )
            .remedy(format!(
                "Set the limit at or below {}/s.",
                show_number_down(capacity)
            ))
            .figure("limit", total, "requests/s")
            .figure("capacity", capacity, "requests/s")
            .evidence(evidence),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::failover_overload::tests::cell;
    use crate::rules::testing::{self, fact, owned_by, service};
    use cofferdam_model::{Environment, Parts, Rate};

    fn env(limit: f64, peak: f64) -> Environment {
        let mut api = service("api", (2, 2, 4));
        api.peak_rate = Some(fact(Rate(peak), 1));
        Environment {
            parts: Parts {
                services: vec![api],
                rate_limits: vec![RateLimit {
                    name: "api".to_owned(),
                    owner: owned_by(0),
                    limit: fact(Rate(limit), 2),
                    per_replica: None,
                }],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn a_rate_limit_below_the_peak_or_above_the_capacity_is_reported() {
        // (7,000 − 5,000) / 7,000 = 28.57 %.
        assert!((testing::only(&RULE, &env(5000.0, 7000.0)).figures["refused"].value - 28.571).abs() < 1e-3);
        assert!(testing::all(&RULE, &env(8000.0, 7000.0)).is_empty());
        let mut capped = env(8000.0, 7000.0);
        capped.cells = vec![cell("a", 10, 1.0, Some((1.0, 7500.0)))];
        assert_eq!(testing::only(&RULE, &capped).figures["capacity"].value, 7500.0);
        let mut each = env(2000.0, 7000.0);
        each.rate_limits[0].per_replica = Some(fact(true, 3));
        assert!(testing::all(&RULE, &each).is_empty(), "4 × 2,000 = 8,000");
    }

    proptest::proptest! {
        #[test]
        fn a_limit_as_advised_is_silent(limit in 1.0f64..9000.0, peak in 1.0f64..9000.0, more in 0.1f64..9000.0) {
            // A peak above the capacity needs more than a limit.
            let capacity = peak + more;
            let with = |limit: f64| {
                let mut env = env(limit, peak);
                env.cells = vec![cell("a", 10, 1.0, Some((1.0, capacity)))];
                testing::all(&RULE, &env)
            };
            for finding in with(limit) {
                let number = testing::advised(&finding.remedy, "above ", "/s")
                    .or_else(|| testing::advised(&finding.remedy, "at or below ", "/s"));
                let number: f64 = number.unwrap().replace(',', "").parse().unwrap();
                proptest::prop_assert!(with(number).is_empty(), "{}", finding.remedy);
            }
        }
    }
}
