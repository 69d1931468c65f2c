//! Retries multiply along a chain of calls: three tries at each of three layers are 27 calls for one request.

use super::common;
use super::common::count;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::calls::Call;
use cofferdam_model::{Environment, ServiceId};
use cofferdam_syntax::hash::{HashMap, HashSet};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("retry-amplification"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed("retries multiply across layers, or lack backoff, jitter or a budget"),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/retry-amplification.md")),
    check: Check::BuiltIn(check),
};

/// The number of calls for one request from which a fault downstream causes a flood: two layers of three
/// tries.
const FLOOD: u64 = 9;
/// A chain is followed through this many layers; no real one is deeper.
const DEEPEST: usize = 8;

/// How many calls are looked at for one chain: services that all call one another have more chains than can be followed,
/// and the worst of the first is a chain all the same.
const MOST: usize = 2_000;

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    for call in &cx.env.calls {
        synchronous(cx.env, call, out);
    }
    let calls = Calls::of(cx.env);
    // The first call of a chain retries too: one without retries multiplies nothing.
    for call in cx.env.calls.iter().filter(|c| attempts(c) > 1) {
        // A chain starts where nothing that retries calls.
        let is_inside = call.owner.service.is_some_and(|own| calls.called.contains(&own));
        if is_inside {
            continue;
        }
        let chain = worst_chain(&calls, call, &mut Vec::new(), &mut 0);
        if chain.len() > 1 {
            report_chain(cx.env, &chain, out);
        }
    }
}

/// The calls that retry, by what they come from and go to.
struct Calls<'a> {
    by_name: HashMap<&'a str, ServiceId>,
    of_service: HashMap<ServiceId, Vec<&'a Call>>,
    /// Services that such calls go to.
    called: HashSet<ServiceId>,
}

impl<'a> Calls<'a> {
    fn of(env: &'a Environment) -> Self {
        let mut calls = Calls {
            by_name: HashMap::default(),
            of_service: HashMap::default(),
            called: HashSet::default(),
        };
        for (at, service) in env.services.iter().enumerate() {
            calls.by_name.entry(&service.name).or_insert(ServiceId(at));
        }
        for call in env.calls.iter().filter(|call| attempts(call) > 1) {
            if let Some(service) = call.owner.service {
                calls.of_service.entry(service).or_default().push(call);
            }
            let callee = calls.callee(call);
            calls.called.extend(callee);
        }
        calls
    }

