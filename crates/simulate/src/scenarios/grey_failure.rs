//! A cell fails partially: one packet in ten is lost on the way to it, or one request in ten fails in it, and
//! nothing that should notice does.

use std::time::Duration;

use cofferdam_model::calls::Breaker as Declared;
use cofferdam_model::cells::Routing;
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_model::{Environment, Service};
use cofferdam_policy::Time;
use cofferdam_policy::breaker::{Breaker, BreakerConfig, Recorded};
use cofferdam_policy::grey::{GreyConfig, GreyDetector};
use cofferdam_policy::trace::{Entity, Recorder};
use cofferdam_policy::window::Outcome as Ended;

use super::{Case, Prepared, Scenario, common};
use crate::chance::{Chance, Distribution, Streams};
use crate::components::load::{OpenLoad, Spacing};
use crate::components::packets;
use crate::engine::{Agenda, World};
use crate::outcome::{Outcome, Role};
use crate::statistics;
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "grey-failure",
    title: "a tenth of the packets to a cell is lost, or a tenth of the requests in it fails",
    text: include_str!("../../../../docs/scenarios/grey-failure.md"),
    rules: &[
        "breaker-blind-spot",
        "shallow-health-check",
        "failover-no-second-try",
    ],
    prepare,
};

/// The part that is lost or fails.
const PART: f64 = 0.10;
/// When it begins and ends.
const BEGINS: Time = Time::from_nanos(30_000_000_000);
const END: Time = Time::from_nanos(120_000_000_000);
/// The maximum number of followed requests a second; if there are more, these represent all.
const MOST: f64 = 4000.0;

/// What one run needs, of one router.
#[derive(Debug, Clone)]
struct Setup {
    /// Name of the cell and its part of the requests.
    cells: Vec<(String, f64)>,
    ill: usize,
    /// Requests a second at the router.
    rate: f64,
    service: Distribution,
    patience: Duration,
    interval: Duration,
    threshold: u32,
    breaker: Option<BreakerConfig>,
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    if env.cells.len() < 2 {
        return Prepared::nothing("no platform of several cells is declared");
    }
    let mut prepared = Prepared::default();
    prepared.add(case(env));
    prepared
}

fn case(env: &Environment) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let mut cells = Vec::new();
    for cell in &env.cells {
        let name = &cell.name.value;
        let traffic = facts.need(
            format!("{name}: requests at peak"),
            cell.traffic.as_ref(),
            Need::of(&registry::cells::REQUESTS_PER_SECOND, name)
                .because("it decides how soon a small share of failures can be distinguished from chance"),
        );
        cells.push((name.clone(), traffic.map_or(0.0, |rate| rate.0)));
    }
    let routing = common::routing(env);
    let busiest = env
        .services
        .iter()
        .filter(|s| s.service_time.is_some())
        .max_by(|a, b| rate(a).total_cmp(&rate(b)));
    let asked = env.services.first().map(|service| service.name.as_str());
    let service = facts.need(
        "time that a request takes when nothing is lost",
        busiest.and_then(|s| s.service_time.as_ref()),
        Need::of_one(&registry::services::SERVICE_TIME, asked)
            .because("a lost packet is visible in comparison with it"),
    );
    let Some(service) = service.filter(|_| facts.needs.is_empty()) else {
        return Err(facts.needs);
    };
    let load: f64 = cells.iter().map(|(_, traffic)| traffic).sum();
    let routers = common::routers(env, routing, &mut facts);
    let ill = (0..cells.len())
        .max_by(|a, b| cells[*a].1.total_cmp(&cells[*b].1))
        .unwrap_or(0);
    for (_, traffic) in &mut cells {
        *traffic /= load.max(1e-9);
    }
    let setup = Setup {
        ill,
        rate: (load / f64::from(routers)).min(MOST),
        service: Distribution::LogNormal {
            mean: service,
            variation: 0.5,
        },
        patience: common::patience(env, routing, &mut facts),
        interval: common::health_interval(routing, &mut facts),
        threshold: common::health_threshold(routing, &mut facts),
        breaker: breaker(env, routing, &mut facts),
        cells,
    };
    facts.assume("a request takes log-normally distributed time whose deviation is half its mean");
    facts.assume(
        "a comparison with peers is made every 10 s, of at least 100 calls on each side, and a cell is worse at 4 standard \
         deviations and 2 points, twice in a row: defaults of the policy",
    );
    if load / f64::from(routers) > MOST {
        facts.assume(format!("of a router's requests, {MOST} a second are followed"));
    }
    facts.assume("connections are open already, and a request and its answer are one packet each");
    facts.assume("slow means slower than 99.9 of 100 requests were before");
    let subject = setup.cells[setup.ill].0.clone();
    Ok(Case::new(subject, facts, move |streams, trace| {
        run(&setup, streams, trace)
    }))
}

