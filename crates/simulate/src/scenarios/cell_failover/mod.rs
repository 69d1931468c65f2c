//! A cell is lost and its traffic goes to the others: who notices when, whether the survivors can carry the
//! load, and whether they recover when the cell does.

mod course;
mod tell;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cofferdam_model::Environment;
use cofferdam_model::cells::{LocalCacheKind, Routing};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_policy::Time;

use super::{Case, Prepared, Scenario, common};
use crate::components::cells::Checks;
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "cell-failover",
    title: "a cell is lost for five minutes at peak load",
    text: include_str!("../../../../../docs/scenarios/cell-failover.md"),
    rules: &[
        "failover-overload",
        "failover-abrupt",
        "failover-no-second-try",
        "cache-divergence",
    ],
    prepare,
};

/// When the cell is lost, and when it comes back.
const LOST: Time = Time::from_nanos(30_000_000_000);
const BACK: Time = Time::from_nanos(330_000_000_000);
const END: Time = Time::from_nanos(930_000_000_000);

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    /// Name, requests a second at peak, capacity.
    cells: Vec<(String, f64, f64)>,
    lost: usize,
    routers: u32,
    checks: Checks,
    cache: Duration,
    patience: Duration,
}

impl Setup {
    /// Requests a second of all cells.
    fn load(&self) -> f64 {
        self.cells.iter().map(|(_, traffic, _)| traffic).sum()
    }
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    if env.cells.len() < 2 {
        return Prepared::nothing("no platform of several cells is declared");
    }
    let mut prepared = Prepared::default();
    let mut losses: Vec<(f64, usize)> = Vec::new();
    let known: Option<Vec<(f64, f64)>> = env
        .cells
        .iter()
        .map(|c| Some((c.traffic.as_ref()?.value.0, c.capacity.as_ref()?.value.0)))
        .collect();
    if let Some(known) = &known {
        let load: f64 = known.iter().map(|(traffic, _)| traffic).sum();
        let capacity: f64 = known.iter().map(|(_, capacity)| capacity).sum();
        losses = known
            .iter()
            .enumerate()
            .map(|(n, (_, own))| (load / (capacity - own).max(1e-9), n))
            .collect();
        losses.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }
    // The case shows the worst loss; if rates are missing, the first cell is used to ask for them.
    let lost = losses.first().map_or(0, |(_, number)| *number);
    prepared.add(case(env, lost));
    prepared
}

fn case(env: &Environment, lost: usize) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let mut cells = Vec::new();
    for cell in &env.cells {
        let name = &cell.name.value;
        let traffic = facts.need(
            format!("{name}: requests at peak"),
            cell.traffic.as_ref(),
            Need::of(&registry::cells::REQUESTS_PER_SECOND, name)
                .because("it decides how much load the others have to carry"),
        );
        let capacity = facts.need(
            format!("{name}: capacity"),
            cell.capacity.as_ref(),
            Need::of(&registry::cells::CAPACITY_OF, name).because("it decides whether they can"),
        );
        if let (Some(traffic), Some(capacity)) = (traffic, capacity) {
            cells.push((name.clone(), traffic.0, capacity.0));
        }
    }
    if !facts.needs.is_empty() {
        return Err(facts.needs);
    }
    let routing = common::routing(env);
    let setup = Setup {
        lost,
        routers: common::routers(env, routing, &mut facts),
        checks: common::checks(routing, &mut facts),
        cache: cache(env, routing, &mut facts),
        patience: common::patience(env, routing, &mut facts),
        cells,
    };
    facts.assume(
        "the health check of an overloaded cell still passes: it is a plain request that does no work",
    );
    facts.assume("callers do not try again; if they do, it is worse");
    facts.assume(
        "traffic that moves in steps moves by at most 10 points every 5 s; a cell is unhealthy after 3 readings and healthy \
         after 6: defaults of the policy",
    );
    let subject = format!("loss of {}", setup.cells[setup.lost].0);
    Ok(Case::new(subject, facts, move |streams, trace| {
        tell::run(&setup, streams, trace)
    }))
}

fn cache(env: &Environment, routing: Option<&Routing>, facts: &mut Evidence) -> Duration {
    let own = routing.and_then(|routing| routing.cache_ttl.as_ref());
    let local = env
        .local_caches
        .iter()
        .filter(|c| c.kind == LocalCacheKind::Routing)
        .find_map(|c| c.ttl.as_ref());
    match own.or(local) {
        Some(ttl) => facts.input("life of a routing decision in a router's cache", ttl),
        None => facts.input_or(
            "life of a routing decision in a router's cache",
            None,
            Duration::ZERO,
            "routers keep no routing decision in a cache: none is declared",
        ),
    }
}
