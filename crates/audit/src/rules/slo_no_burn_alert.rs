//! Alerts on the burn rate of its error budget protect an objective.

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_formulas::budget::{self, WORKBOOK};
use cofferdam_model::Absence;
use cofferdam_model::alerts::{Alert, Slo, Timing};
use cofferdam_model::units::{show_duration, show_number};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("slo-no-burn-alert"),
    group: Group::Alerts,
    severity: Severity::Medium,
    fix: Fix::Automatic,
    summary: Cow::Borrowed("a service level objective without multi-window burn-rate alerts"),
    absences: &[Absence::Alert],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/slo-no-burn-alert.md")),
    check: Check::BuiltIn(check),
};

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if cx.env.slos.is_empty() || cx.env.alerts.iter().any(is_burn_alert) {
        return;
    }
    for slo in &cx.env.slos {
        judge(cx, slo, out);
    }
}

/// A burn rate in its name or query, or two windows of one ratio.
fn is_burn_alert(alert: &Alert) -> bool {
    if matches!(&alert.timing, Timing::Prometheus(timing) if !timing.burn.is_empty()) {
        return true;
    }
    let text = format!(
        "{} {}",
        alert.name.value,
        alert.query.as_ref().map_or("", |q| q.value.as_str())
    )
    .to_ascii_lowercase();
    text.contains("burn") || text.contains("14.4") || (text.contains("[1h]") && text.contains("[5m]"))
}

fn judge(cx: &Context<'_>, slo: &Slo, out: &mut Verdicts) {
    let mut evidence = Evidence::new();
    let Some(objective) = budget::objective(slo, &mut evidence) else {
        return;
    };
    let (target, budget) = (objective.target, objective.budget());
    let owner = cx.env.owner_name(&slo.owner);
    let name = if slo.name.is_empty() {
        owner
    } else {
        slo.name.clone()
    };
    let rows = WORKBOOK.map(|alert| {
        format!(
            "burn rate above {} over {} and over {}",
            show_number(alert.factor(objective.window)),
            show_duration(alert.long),
            show_duration(alert.short)
        )
    });
    let fast = WORKBOOK[0].factor(objective.window);
    out.report(
        Finding::new(
            Subject::named("objective", &name),
            format!(
                "{name}: {} % is promised and no alert watches how fast its budget burns",
                show_number(target * 100.0)
            ),
        )
        .explain(format!(
            "The budget is {} of full outage. An alert on a fixed error rate either pages for a short \
                 spike, or misses a slow burn that uses up the budget. An alert on the burn rate, over a \
                 long and a short window together, avoids both.",
            show_duration(budget)
        ))
        .absent(Absence::Alert)
        .remedy(format!(
            "Page on {} and on {}; open a ticket on {}.",
            rows[0], rows[1], rows[2]
        ))
        .figure("budget", budget.as_secs_f64() / 60.0, "min")
        .figure("fast_burn_rate", fast, "")
        .at(slo.span, "the objective")
        .evidence(evidence),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
    use crate::rules::testing::{alert, condition};
    use cofferdam_model::{Environment, Owner, Parts, Share};
    use std::time::Duration;

    fn env(days: u64) -> Environment {
        Environment {
            parts: Parts {
                slos: vec![Slo {
                    name: "availability".to_owned(),
                    owner: Owner::default(),
                    span: span(1),
                    target: Some(fact(Share(0.9995), 2)),
                    window: Some(fact(Duration::from_secs(days * 86_400), 3)),
                    indicator: None,
                    said: Default::default(),
                }],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    #[test]
    fn a_30_day_window_gives_the_factor_14_4_of_the_sre_workbook_and_7_days_give_3_36() {
        // 2 % of 720 h in 1 h is 14.4; 2 % of 168 h in 1 h is 3.36.
        assert!((testing::only(&RULE, &env(30)).figures["fast_burn_rate"].value - 14.4).abs() < 1e-9);
        assert!((testing::only(&RULE, &env(7)).figures["fast_burn_rate"].value - 3.36).abs() < 1e-9);
    }

    #[test]
    fn a_burn_rate_alert_is_enough() {
        let mut env = env(30);
        env.alerts.push(alert(
            "Availability burn rate",
            Timing::NewRelic(condition(60, 0, 60)),
        ));
        assert!(testing::all(&RULE, &env).is_empty());
    }
}
