//! The error budget of an objective: `window × (1 − target)`, as time of full outage. 99.95 % over 30 days is 21.6
//! minutes. Source: The Site Reliability Workbook, chapter 2.

use crate::evidence::Evidence;
use cofferdam_model::alerts::{BurnWindows, Slo};
use cofferdam_model::{Environment, ServiceId};
use std::time::Duration;

/// The window of an objective that sets none.
const WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// An alert on the burn rate: it fires when its share of the error budget is used within its long window, seen over both
/// windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnAlert {
    /// Share of the error budget.
    pub budget: f64,
    /// Long window.
    pub long: Duration,
    /// Short window.
    pub short: Duration,
}

impl BurnAlert {
    const fn new(budget: f64, long: u64, short: u64) -> Self {
        BurnAlert {
            budget,
            long: Duration::from_secs(long),
            short: Duration::from_secs(short),
        }
    }

    /// How many times the rate that just uses the budget up over `window` it fires above.
    #[must_use]
    pub fn factor(self, window: Duration) -> f64 {
        self.budget * window.as_secs_f64() / self.long.as_secs_f64()
    }
}

/// The two pages and the ticket that *The Site Reliability Workbook* recommends (chapter 5, table 5-8), the fastest first. Of
/// 30 days the first is 14.4 times the rate that just uses the budget up.
pub const WORKBOOK: [BurnAlert; 3] = [
    BurnAlert::new(0.02, 3600, 300),
    BurnAlert::new(0.05, 6 * 3600, 1800),
    BurnAlert::new(0.10, 3 * 86_400, 6 * 3600),
];

/// An objective's target and window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// Share of good events, above 0 and below 1.
    pub target: f64,
    /// The time over which it counts.
    pub window: Duration,
}

impl Objective {
    /// Time of full outage that it allows.
    #[must_use]
    pub fn budget(self) -> Duration {
        self.window.mul_f64((1.0 - self.target).clamp(0.0, 1.0))
    }

    /// The fastest of the recommended pages ([`WORKBOOK`]).
    #[must_use]
    pub fn page(self) -> BurnWindows {
        let [page, ..] = WORKBOOK;
        BurnWindows {
            long: page.long,
            short: page.short,
            share: (page.factor(self.window) * (1.0 - self.target)).clamp(0.0, 1.0),
        }
    }
}

/// An objective with its facts; `None` without a target that leaves a budget.
#[must_use]
pub fn objective(slo: &Slo, evidence: &mut Evidence) -> Option<Objective> {
    let target = slo
        .target
        .as_ref()
        .filter(|target| target.value.0 > 0.0 && target.value.0 < 1.0)?;
    let target = evidence.input_as("objective", target, "the objective").0;
    let window = match &slo.window {
        Some(window) => evidence.input_as("over", window, "over this window"),
        None => {
            let why = "the objective counts over 30 days, because no window is set";
            evidence.default_input("over", WINDOW, why)
        }
    };
    Some(Objective { target, window })
}

/// The strictest objective of a service, otherwise the strictest of those that belong to no service. What belongs to no
/// known service may be about any: the strictest of all.
#[must_use]
pub fn slo_of(env: &Environment, service: Option<ServiceId>) -> Option<&Slo> {
    let strictest = |is_meant: &dyn Fn(&Slo) -> bool| {
        let target = |slo: &Slo| slo.target.as_ref().map_or(0.0, |target| target.value.0);
        let all = env.slos.iter().filter(|slo| is_meant(slo));
        all.filter(|slo| slo.target.as_ref().is_some_and(|target| target.value.0 < 1.0))
            .max_by(|a, b| target(a).total_cmp(&target(b)))
    };
    match service {
        Some(_) => strictest(&|slo| slo.owner.service == service)
            .or_else(|| strictest(&|slo| slo.owner.service.is_none())),
        None => strictest(&|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::{Fact, FileId, Owner, Parts, Share, Span};

    fn slo(name: &str, target: f64, days: Option<u64>) -> Slo {
        let span = Span::new(FileId(0), 1, 2);
        Slo {
            name: name.to_owned(),
            owner: Owner::default(),
            span,
            target: Some(Fact::declared(Share(target), span)),
            window: days.map(|days| Fact::declared(Duration::from_secs(days * 86_400), span)),
            indicator: None,
            said: Default::default(),
        }
    }

    #[test]
    fn a_budget_of_99_95_over_30_days_is_21_6_minutes_and_over_7_days_5_04() {
        let minutes = |days| {
            let objective = objective(&slo("a", 0.9995, days), &mut Evidence::new()).unwrap();
            objective.budget().as_secs_f64() / 60.0
        };
        assert!((minutes(None) - 21.6).abs() < 1e-6);
        assert!((minutes(Some(7)) - 5.04).abs() < 1e-6);
    }

    #[test]
    fn the_recommended_page_of_30_days_is_14_4_times_the_rate_that_uses_the_budget_up() {
        let objective = objective(&slo("a", 0.999, Some(30)), &mut Evidence::new()).unwrap();
        assert!((objective.page().share - 0.0144).abs() < 1e-12);
    }

    #[test]
    fn the_objective_of_another_service_is_not_the_one_of_this() {
        let mut other = slo("other", 0.9999, None);
        other.owner.service = Some(ServiceId(1));
        let env = Environment {
            parts: Parts {
                slos: vec![other, slo("all", 0.99, None)],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let name = |id| slo_of(&env, Some(ServiceId(id))).map(|slo| slo.name.as_str());
        assert_eq!((name(0), name(1)), (Some("all"), Some("other")));
        assert_eq!(slo_of(&env, None).map(|slo| slo.name.as_str()), Some("other"));
    }
}
