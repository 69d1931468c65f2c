//! A cell is lost and its traffic goes to the others: who notices when, whether the survivors can carry it, and
//! whether they come back when the cell does.

use std::time::Duration;

use cofferdam_model::Environment;
use cofferdam_model::cells::{LocalCacheKind, Routing};
use cofferdam_model::overlay::Overlay;
use cofferdam_policy::Time;
use cofferdam_policy::shift::{CellReading, Shift, ShiftConfig};

use super::{Case, Prepared, Scenario, common};
use crate::chance::Streams;
use crate::components::cells::{Belief, Cell, Checks, Fate, Overload};
use crate::facts::{Facts, Need};
use crate::outcome::{Outcome, Role, Trace};
use crate::rehearse::shown;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "cell-failover",
    title: "a cell is lost for five minutes at peak load",
    rules: &[
        "failover-overload",
        "failover-abrupt",
        "failover-no-second-try",
        "cache-divergence",
    ],
    prepare,
};

const TICK: Duration = Duration::from_millis(100);
/// When the cell is lost, and when it comes back.
const LOST: Time = Time::from_nanos(30_000_000_000);
const BACK: Time = Time::from_nanos(330_000_000_000);
const END: Time = Time::from_nanos(930_000_000_000);
/// How often the policy takes a step.
const STEP: Duration = Duration::from_secs(5);

/// What one run needs.
#[derive(Debug, Clone)]
struct Plan {
    /// Name, requests a second at peak, capacity.
    cells: Vec<(String, f64, f64)>,
    lost: usize,
    routers: u32,
    checks: Checks,
    cache: Duration,
    patience: Duration,
}

impl Plan {
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
    // The worst loss tells the story; where the rates are missing, the first stands for asking for them.
    let lost = losses.first().map_or(0, |(_, number)| *number);
    prepared.add(case(env, lost));
    prepared
}

fn case(env: &Environment, lost: usize) -> Result<Case, Vec<Need>> {
    let mut facts = Facts::new();
    let mut cells = Vec::new();
    for cell in &env.cells {
        let name = &cell.name.value;
        let traffic = facts.need(
            format!("{name}: requests at peak"),
            cell.traffic.as_ref(),
            (
                &format!("cells.{name}.requests_per_second"),
                "1000",
                "it decides what the others have to carry",
            ),
        );
        let capacity = facts.need(
            format!("{name}: capacity"),
            cell.capacity.as_ref(),
            (
                &format!("cells.{name}.capacity"),
                "1500",
                "it decides whether they can",
            ),
        );
        if let (Some(traffic), Some(capacity)) = (traffic, capacity) {
            cells.push((name.clone(), traffic.0, capacity.0));
        }
    }
    if !facts.needs.is_empty() {
        return Err(facts.needs);
    }
    let routing = common::routing(env);
    let plan = Plan {
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
    facts.assume("callers do not try again; where they do, it is worse");
    let subject = format!("loss of {}", plan.cells[plan.lost].0);
    Ok(Case::new(subject, facts, move |streams, trace| {
        run(&plan, streams, trace)
    }))
}

fn cache(env: &Environment, routing: Option<&Routing>, facts: &mut Facts) -> Duration {
    let own = routing.and_then(|routing| routing.cache_ttl.as_ref());
    let local = env
        .local_caches
        .iter()
        .filter(|c| c.kind == LocalCacheKind::Routing)
        .find_map(|c| c.ttl.as_ref());
    match own.or(local) {
        Some(ttl) => facts.take("life of a routing decision in a router's cache", ttl),
        None => Duration::ZERO,
    }
}

/// Who decides where requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steering {
    /// Routers with health checks and caches, all or nothing.
    Routers,
    /// The shift policy: steps, safe loads, shedding.
    Policy,
}

/// Requests of each tick, what became of them, and where the survivors stood.
#[derive(Debug, Default)]
struct Course {
    offered: Vec<u64>,
    fates: Vec<Fate>,
    /// Requests that were served in time, by the tick in which they came.
    in_time: Vec<u64>,
    /// Before this tick every request has been served or has gone.
    seen: usize,
    /// Longest wait in a survivor after each tick, in seconds.
    wait: Vec<f64>,
    /// Part of the routers that no longer send to the lost cell.
    turned: Vec<f64>,
}