fn rate(service: &Service) -> f64 {
    service.peak_rate.as_ref().map_or(0.0, |rate| rate.value.0)
}

/// The breaker that routers have around cells, if one is declared.
fn breaker(env: &Environment, routing: Option<&Routing>, facts: &mut Evidence) -> Option<BreakerConfig> {
    let owner = routing
        .and_then(|routing| env.owner_service(&routing.owner))
        .map(|service| service.name.as_str());
    let own = |b: &&Declared| {
        env.owner_service(&b.owner).map(|s| s.name.as_str()) == owner
            && b.used.as_ref().is_none_or(|used| used.value)
    };
    let Some(found) = env.breakers.iter().filter(own).find(|b| common::can_open(b)) else {
        facts.assume("routers have no breaker around cells: none is declared");
        return None;
    };
    common::breaker(found, BreakerConfig::cell(), facts)
}

/// The fault of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ill {
    /// Packets to and from it are lost.
    Loses,
    /// Requests in it fail.
    Fails,
}

impl Ill {
    /// A policy of this case, as traces name it.
    fn entity(self, policy: &'static str) -> &'static str {
        match (self, policy) {
            (Self::Loses, "breaker") => "breaker, packets lost",
            (Self::Fails, "breaker") => "breaker, requests failing",
            (Self::Loses, _) => "comparison with peers, packets lost",
            (Self::Fails, _) => "comparison with peers, requests failing",
        }
    }
}

#[derive(Debug)]
enum Event {
    Request,
    Done { cell: usize, began: Time, ended: Ended },
    Check,
}

/// One router and its requests.
struct Router<'a> {
    setup: &'a Setup,
    ill: Ill,
    load: OpenLoad,
    choice: Chance,
    service: Chance,
    network: Chance,
    breaker: Option<Breaker>,
    detector: GreyDetector,
    trace: Recorder,
    /// The breaker and the comparison in the trace.
    recorded: (Entity, Entity),
    /// Time of each request in the faulty cell before and during the fault, in seconds.
    before: Vec<f64>,
    after: Vec<f64>,
    slow: Option<f64>,
    requests: u64,
    failed: u64,
    delayed: u64,
    checks_failed: u32,
    most_checks_failed: u32,
    opened: Option<Time>,
    seen: Option<Time>,
    /// Requests and slow or failed ones in the faulty cell and elsewhere, by second.
    seconds: Vec<[(u32, u32); 2]>,
}

