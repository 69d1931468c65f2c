//! A caller that gives up before the call inside it can answer never sees the answer.

use super::common;
use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::calls::{Deadline, DeadlineRole};
use cofferdam_model::units::{show_duration, show_duration_down, show_duration_up};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("timeout-inversion"),
    group: Group::Database,
    severity: Severity::High,
    fix: Fix::Proposed,
    summary: Cow::Borrowed(
        "a timeout is shorter than the timeouts inside it: the caller gives up before the answer can come",
    ),
    absences: &[],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/timeout-inversion.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    // Timeouts of one service in one file limit one another, even in different sections.
    let mut groups: BTreeMap<(String, Option<&str>, u32), Vec<&Deadline>> = BTreeMap::new();
    for deadline in &cx.env.deadlines {
        let file = deadline.value.span().map_or(u32::MAX, |s| s.file.0);
        groups
            .entry((
                cx.env.owner_name(&deadline.owner),
                common::namespace(cx.env, &deadline.owner),
                file,
            ))
            .or_default()
            .push(deadline);
    }
    for ((owner, namespace, _), mut deadlines) in groups {
        deadlines.sort_by_key(|d| (d.role, d.value.value));
        let first = out.findings.len();
        judge(&owner, &deadlines, out);
        for finding in &mut out.findings[first..] {
            finding.subject = finding.subject.clone().in_namespace(namespace);
        }
    }
}

/// The longest timeout of a role.
fn longest<'a>(deadlines: &[&'a Deadline], role: DeadlineRole) -> Option<&'a Deadline> {
    deadlines
        .iter()
        .filter(|d| d.role == role)
        .max_by_key(|d| d.value.value)
        .copied()
}

fn judge(owner: &str, deadlines: &[&Deadline], out: &mut Verdicts) {
    use DeadlineRole::{Connect, HealthCheck, Initialisation, PoolWait, Request, Setup, Statement};
    let connect = longest(deadlines, Connect);
    let wait = longest(deadlines, PoolWait);
    // Waiting for the pool may end in opening a connection. This bounds the wait from below and is not added
    // to it.
    let acquire = [connect, wait]
        .into_iter()
        .flatten()
        .max_by_key(|d| d.value.value);
    if let (Some(connect), Some(wait)) = (connect, wait)
        && wait.value.value < connect.value.value
    {
        report(owner, wait, &[connect], out);
    }
    for outer_role in [Request, Initialisation] {
        let Some(outer) = deadlines
            .iter()
            .filter(|d| d.role == outer_role)
            .min_by_key(|d| d.value.value)
            .copied()
        else {
            continue;
        };
        let last = if outer_role == Initialisation {
            Setup
        } else {
            Statement
        };
        let inner: Vec<&Deadline> = [acquire, longest(deadlines, last)]
            .into_iter()
            .flatten()
            .collect();
        if inner.iter().map(|d| d.value.value).sum::<Duration>() > outer.value.value {
            report(owner, outer, &inner, out);
        }
    }
    if let (Some(check), Some(connect)) = (longest(deadlines, HealthCheck), connect)
        && let Some(outer) = deadlines.iter().find(|d| d.role == Initialisation)
        && check.value.value > outer.value.value
    {
        report(owner, outer, &[check, connect], out);
    }
}