impl Course {
    /// Share of the requests that come in a time and are not served while their callers wait.
    fn failed_share(&self, from: Time, to: Time, patience: Duration) -> f64 {
        // What comes so late that its end is not seen is not counted; who waits longer than that has failed.
        let waited = self.fates.len().saturating_sub(tick_of(Time::ZERO + patience));
        let seen = self.seen.max(waited);
        let (from, to) = (tick_of(from), tick_of(to).min(self.fates.len()).min(seen));
        let range = from.min(to)..to;
        let served: u64 = self.in_time[range.clone()].iter().sum();
        let offered: u64 = self.offered[range].iter().sum();
        if offered == 0 {
            0.0
        } else {
            (1.0 - served as f64 / offered as f64).max(0.0)
        }
    }

    /// The first tick from `from` on after which at least 99 % of a minute's requests are served.
    fn recovers(&self, from: Time) -> Option<Time> {
        let minute = 600;
        let mut failing = 0.0;
        let share = |tick: usize| 1.0 - self.fates[tick].served as f64 / (self.offered[tick] as f64).max(1.0);
        let start = tick_of(from);
        for tick in start..self.fates.len() {
            failing += share(tick);
            if tick >= start + minute {
                failing -= share(tick - minute);
            }
            if tick + 1 >= start + minute && failing / (minute as f64) < 0.01 {
                return Some(time_of(tick + 1 - minute));
            }
        }
        None
    }
}

fn tick_of(time: Time) -> usize {
    (time.as_nanos() / TICK.as_nanos() as u64) as usize
}

fn time_of(tick: usize) -> Time {
    Time::from_nanos(tick as u64 * TICK.as_nanos() as u64)
}

fn course(
    plan: &Plan,
    streams: &Streams,
    overload: Overload,
    steering: Steering,
    trace: &mut Trace,
) -> Course {
    let mut cells: Vec<Cell> = plan
        .cells
        .iter()
        .map(|(_, _, capacity)| Cell::new(*capacity, plan.patience, overload))
        .collect();
    let mut queues = vec![Came::default(); cells.len()];
    let load = plan.load();
    let mut arrivals = streams.stream("cells", "arrivals");
    let mut phases = streams.stream("routers", "phases");
    let mut beliefs: Vec<Belief> = (0..plan.routers)
        .map(|_| {
            let (check, refresh) = (
                cofferdam_policy::Random::unit(&mut phases),
                cofferdam_policy::Random::unit(&mut phases),
            );
            Belief::new(plan.checks, plan.cache, check, refresh)
        })
        .collect();
    let shares: Vec<f64> = plan.cells.iter().map(|(_, traffic, _)| traffic / load).collect();
    let config = ShiftConfig {
        safe_load: 1.0,
        ..ShiftConfig::default()
    };
    let mut shift = Shift::new(config, &shares).ok();
    // The policy hears of the cell by the same checks, and keeps no cache.
    let phase = cofferdam_policy::Random::unit(&mut phases);
    let mut heard = Belief::new(plan.checks, Duration::ZERO, phase, 0.0);
    let mut course = Course::default();
    let mut sent = shares.clone();
    for tick in 0..tick_of(END) {
        let now = time_of(tick + 1);
        let up = now <= LOST || now > BACK;
        let mut fate = Fate::default();
        if up != cells[plan.lost].is_up() {
            fate.refused += cells[plan.lost].set_up(up);
        }
        let turned = beliefs
            .iter_mut()
            .filter_map(|belief| (!belief.well(now, up)).then_some(()))
            .count() as f64
            / f64::from(plan.routers);
        let well = heard.well(now, up);
        match &mut shift {
            Some(shift) if steering == Steering::Policy => {
                if time_of(tick).as_nanos().is_multiple_of(STEP.as_nanos() as u64) {
                    decide(plan, shift, well, time_of(tick), trace);
                }
                for (number, share) in sent.iter_mut().enumerate() {
                    *share = shift.sent(number) / load;
                }
            }
            _ => {
                let moved = turned * shares[plan.lost];
                let rest: f64 = 1.0 - shares[plan.lost];
                for (number, share) in sent.iter_mut().enumerate() {
                    let own = shares[number];
                    *share = if number == plan.lost {
                        own - moved
                    } else {
                        own + moved * own / rest
                    };
                }
            }
        }
        let mut offered = 0;
        for (number, cell) in cells.iter_mut().enumerate() {
            let count = arrivals.poisson(load * sent[number] * TICK.as_secs_f64());
            offered += count;
            let own = cell.tick(now, TICK, count);
            fate.add(own);
            let came = queues[number].came(cell.wait());
            course.in_time.resize(course.fates.len() + 1, 0);
            course.in_time[came] += own.served;
        }
        // What the policy refuses at the door counts as asked for and not served.
        let refused = (load * TICK.as_secs_f64() * (1.0 - sent.iter().sum::<f64>()))
            .max(0.0)
            .round() as u64;
        fate.refused += refused;
        course.offered.push(offered + refused);
        course.fates.push(fate);
        let waits = cells
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != plan.lost)
            .map(|(_, cell)| cell.wait().as_secs_f64());
        course.wait.push(waits.fold(0.0, f64::max));
        course.turned.push(turned);
    }
    course.seen = queues.iter().map(|queue| queue.next).min().unwrap_or(0);
    course
}