impl Router<'_> {
    /// How a request in the faulty cell ends, and when.
    fn fate(&mut self, now: Time, cell: usize) -> (Duration, bool) {
        let work = self.setup.service.duration(&mut self.service);
        if cell != self.setup.ill || now < BEGINS {
            return (work, true);
        }
        match self.ill {
            Ill::Fails => (work, !self.network.happens(PART)),
            Ill::Loses => {
                let delay = packets::exchange_delay(PART, &mut self.network);
                self.delayed += u64::from(!delay.is_zero());
                let whole = work + delay;
                if whole > self.setup.patience {
                    (self.setup.patience, false)
                } else {
                    (whole, true)
                }
            }
        }
    }

    fn request(&mut self, agenda: &mut Agenda<Event>) {
        let now = agenda.now();
        if let Some(at) = self.load.next_arrival() {
            agenda.at(at, Event::Request);
        }
        let mut draw = cofferdam_policy::Random::unit(&mut self.choice);
        let cell = self.setup.cells.iter().position(|(_, share)| {
            draw -= share;
            draw < 0.0
        });
        let cell = cell.unwrap_or(self.setup.cells.len() - 1);
        let (time, well) = self.fate(now, cell);
        let ended = match (well, self.slow) {
            (false, _) => Ended::Failure,
            (true, Some(slow)) if time.as_secs_f64() > slow => Ended::Slow,
            (true, _) => Ended::Success,
        };
        agenda.after(
            time,
            Event::Done {
                cell,
                began: now,
                ended,
            },
        );
    }

    fn done(&mut self, now: Time, cell: usize, began: Time, ended: Ended) {
        let is_ill = cell == self.setup.ill;
        self.trace
            .ended((self.recorded.1, &mut self.detector), now, cell, ended);
        let second = (now.as_nanos() / 1_000_000_000) as usize;
        if let Some(second) = self.seconds.get_mut(second) {
            let place = &mut second[usize::from(!is_ill)];
            place.0 += 1;
            place.1 += u32::from(ended != Ended::Success);
        }
        if !is_ill {
            return;
        }
        let time = now.since(began).as_secs_f64();
        if began >= BEGINS {
            self.after.push(time);
            self.requests += 1;
            self.failed += u64::from(ended == Ended::Failure);
        } else {
            self.before.push(time);
        }
        self.ask_breaker(now, ended);
        if self.seen.is_none() && self.detector.standing(now, self.setup.ill).is_grey() {
            self.seen = Some(now);
        }
    }

    fn ask_breaker(&mut self, now: Time, ended: Ended) {
        let Some(breaker) = self.breaker.as_mut().filter(|_| self.opened.is_none()) else {
            return;
        };
        let of = self.recorded.0;
        let Ok(permit) = self.trace.acquire(of, breaker, now) else {
            return;
        };
        let recorded = self.trace.complete((of, breaker), now, permit, ended);
        if matches!(recorded, Recorded::Opened(_)) {
            self.opened = Some(now);
        }
    }

    fn check(&mut self, agenda: &mut Agenda<Event>) {
        agenda.after(self.setup.interval, Event::Check);
        let failed = match self.ill {
            Ill::Loses if agenda.now() >= BEGINS => {
                packets::exchange_delay(PART, &mut self.network) > self.setup.interval
            }
            // A plain request to the health path does none of the failing work.
            _ => false,
        };
        self.checks_failed = if failed { self.checks_failed + 1 } else { 0 };
        self.most_checks_failed = self.most_checks_failed.max(self.checks_failed);
    }
}

impl World for Router<'_> {
    type Event = Event;

    fn handle(&mut self, event: Event, agenda: &mut Agenda<Event>) {
        match event {
            Event::Request => self.request(agenda),
            Event::Done { cell, began, ended } => self.done(agenda.now(), cell, began, ended),
            Event::Check => self.check(agenda),
        }
    }
}