fn report(owner: &str, outer: &Deadline, inner: &[&Deadline], out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let limit = evidence.take(
        &outer.value,
        format!("gives up after {}", show_duration(outer.value.value)),
    );
    let mut chain = Vec::new();
    let mut sum = Duration::ZERO;
    for deadline in inner {
        evidence.note(
            &deadline.value,
            format!("may take {}", show_duration(deadline.value.value)),
        );
        sum += deadline.value.value;
        chain.push(format!(
            "{} {}",
            deadline.name,
            show_duration(deadline.value.value)
        ));
    }
    if inner.iter().any(|d| d.section != outer.section) {
        evidence.likely();
    }
    let longest_alone = inner.iter().any(|d| d.value.value > limit);
    let title =
        if longest_alone && inner.len() == 1 || inner.iter().filter(|d| d.value.value > limit).count() == 1 {
            let worst = inner.iter().find(|d| d.value.value > limit).unwrap_or(&inner[0]);
            format!(
                "{owner}: {} gives up after {}, inside it {} may take {}",
                outer.name,
                show_duration(limit),
                worst.name,
                show_duration(worst.value.value)
            )
        } else {
            format!(
                "{owner}: {} gives up after {}, the calls inside it may take {}",
                outer.name,
                show_duration(limit),
                show_duration(sum)
            )
        };
    out.report(
        Finding::new(Subject::of("timeouts", owner), title)
            .cause(("timeout", outer.name.as_str()))
            .explain(format!(
                "Innermost first: {}; then {} {}. The outer wait ends while the inner one still runs. The \
                 work continues although nobody needs its result, keeps its connection, and a retry starts \
                 it a second time.",
                chain.join(", "),
                outer.name,
                show_duration(limit)
            ))
            .remedy(format!(
                "Let the inner timeouts add up to less than {}, or raise {} above {}.",
                show_duration_down(limit),
                outer.name,
                show_duration_up(sum)
            ))
            .figure("outer", limit.as_secs_f64(), "s")
            .figure("inner", sum.as_secs_f64(), "s")
            .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, owned_by, service};
    use cofferdam_model::{Environment, Parts};

    fn env(all: &[(&str, DeadlineRole, u64)]) -> Environment {
        let deadlines = all
            .iter()
            .enumerate()
            .map(|(i, (name, role, seconds))| Deadline {
                owner: owned_by(0),
                name: (*name).to_owned(),
                section: "staging".to_owned(),
                role: *role,
                value: fact(Duration::from_secs(*seconds), i),
            })
            .collect();
        Environment {
            parts: Parts {
                services: vec![service("api", (1, 1, 1))],
                deadlines,
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn a_pool_wait_of_90_s_does_not_fit_in_a_request_timeout_of_75_s() {
        use DeadlineRole::{Connect, Initialisation, PoolWait, Setup};
        // max(35, 90) + 25 = 115 > 75.
        let finding = testing::only(
            &RULE,
            &env(&[
                ("initialization_timeout", Initialisation, 75),
                ("table_setup_timeout", Setup, 25),
                ("connection_timeout", Connect, 35),
                ("pool_timeout", PoolWait, 90),
            ]),
        );
        assert_eq!(finding.figures["inner"].value, 115.0);
        assert!(
            finding.title.contains("pool_timeout may take 90 s"),
            "{}",
            finding.title
        );
    }

    #[test]
    fn timeouts_of_45_and_25_s_fit_in_75_s() {
        use DeadlineRole::{Connect, HealthCheck, Initialisation, PoolWait, Setup};
        let sound = env(&[
            ("initialization_timeout", Initialisation, 75),
            ("table_setup_timeout", Setup, 25),
            ("connection_timeout", Connect, 35),
            ("pool_timeout", PoolWait, 45),
            ("health_check_timeout", HealthCheck, 20),
        ]);
        assert!(testing::all(&RULE, &sound).is_empty());
    }

    #[test]
    fn a_pool_wait_shorter_than_the_connect_timeout_is_reported() {
        let finding = testing::only(
            &RULE,
            &env(&[
                ("connect", DeadlineRole::Connect, 35),
                ("pool", DeadlineRole::PoolWait, 30),
            ]),
        );
        assert_eq!(
            (finding.figures["outer"].value, finding.figures["inner"].value),
            (30.0, 35.0)
        );
    }

    proptest::proptest! {
        #[test]
        fn an_outer_timeout_as_advised_is_silent(outer in 1u64..900, wait in 1u64..900, connect in 1u64..900, setup in 1u64..900) {
            use DeadlineRole::{Connect, Initialisation, PoolWait, Setup};
            let with = |outer: Duration| {
                let mut env = env(&[("outer", Initialisation, 1), ("setup", Setup, setup), ("wait", PoolWait, wait.max(connect)), ("connect", Connect, connect)]);
                env.deadlines[0].value = fact(outer, 0);
                testing::all(&RULE, &env)
            };
            for finding in with(Duration::from_secs(outer)) {
                let (_, above) = finding.remedy.rsplit_once(" above ").unwrap();
                let above = testing::advised_time(above.trim_end_matches('.')) + Duration::from_secs(1);
                proptest::prop_assert!(with(above).is_empty(), "{}", finding.remedy);
            }
        }
    }
}