/// When the requests came that a first-in-first-out queue serves now.
#[derive(Debug, Clone, Default)]
struct Came {
    /// Wait of what came in each tick.
    waits: Vec<f64>,
    /// The first tick whose requests are not served yet.
    next: usize,
}

impl Came {
    /// A tick is over, and whoever came in it waits so long; in which tick came what was served in it.
    fn came(&mut self, wait: Duration) -> usize {
        let tick = self.waits.len();
        self.waits.push(wait.as_secs_f64() / TICK.as_secs_f64());
        let is_over = |next: usize| next as f64 + self.waits[next] <= tick as f64 + 0.5;
        while self.next <= tick && is_over(self.next) {
            self.next += 1;
        }
        self.next.min(tick)
    }
}

fn decide(plan: &Plan, shift: &mut Shift, well: bool, now: Time, trace: &mut Trace) {
    let readings: Vec<CellReading> = plan
        .cells
        .iter()
        .enumerate()
        .map(|(number, (_, _, capacity))| CellReading {
            healthy: well || number != plan.lost,
            capacity: *capacity,
        })
        .collect();
    // Without classes every request is as important as the next.
    let decision = shift.step([plan.load(), 0.0, 0.0], &readings);
    trace.decide(now, "traffic shift", || {
        let weights: Vec<String> = plan
            .cells
            .iter()
            .enumerate()
            .map(|(n, (name, ..))| format!("{name} {:.1} %", shift.weight(n) * 100.0))
            .collect();
        (
            format!(
                "{}; refuses {:.1} %",
                weights.join(", "),
                decision.shed[0] * 100.0
            ),
            decision.reason.to_string(),
        )
    });
}