fn course<'a>(setup: &'a Setup, ill: Ill, streams: &Streams, trace: &mut Recorder) -> Option<Router<'a>> {
    let breaker = setup.breaker.and_then(|config| Breaker::new(config).ok());
    let detector = GreyDetector::new(GreyConfig::default(), setup.cells.len()).ok()?;
    let of_breaker = |breaker| trace.breaker(breaker, || ill.entity("breaker").to_owned());
    let of_breaker = breaker.as_ref().map_or(Entity::NONE, of_breaker);
    let cells = || setup.cells.iter().map(|(name, _)| name.as_str());
    let of_detector = trace.grey(&detector, || {
        common::listed(ill.entity("comparison with peers"), cells())
    });
    let recorded = (of_breaker, of_detector);
    let mut router = Router {
        setup,
        ill,
        load: OpenLoad::constant(setup.rate, Spacing::Poisson, streams.stream("router", "arrivals")).ok()?,
        choice: streams.stream("router", "choice"),
        service: streams.stream("cells", "service time"),
        network: streams.stream("network", "loss"),
        breaker,
        detector,
        recorded,
        trace: std::mem::take(trace),
        before: Vec::new(),
        after: Vec::new(),
        slow: None,
        requests: 0,
        failed: 0,
        delayed: 0,
        checks_failed: 0,
        most_checks_failed: 0,
        opened: None,
        seen: None,
        seconds: vec![[(0, 0); 2]; END.as_secs_f64() as usize],
    };
    let mut agenda = Agenda::new();
    agenda.at(Time::ZERO, Event::Request);
    agenda.at(Time::ZERO, Event::Check);
    agenda.run(&mut router, Time::from_nanos(BEGINS.as_nanos() - 1));
    router.before.sort_by(f64::total_cmp);
    router.slow = statistics::percentile(&router.before, 0.999);
    agenda.run(&mut router, END);
    router.after.sort_by(f64::total_cmp);
    *trace = std::mem::take(&mut router.trace);
    Some(router)
}

fn run(setup: &Setup, streams: &Streams, trace: &mut Recorder) -> Outcome {
    let mut out = Outcome::default();
    let (Some(loses), Some(fails)) = (
        course(setup, Ill::Loses, streams, trace),
        course(setup, Ill::Fails, streams, trace),
    ) else {
        return out;
    };
    out.harm = percent(fails.failed, fails.requests) / 100.0;
    moments(&mut out, setup, &loses, &fails);
    figures(&mut out, setup, &loses, &fails);
    curves(&mut out, setup, &loses, &fails);
    out
}

/// The minimum time of the slowest hundredth, in milliseconds.
fn p99(times: &[f64]) -> f64 {
    statistics::percentile(times, 0.99).unwrap_or(0.0) * 1e3
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 / (whole as f64).max(1.0) * 100.0
}

/// What happens when, and why.
fn moments(out: &mut Outcome, setup: &Setup, loses: &Router<'_>, fails: &Router<'_>) {
    let name = &setup.cells[setup.ill].0;
    let rounded = |ms: f64| cofferdam_model::units::show_number(ms.round());
    out.moment(
        BEGINS,
        Role::Trigger,
        "ill",
        format!("one packet in ten to and from {name} is lost, or one request in ten fails in it"),
    );
    out.moment(
        BEGINS,
        Role::Cause,
        "late",
        format!(
            "lost packets are sent again after 200 ms and more: the slowest hundredth of the requests takes {} ms instead of {}; hardly any fails",
            rounded(p99(&loses.after)),
            rounded(p99(&loses.before))
        ),
    );
    let blind = |opened: Option<Time>| opened.is_none();
    if blind(fails.opened) {
        let why = setup.breaker.map_or_else(
            || "there is no breaker that could notice it".to_owned(),
            |config| match config.failure_share {
                Some(share) => format!(
                    "the breaker stays closed: a tenth fails, and it opens at {} %",
                    (share * 100.0).round()
                ),
                None => "the breaker stays closed: a tenth hardly ever fails so often in a row".to_owned(),
            },
        );
        out.moment(
            BEGINS,
            Role::Loop,
            "blind",
            format!("{why}; the health check passes, so that {name} keeps its share of the requests"),
        );
    }
    if let Some(seen) = fails.seen {
        out.moment(
            seen,
            Role::Detection,
            "peers, failing",
            format!("a comparison of {name} with its peers detects the failing requests"),
        );
        out.moment(
            seen,
            Role::Action,
            "drain",
            format!("move traffic away from {name} in steps when the comparison with its peers shows it"),
        );
    }
    if let Some(seen) = loses.seen {
        out.moment(
            seen,
            Role::Detection,
            "peers, slow",
            format!("a comparison of {name} with its peers detects the slow requests"),
        );
    }
}