    /// The service that a call goes to, by the name that the call uses.
    fn callee(&self, call: &Call) -> Option<ServiceId> {
        let target = call.target_name.as_ref()?;
        let host = target.value.split(['.', ':', '/']).next()?;
        let named = |name: &str| self.by_name.get(name).copied();
        match (named(&target.value), named(host)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

fn attempts(call: &Call) -> u64 {
    call.attempts.as_ref().map_or(1, |a| u64::from(a.value.max(1)))
}

/// The chain of retrying calls from `call` down with the largest product.
fn worst_chain<'a>(
    calls: &Calls<'a>,
    call: &'a Call,
    seen: &mut Vec<ServiceId>,
    followed: &mut usize,
) -> Vec<&'a Call> {
    let mut best = vec![call];
    let next = calls.callee(call);
    let Some(next) = next.filter(|id| !seen.contains(id) && seen.len() < DEEPEST) else {
        return best;
    };
    seen.push(next);
    for deeper in calls.of_service.get(&next).into_iter().flatten() {
        if *followed >= MOST {
            break;
        }
        *followed += 1;
        let mut chain = vec![call];
        chain.extend(worst_chain(calls, deeper, seen, followed));
        if product(&chain) > product(&best) {
            best = chain;
        }
    }
    seen.pop();
    best
}

fn product(chain: &[&Call]) -> u64 {
    chain.iter().map(|c| attempts(c)).fold(1, u64::saturating_mul)
}

fn report_chain(env: &Environment, chain: &[&Call], out: &mut Verdicts) {
    let total = product(chain);
    if total < FLOOD {
        return;
    }
    let mut evidence = Evidence::new();
    let mut words = Vec::new();
    for call in chain {
        if let Some(attempts) = &call.attempts {
            evidence.note(attempts, count(attempts.value.into(), "try"));
        }
        words.push(format!(
            "{} by {}",
            count(attempts(call), "try"),
            env.owner_name(&call.owner)
        ));
    }
    let first = env.owner_name(&chain[0].owner);
    out.report(
        Finding::new(Subject::named("calls from", &first).in_namespace(common::namespace(env, &chain[0].owner)), format!("{first}: one request can become {total} calls at the end of the chain"))
            .explain(format!(
                "{} = {total}. When the last service fails, every request arrives there {total} times: its \
                 own callers create the load that keeps it down.",
                words.join(" × ")
            ))
            .remedy("Retry at one layer only (the outermost that can), with a budget of about 10 % of requests, exponential backoff and full jitter.")
            .figure("amplification", total as f64, "calls")
            .evidence(evidence),
    );
}

/// Tries without a wait, at the same moment, or without a limit on their share.
fn synchronous(env: &Environment, call: &Call, out: &mut Verdicts) {
    let Some(tries) = call.attempts.as_ref().filter(|a| a.value > 1) else {
        return;
    };
    let mut missing = Vec::new();
    if call.backoff.as_ref().is_some_and(|b| !b.value) {
        missing.push("backoff");
    }
    if call.jitter.as_ref().is_some_and(|j| !j.value) && call.retry_budget.is_none() {
        missing.push("jitter");
    }
    if missing.is_empty() {
        return;
    }
    let name = env.owner_name(&call.owner);
    let mut evidence = Evidence::new();
    evidence.note(tries, count(tries.value.into(), "try"));
    for (fact, label) in [(&call.backoff, "no backoff"), (&call.jitter, "no jitter")] {
        if let Some(off) = fact.as_ref().filter(|f| !f.value) {
            evidence.note(off, label);
        }
    }
    out.report(
        Finding::new(
            Subject::shown_as("call", &name, &format!("{name}: {}", call.what))
                .in_namespace(common::namespace(env, &call.owner)),
            format!(
                "{name}: {} is tried {} times without {}",
                call.what,
                tries.value,
                missing.join(" or ")
            ),
        )
        .cause(("call", call.what.as_str()))
        .severity(Severity::Medium)
        .explain(
            "All callers that failed together try again together: the load comes in waves, each as \
                high as the one that caused the failure.",
        )
        .remedy(
            "Wait base × 2ⁿ between tries, at a random time within the whole wait (full jitter), and \
                bound retries by a budget.",
        )
        .figure("attempts", tries.value, "tries")
        .at(call.span, "the call")
        .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, service, span};
    use cofferdam_model::Parts;
    use cofferdam_model::calls::CallSite;

    fn call(from: usize, to: &str, tries: u32) -> Call {
        Call {
            span: span(10 + from),
            target_name: Some(fact(to.to_owned(), 20 + from)),
            what: format!("GET {to}"),
            attempts: Some(fact(tries, 30 + from)),
            ..testing::call(from, CallSite::default())
        }
    }

    fn env(calls: Vec<Call>) -> Environment {
        let services = ["a", "b", "c"].iter().map(|n| service(n, (1, 1, 1))).collect();
        Environment {
            parts: Parts {
                services,
                calls,
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn three_layers_of_three_tries_are_27_and_reported_once_at_the_first_caller() {
        let env = env(vec![
            call(0, "b", 3),
            call(1, "c.svc.cluster.local", 3),
            call(2, "db", 3),
        ]);
        let finding = testing::only(&RULE, &env);
        assert_eq!(finding.figures["amplification"].value, 27.0);
        assert!(finding.subject.contains("from a"));
    }

    #[test]
    fn a_call_without_retries_does_not_begin_a_chain() {
        let calls = vec![call(0, "b", 1), call(1, "c", 9), call(2, "db", 9)];
        let finding = testing::only(&RULE, &env(calls));
        assert!(finding.subject.contains("from b"), "{}", finding.subject);
        let text = finding.explanation;
        assert!(text.starts_with("9 tries by b × 9 tries by c = 81."), "{text}");
    }

    #[test]
    fn two_layers_of_two_tries_are_silent_and_a_cycle_of_calls_ends() {
        assert!(testing::all(&RULE, &env(vec![call(0, "b", 2), call(1, "c", 2)])).is_empty());
        let circle = env(vec![call(0, "b", 3), call(1, "a", 3)]);
        let _ = testing::all(&RULE, &circle);
    }

    #[test]
    fn services_that_all_call_one_another_are_followed_to_an_end() {
        let names: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
        let services = names.iter().map(|n| service(n, (1, 1, 1))).collect();
        // The first is called by none.
        let calls = (0..40).flat_map(|from| (1..40).map(move |to| call(from, &format!("s{to}"), 3)));
        let env = Environment {
            parts: Parts {
                services,
                calls: calls.collect(),
                ..Parts::default()
            },
            ..Environment::default()
        };
        let found = testing::all(&RULE, &env);
        assert!(!found.is_empty());
        assert!(found.iter().all(|f| f.figures["amplification"].value >= 27.0));
    }

    #[test]
    fn tries_without_backoff_are_reported() {
        let mut one = call(0, "b", 3);
        one.backoff = Some(fact(false, 9));
        assert!(
            testing::only(&RULE, &env(vec![one]))
                .title
                .contains("without backoff")
        );
    }
}