fn run(plan: &Plan, streams: &Streams, trace: &mut Trace) -> Outcome {
    let mut silent = Trace::default();
    let as_is = course(plan, streams, Overload::Queues, Steering::Routers, &mut silent);
    let refusing = course(plan, streams, Overload::Refuses, Steering::Routers, &mut silent);
    let shifted = course(plan, streams, Overload::Refuses, Steering::Policy, trace);
    let (lost, traffic, _) = &plan.cells[plan.lost];
    let load = plan.load();
    let safe: f64 = plan
        .cells
        .iter()
        .enumerate()
        .filter(|(n, _)| *n != plan.lost)
        .map(|(_, (_, _, c))| c)
        .sum();
    let names: Vec<&str> = plan
        .cells
        .iter()
        .enumerate()
        .filter(|(n, _)| *n != plan.lost)
        .map(|(_, (n, ..))| n.as_str())
        .collect();
    let one = names.len() == 1;
    let names = names.join(" and ");
    let before: f64 = load - traffic;
    let mut out = Outcome::default();
    out.moment(
        LOST,
        Role::Trigger,
        "lost",
        format!(
            "{lost} is lost, with {} of {} requests a second",
            shown(*traffic, ""),
            shown(load, "")
        ),
    );
    let heard = |share: f64| {
        as_is
            .turned
            .iter()
            .position(|turned| *turned >= share)
            .map(time_of)
    };
    if let Some(first) = heard(1e-9) {
        out.moment(
            first,
            Role::Effect,
            "first router",
            "the first router stops sending to it; until here every request to it failed",
        );
    }
    if let Some(all) = heard(1.0) {
        out.moment(
            all,
            Role::Effect,
            "all routers",
            "the last router has heard of it",
        );
        out.amount(
            "time until the last router knows",
            all.since(LOST).as_secs_f64(),
            "s",
        );
    }
    let utilisation = load / safe.max(1e-9) * 100.0;
    let over = as_is
        .wait
        .iter()
        .position(|wait| *wait > plan.patience.as_secs_f64())
        .map(time_of);
    if let Some(over) = over.filter(|over| *over > LOST) {
        out.moment(
            over,
            Role::Cause,
            "overload",
            format!(
                "{names} {} up to {} requests a second and {} {}: {} of {} capacity; the queue is longer than callers wait",
                if one { "gets" } else { "get" },
                shown(load, ""),
                if one { "carries" } else { "carry" },
                shown(safe, ""),
                shown(utilisation.round(), "%"),
                if one { "its" } else { "their" },
            ),
        );
        out.moment(
            over,
            Role::Loop,
            "stale work",
            format!(
                "{names} {} through requests whose callers have gone, and so {} nobody",
                if one { "works" } else { "work" },
                if one { "serves" } else { "serve" },
            ),
        );
        if let Some(first) = heard(1e-9) {
            out.moment(first, Role::Action, "shed", format!("refuse what is above {} requests a second, by priority, before the routers move the traffic", shown(safe, "")));
        }
    } else {
        out.moment(
            LOST,
            Role::Cause,
            "unheard",
            format!("requests to {lost} fail until every router has heard of it; {names} can carry the rest"),
        );
        out.moment(
            LOST,
            Role::Action,
            "sooner",
            "quicker checks and shorter lives of what routers keep, or a second try in another cell",
        );
    }
    out.moment(BACK, Role::Over, "back", format!("{lost} is back"));
    out.harm = as_is.failed_share(LOST, BACK, plan.patience);
    out.amount("load of the survivors, by capacity", utilisation, "%");
    out.amount(
        "traffic of the survivors, by what they had",
        load / before.max(1e-9),
        "times",
    );
    let courses = [
        (
            &as_is,
            "requests that fail during the loss",
            "requests that fail in the ten minutes after it",
        ),
        (
            &refusing,
            "… if survivors refuse what they cannot serve in time",
            "… ten minutes after, if survivors refuse",
        ),
        (
            &shifted,
            "… if traffic also moves in steps, up to what they carry",
            "… ten minutes after, if it moves in steps",
        ),
    ];
    for (course, during, _) in courses {
        out.amount(
            during,
            course.failed_share(LOST, BACK, plan.patience) * 100.0,
            "%",
        );
    }
    for (course, _, after) in courses {
        out.amount(after, course.failed_share(BACK, END, plan.patience) * 100.0, "%");
    }
    let recovered = as_is.recovers(BACK);
    out.whether(
        "still down ten minutes after the cell is back",
        recovered.is_none(),
    );
    if let Some(at) = recovered {
        out.moment(
            at,
            Role::Recovery,
            "recovered",
            "at least 99 of 100 requests are served again",
        );
        out.amount(
            "time to recover after the cell is back",
            at.since(BACK).as_secs_f64(),
            "s",
        );
    }
    curves(
        &mut out,
        [
            (&as_is, "as configured"),
            (&refusing, "survivors refuse"),
            (&shifted, "moved in steps"),
        ],
    );
    out
}

