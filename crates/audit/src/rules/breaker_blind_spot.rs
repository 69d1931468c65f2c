//! A breaker that opens when half of the requests fail never notices a target that always loses one request
//! in ten.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Setting, Value, Verdicts};
use cofferdam_model::calls::Breaker;
use cofferdam_model::units::{amount, show_number};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("breaker-blind-spot"),
    group: Group::Cells,
    severity: Severity::Medium,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a partial failure never opens the breaker: users see errors while it stays closed",
    ),
    absences: &[],
    settings: &[PARTIAL_FAILURE],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/breaker-blind-spot.md")),
    check: Check::BuiltIn(check),
};

const PARTIAL_FAILURE: Setting = Setting {
    name: "partial_failure",
    default: Value::Share(0.10),
    sentence: "The share of requests that fail in the partial failure that breakers are judged by.",
};
/// The number of calls that are judged together if none is set.
const MINIMUM_CALLS: u32 = 20;
/// If the chance that the breaker opens is at least this, the breaker counts as able to see the failure.
const SEES: f64 = 0.5;
/// The number of requests within which the breaker should open.
const REQUESTS: f64 = 1000.0;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // A partial failure of one target matters to a breaker only if requests can go to another target.
    let somewhere_else = cx.env.cells.len() > 1;
    let partial = cx.setting(&PARTIAL_FAILURE).number();
    for breaker in &cx.env.breakers {
        judge(breaker, partial, somewhere_else, out);
    }
}

/// Chance that at least `k` of `n` independent requests fail, each with probability `p`: the upper tail of
/// the binomial distribution, summed from its terms.
pub(crate) fn at_least(k: u32, n: u32, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    let mut term = (1.0 - p).powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut below = 0.0;
    for i in 0..k.min(n + 1) {
        below += term;
        term *= f64::from(n - i.min(n)) / f64::from(i + 1) * p / (1.0 - p);
    }
    (1.0 - below).clamp(0.0, 1.0)
}

/// Mean number of requests until `k` failures in a row, each with probability `p`:
/// (1 − pᵏ) ÷ (pᵏ (1 − p)). Source: W. Feller, "An Introduction to Probability Theory", XIII.7.
pub(crate) fn until_run(k: u32, p: f64) -> f64 {
    let run = p.powi(i32::try_from(k).unwrap_or(i32::MAX));
    (1.0 - run) / (run * (1.0 - p))
}

fn judge(breaker: &Breaker, partial: f64, somewhere_else: bool, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let shown = show_number(partial * 100.0);
    let (chance, words) = if let Some(rate) = &breaker.failure_rate {
        let threshold = evidence.take(rate, format!("opens at {}", rate.value)).0;
        if threshold <= partial {
            return;
        }
        let n = match &breaker.minimum_calls {
            Some(calls) => evidence.take(
                calls,
                format!("over at least {}", common::count(calls.value.into(), "call")),
            ),
            None => {
                evidence.assume(format!(
                    "the breaker judges {MINIMUM_CALLS} calls together, because no minimum is set"
                ));
                MINIMUM_CALLS
            }
        };
        let k = (threshold * f64::from(n)).ceil() as u32;
        let chance = at_least(k, n, partial);
        (
            chance,
            format!(
                "{k} of {} must fail; with {shown} % failing, the chance of that in one window is \
                 {chance:.2e}",
                common::count(n.into(), "call")
            ),
        )
    } else if let Some(run) = &breaker.consecutive_failures {
        let k = evidence.take(run, format!("opens after {} in a row", run.value));
        let mean = until_run(k, partial);
        // Runs of failures are almost random, so the chance of one within that many requests is exponential.
        let chance = 1.0 - (-REQUESTS / mean).exp();
        (
            chance,
            format!(
                "with {shown} % failing, {} once in {}",
                match k {
                    1 => "a failure happens".to_owned(),
                    k => format!("{k} failures in a row happen"),
                },
                amount(mean.round(), "request")
            ),
        )
    } else {
        return;
    };
    if chance >= SEES {
        return;
    }
    out.report(
        Finding::new(
            Subject::named("breaker", &breaker.name),
            format!(
                "{}: {shown} % of requests can fail permanently while the breaker stays closed",
                breaker.name
            ),
        )
        .severity(if somewhere_else {
            Severity::Medium
        } else {
            Severity::Low
        })
        .explain(format!(
            "{words}. A target that loses one request in ten (a bad link, one broken instance of many) \
                 continues to get its full share of requests. Health checks pass most of the time, and \
                 retries hide the failures as latency."
        ))
        .remedy(
            "Compare each target's success rate with that of the other targets and eject a target \
                that is worse (outlier ejection by success rate), and alert on each target separately.",
        )
        .figure("partial_failure", partial * 100.0, "%")
        .figure("chance_of_opening", chance, "")
        .evidence(evidence)
        .at(breaker.span, "the breaker"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use cofferdam_model::{Environment, Owner, Parts, Share};

    #[test]
    fn the_binomial_tail_equals_values_computed_by_hand() {
        // 2 coins: at least one head 0.75; at least two 0.25. P(X ≥ 5 | n=10, p=0.1) = 0.0016349374 (tables).
        assert!((at_least(1, 2, 0.5) - 0.75).abs() < 1e-12);
        assert!((at_least(2, 2, 0.5) - 0.25).abs() < 1e-12);
        assert!((at_least(5, 10, 0.1) - 0.001_634_937_4).abs() < 1e-9);
        assert!((at_least(11, 10, 0.1)).abs() < 1e-12);
    }

    #[test]
    fn five_failures_in_a_row_at_ten_percent_take_111110_requests() {
        // (1 − 1e-5) / (1e-5 × 0.9) = 111,110.
        assert!((until_run(5, 0.1) - 111_110.0).abs() < 1e-6);
        // Two heads in a row take 6 tosses.
        assert!((until_run(2, 0.5) - 6.0).abs() < 1e-12);
    }

    #[test]
    fn a_breaker_that_opens_at_half_never_opens_when_a_tenth_fails() {
        let mut breaker = Breaker::at(span(1), Owner::default(), "cells");
        breaker.failure_rate = Some(fact(Share(0.5), 2));
        breaker.minimum_calls = Some(fact(10, 3));
        let mut env = Environment {
            parts: Parts {
                breakers: vec![breaker],
                ..Parts::default()
            },
            ..Environment::default()
        };
        assert!(
            (testing::only(&RULE, &env).figures["chance_of_opening"].value - 0.001_634_937_4).abs() < 1e-9
        );
        env.breakers[0].failure_rate = Some(fact(Share(0.05), 2));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