fn figures(out: &mut Outcome, setup: &Setup, loses: &Router<'_>, fails: &Router<'_>) {
    out.amount(
        "packets lost: requests that fail",
        percent(loses.failed, loses.requests),
        "%",
    );
    out.amount(
        "packets lost: requests that wait for one",
        percent(loses.delayed, loses.requests),
        "%",
    );
    out.amount(
        "packets lost: slowest hundredth, before",
        p99(&loses.before),
        "ms",
    );
    out.amount("packets lost: slowest hundredth, then", p99(&loses.after), "ms");
    out.amount(
        "packets lost: most failed health checks in a row",
        f64::from(loses.most_checks_failed),
        "checks",
    );
    out.amount(
        "requests failing: requests that fail",
        percent(fails.failed, fails.requests),
        "%",
    );
    out.whether(
        "the health check notices",
        loses.most_checks_failed >= setup.threshold,
    );
    out.whether("the breaker opens, packets lost", loses.opened.is_some());
    out.whether("the breaker opens, requests failing", fails.opened.is_some());
    out.whether(
        "a comparison with peers sees it, packets lost",
        loses.seen.is_some(),
    );
    out.whether(
        "a comparison with peers sees it, requests failing",
        fails.seen.is_some(),
    );
    for (course, name) in [
        (loses, "… after, packets lost"),
        (fails, "… after, requests failing"),
    ] {
        if let Some(seen) = course.seen {
            out.amount(name, seen.since(BEGINS).as_secs_f64(), "s");
        }
    }
}

fn curves(out: &mut Outcome, setup: &Setup, loses: &Router<'_>, fails: &Router<'_>) {
    for (course, name) in [(loses, "packets lost"), (fails, "requests failing")] {
        for (place, whose) in [(0, setup.cells[setup.ill].0.as_str()), (1, "its peers")] {
            let points = course
                .seconds
                .iter()
                .enumerate()
                .map(|(second, counts)| {
                    let (all, bad) = counts[place];
                    (
                        Time::from_secs_f64(second as f64 + 1.0),
                        f64::from(bad) / f64::from(all.max(1)) * 100.0,
                    )
                })
                .collect();
            out.series("slow or failed requests", format!("{name}: {whose}"), "%", points);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            cells: vec![("core".into(), 0.6), ("alt".into(), 0.4)],
            ill: 0,
            rate: 500.0,
            service: Distribution::LogNormal {
                mean: Duration::from_millis(50),
                variation: 0.5,
            },
            patience: Duration::from_secs(5),
            interval: Duration::from_secs(10),
            threshold: 3,
            breaker: Some(BreakerConfig::cell()),
        }
    }

    #[test]
    fn ten_percent_are_lost_and_only_the_comparison_with_peers_detects_it() {
        let out = run(&setup(), &Streams::new(1, 0), &mut Recorder::off());
        let figure = |name: &str| out.figures.iter().find(|f| f.name == name).unwrap().value;
        // A request or its answer is lost with 1 − 0.9² = 19 %.
        assert!((figure("packets lost: requests that wait for one") - 19.0).abs() < 1.5);
        // To fail, waits of 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s must come together: about one in 10⁴.
        assert!(figure("packets lost: requests that fail") < 0.1);
        assert!((figure("requests failing: requests that fail") - 10.0).abs() < 1.5);
        assert_eq!(figure("the breaker opens, requests failing"), 0.0);
        assert_eq!(figure("the health check notices"), 0.0);
        assert_eq!(figure("a comparison with peers sees it, packets lost"), 1.0);
        // Two intervals of 10 s, and up to one to begin with.
        assert!(figure("… after, requests failing") <= 30.5);
    }
}