/// Points of a second each for the share that is served, and the survivors' queue.
fn curves(out: &mut Outcome, courses: [(&Course, &str); 3]) {
    const SECONDS: usize = 5;
    let per_point = SECONDS * 10;
    for (course, name) in courses {
        let served = (0..course.fates.len() / per_point)
            .map(|point| {
                let range = point * per_point..(point + 1) * per_point;
                let served: u64 = course.fates[range.clone()].iter().map(|fate| fate.served).sum();
                let offered: u64 = course.offered[range].iter().sum();
                (
                    time_of((point + 1) * per_point),
                    // Requests of the tick before may be served in this one.
                    (served as f64 / (offered as f64).max(1.0) * 100.0).min(100.0),
                )
            })
            .collect();
        out.series("requests served in time", name, "%", served);
    }
    for (course, name) in courses {
        let waits = (0..course.wait.len() / per_point)
            .map(|point| {
                (
                    time_of((point + 1) * per_point),
                    course.wait[(point + 1) * per_point - 1],
                )
            })
            .collect();
        out.series("wait in the surviving cells", name, "s", waits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            cells: vec![("core".into(), 7000.0, 7000.0), ("alt".into(), 5000.0, 5000.0)],
            lost: 0,
            routers: 2,
            checks: Checks {
                interval: Duration::from_secs(10),
                failures: 3,
                successes: 1,
            },
            cache: Duration::from_secs(60),
            patience: Duration::from_secs(5),
        }
    }

    fn figure(outcome: &Outcome, name: &str) -> f64 {
        outcome.figures.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn the_survivor_of_a_60_40_split_gets_240_percent() {
        let outcome = run(&plan(), &Streams::new(1, 0), &mut Trace::default());
        // 12,000 ÷ 5,000 = 240 % of its capacity; its traffic grows 12,000 ÷ 5,000 = 2.4 times.
        assert!((figure(&outcome, "load of the survivors, by capacity") - 240.0).abs() < 1e-9);
        assert!((figure(&outcome, "traffic of the survivors, by what they had") - 2.4).abs() < 1e-9);
        // Checks fail at most 30 s after the loss, and a cache lives 60 s more.
        let heard = figure(&outcome, "time until the last router knows");
        assert!((20.0..=90.0).contains(&heard), "{heard}");
        // Refusing what is too much, 5,000 of 12,000 are served once the routers know: 58.3 % fail.
        let refusing = figure(&outcome, "… if survivors refuse what they cannot serve in time");
        assert!((refusing - 58.3).abs() < 3.0, "{refusing}");
        assert!(figure(&outcome, "requests that fail during the loss") > 80.0);
    }

    #[test]
    fn survivors_with_room_carry_the_load() {
        let mut plan = plan();
        plan.cells = vec![("a".into(), 400.0, 1500.0), ("b".into(), 400.0, 1500.0)];
        let outcome = run(&plan, &Streams::new(1, 0), &mut Trace::default());
        let cause = outcome.moments.iter().find(|m| m.role == Role::Cause).unwrap();
        assert!(cause.text.contains("until every router has heard of it"));
        assert!(outcome.moments.iter().all(|m| m.role != Role::Loop));
        assert_eq!(
            figure(&outcome, "still down ten minutes after the cell is back"),
            0.0
        );
        // All that fails is what was sent to the lost cell until the routers knew.
        assert!(figure(&outcome, "requests that fail during the loss") < 20.0);
    }

    #[test]
    fn what_waits_when_the_cell_is_back_counts_by_when_it_came() {
        // b carries 1,200 and gets 1,500. Until the router knows, 20 to 30 s, 1,000 of 1,500 fail: 4.4 to 6.7 % of the
        // 300 s. The queue then grows by 300 a second, to 75,000 at most, which is a minute; callers wait longer.
        let plan = Plan {
            cells: vec![("a".into(), 1000.0, 1000.0), ("b".into(), 500.0, 1200.0)],
            routers: 1,
            cache: Duration::ZERO,
            patience: Duration::from_secs(90),
            ..plan()
        };
        let out = run(&plan, &Streams::new(1, 0), &mut Trace::default());
        let during = figure(&out, "requests that fail during the loss");
        assert!((4.0..=7.0).contains(&during), "{during}");
        let after = figure(&out, "requests that fail in the ten minutes after it");
        assert!(after < 0.1, "{after}");
        // Callers who wait 30 s only: the queue is that long after 120 s, and from then on everybody at b is late.
        let plan = Plan {
            patience: Duration::from_secs(30),
            ..plan
        };
        let out = run(&plan, &Streams::new(1, 0), &mut Trace::default());
        let during = figure(&out, "requests that fail during the loss");
        assert!((50.0..=62.0).contains(&during), "{during}");
    }
}
