//! A service stops for a moment, its callers try again, and the tries keep it down after the cause is gone.

#[cfg(test)]
mod tests;

use std::time::Duration;

use cofferdam_model::calls::{Breaker, Call, CallTarget, TimeoutSetting};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_model::{Environment, Fact, Owner, Service};
use cofferdam_policy::Time;
use cofferdam_policy::breaker::BreakerConfig;
use cofferdam_policy::budget::BudgetConfig;
use cofferdam_policy::retry::RetryConfig;
use cofferdam_policy::trace::Recorder;

use super::{Case, Prepared, Scenario, common};
use crate::chance::{Distribution, Streams};
use crate::components::callers::{Callers, CallersConfig, CallersWorld, Fault, What};
use crate::components::load::{OpenLoad, Spacing};
use crate::components::station::{Stale, Station, StationConfig};
use crate::engine::Agenda;
use crate::limits::{self, Quantity};
use crate::outcome::shown;
use crate::outcome::{Outcome, Role};
use cofferdam_formulas::{Evidence, Input, Need, Shown};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "retry-storm",
    title: "a service stops for ten seconds while its callers try again",
    text: include_str!("../../../../docs/scenarios/retry-storm.md"),
    rules: &[
        "retry-amplification",
        "dependency-without-breaker",
        "call-without-timeout",
    ],
    prepare,
};

/// When the service stops, and when it continues.
const STANDS: Time = Time::from_nanos(30_000_000_000);
const GOES_ON: Time = Time::from_nanos(40_000_000_000);
const END: Time = Time::from_nanos(400_000_000_000);
/// The names of the two cases.
const AS_IS: &str = "as configured";
const GUARDED: &str = "with a breaker and a retry budget";
/// If at least this share of calls is answered in time, the service counts as recovered.
const WELL: f64 = 0.99;

/// What one run needs: one replica and its share of the callers.
#[derive(Debug, Clone, Copy)]
struct Setup {
    /// First tries a second at the replica.
    rate: f64,
    /// Requests a second that the replica can serve.
    capacity: f64,
    /// Time that it works on one.
    service: Duration,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
    /// What the platform declares for its callers.
    declared: Guard,
}

impl Setup {
    /// Part of the replica's capacity that first tries use.
    fn load(&self) -> f64 {
        self.rate / self.capacity
    }

    /// The same while every try times out and is made again: ρ(1 + R).
    fn stormy_load(&self) -> f64 {
        self.load() * f64::from(1 + self.retries)
    }

    /// A replica that serves `capacity` a second and needs `service` for each works on this many at once.
    fn workers(&self) -> f64 {
        (self.capacity * self.service.as_secs_f64()).ceil().max(1.0)
    }

    /// How many tries of one call begin until the end, if every one of them times out.
    fn tries_of_a_call(&self) -> f64 {
        let (mut tries, mut elapsed, mut wait) = (1.0, 0.0, self.backoff.as_secs_f64());
        let (timeout, end) = (self.timeout.as_secs_f64(), END.as_secs_f64());
        let left = f64::from(self.retries);
        // The wait doubles five times, and is half of that on average.
        for _ in 0..5 {
            elapsed += timeout + wait / 2.0;
            if elapsed >= end || tries > left {
                return tries;
            }
            tries += 1.0;
            wait *= 2.0;
        }
        let more = (end - elapsed) / (timeout + wait / 2.0);
        (tries + more).min(left + 1.0)
    }
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    let retried = |service: &&Service| attempts(env, service).is_some_and(|attempts| attempts.value > 1);
    let mut services: Vec<&Service> = env.services.iter().filter(retried).collect();
    if services.is_empty() {
        // If nobody is known to try again, the busiest service is used to ask.
        let rate = |s: &&Service| s.peak_rate.as_ref().map_or(0.0, |rate| rate.value.0);
        let busiest = env
            .services
            .iter()
            .filter(|s| s.peak_rate.is_some())
            .max_by(|a, b| rate(a).total_cmp(&rate(b)));
        services.extend(busiest);
    }
    for service in &services {
        prepared.add(case(env, service));
    }
    if services.is_empty() {
        return Prepared::nothing(
            "no callers that try again are declared, and the requests a second are known for no service",
        );
    }
    prepared
}

/// Calls to a service, by the name that they use.
fn calls_to<'a>(env: &'a Environment, service: &'a Service) -> impl Iterator<Item = &'a Call> {
    env.calls.iter().filter(|call| {
        let host = call.target_name.as_ref().map(|name| {
            name.value
                .trim_start_matches("https://")
                .trim_start_matches("http://")
        });
        let first = host.and_then(|host| host.split(['.', ':', '/']).next());
        first == Some(service.name.as_str())
    })
}

fn attempts<'a>(env: &'a Environment, service: &'a Service) -> Option<&'a Fact<u32>> {
    let found = calls_to(env, service)
        .filter_map(|call| call.attempts.as_ref())
        .max_by_key(|attempts| attempts.value);
    service.callers.attempts.as_ref().or(found)
}

fn timeout<'a>(env: &'a Environment, service: &'a Service) -> Option<&'a Fact<Duration>> {
    let found = calls_to(env, service).find_map(|call| match &call.timeout {
        TimeoutSetting::After(after) => Some(after),
        _ => None,
    });
    service.callers.timeout.as_ref().or(found)
}

fn case(env: &Environment, service: &Service) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let rate = facts.need(
        "requests a second, all replicas",
        service.peak_rate.as_ref(),
        Need::of(&registry::services::REQUESTS_PER_SECOND, &service.name)
            .because("with the capacity it is the load, which decides whether a storm feeds itself"),
    );
    let replicas = facts.input_or(
        "replicas",
        service.scale.max.as_ref().or(service.scale.current.as_ref()),
        1,
        "one replica, because no file declares how many there are",
    );
    let capacity = facts.need(
        "requests a second that a replica can serve",
        service.capacity_per_pod.as_ref(),
        Need::of(&registry::services::CAPACITY_PER_POD, &service.name)
            .because("with the rate it is the load, which decides whether a storm feeds itself"),
    );
    let work = facts.need(
        "time that a request takes",
        service.service_time.as_ref(),
        Need::of(&registry::services::SERVICE_TIME, &service.name)
            .because("it decides how many requests a replica works on at once"),
    );
    let patience = facts.need(
        "callers wait",
        timeout(env, service),
        Need::of(&registry::services::CALLERS_TIMEOUT, &service.name)
            .because("requests that wait longer are served although their callers have given up"),
    );
    let tries = facts.need(
        "total tries",
        attempts(env, service),
        Need::of(&registry::services::CALLERS_ATTEMPTS, &service.name)
            .because("each additional try multiplies the load while tries time out"),
    );
    let backoff = service
        .callers
        .backoff
        .as_ref()
        .map(|backoff| facts.input("wait before the first retry", backoff))
        .or_else(|| waits_longer(env, service, &mut facts))
        .unwrap_or(Duration::ZERO);
    let (Some(rate), Some(capacity), Some(work), Some(patience), Some(tries)) =
        (rate, capacity, work, patience, tries)
    else {
        return Err(facts.needs);
    };
    facts.assume("each replica gets its share of the requests, so one replica represents all");
    facts.assume(
        "the service works through everything in its queue in order; it does not know that a caller has \
         given up",
    );
    if backoff.is_zero() {
        facts.assume("callers try again at once: no wait is declared");
    } else if tries > 1 {
        facts.assume(
            "waits are drawn evenly from zero to a bound that doubles with each try, up to 32 times the first (full jitter)",
        );
    }
    let setup = Setup {
        rate: rate.0 / f64::from(replicas.max(1)),
        capacity: capacity.0.max(1e-6),
        service: work.max(Duration::from_micros(1)),
        timeout: patience,
        retries: tries.saturating_sub(1),
        backoff,
        declared: Guard {
            breaker: declared_breaker(env, service, &mut facts),
            budget: declared_budget(env, service, &mut facts),
        },
    };
    let subject = service.name.clone();
    let quantities = [
        Quantity {
            what: "workers in a replica (capacity_per_pod × service_time)",
            value: setup.workers(),
            most: limits::WORKERS,
        },
        Quantity {
            what: "tries at a replica in a run (requests_per_second ÷ replicas × 400 s, each tried again)",
            value: setup.rate * END.as_secs_f64() * setup.tries_of_a_call(),
            most: limits::IN_A_RUN,
        },
    ];
    let case = Case::new(subject.clone(), facts, move |streams, trace| {
        run(setup, &subject, streams, trace)
    });
    Ok(case.limited(&format!("service {}", service.name), &quantities))
}

/// What limits callers.
#[derive(Debug, Clone, Copy, Default)]
struct Guard {
    breaker: Option<BreakerConfig>,
    budget: Option<BudgetConfig>,
}

/// The first wait if a file declares that waits grow but not their start.
fn waits_longer(env: &Environment, service: &Service, facts: &mut Evidence) -> Option<Duration> {
    let found = calls_to(env, service).find_map(|call| call.backoff.as_ref().filter(|grows| grows.value))?;
    let first = Duration::from_millis(25);
    facts.inputs.push(Input {
        name: "wait before the first retry".to_owned(),
        value: Shown::shown(&first),
        place: found.span(),
    });
    facts.assume(
        "the first wait is 25 ms, Envoy's default of a back-off's base: the file declares that \
        waits grow, but not their start",
    );
    Some(first)
}

/// The breaker around a call to the service, if one is declared.
fn declared_breaker(env: &Environment, service: &Service, facts: &mut Evidence) -> Option<BreakerConfig> {
    let owner = |owner: &Owner| env.owner_service(owner).map(|s| s.name.as_str());
    let around = |breaker: &&Breaker| {
        calls_to(env, service).any(|call| {
            let named = call
                .breaker
                .as_ref()
                .is_some_and(|name| name.value == breaker.name);
            let protects = breaker.protects == Some(CallTarget::Service);
            owner(&call.owner).is_some() && owner(&call.owner) == owner(&breaker.owner) && (named || protects)
        })
    };
    let found = env.breakers.iter().filter(around).find(|b| common::can_open(b));
    if found.is_none() {
        let first = |name: &str| name.split('.').next() == Some(service.name.as_str());
        if env.breakers.iter().any(|b| common::can_open(b) && first(&b.name)) {
            facts.assume(
                "outlier ejection is left out: it removes at most a tenth of the replicas (Istio's \
                default of maxEjectionPercent), and here all of them are stopped",
            );
        }
    }
    common::breaker(found?, BreakerConfig::default(), facts)
}

/// The retry budget of the calls to the service, if one is declared; without a floor, which no file declares.
fn declared_budget(env: &Environment, service: &Service, facts: &mut Evidence) -> Option<BudgetConfig> {
    let share = calls_to(env, service).find_map(|call| call.retry_budget.as_ref())?;
    Some(BudgetConfig {
        ratio: facts.input("retry budget", share).0,
        floor: 0.0,
        ..BudgetConfig::default()
    })
}

/// One case: the callers as they are, or limited.
fn course(
    setup: &Setup,
    subject: &str,
    streams: &Streams,
    (guard, name): (Guard, &str),
    trace: &mut Recorder,
) -> Option<CallersWorld> {
    let servers = setup.workers();
    let mean = Duration::from_secs_f64(servers / setup.capacity);
    let service = Distribution::Exponential { mean };
    let config = StationConfig {
        servers: servers as u32,
        queue: usize::MAX,
        service,
        stale: Stale::Served,
    };
    let station = Station::new(config, streams.stream(subject, "service time"));
    let load = OpenLoad::constant(setup.rate, Spacing::Poisson, streams.stream(subject, "arrivals")).ok()?;
    let config = CallersConfig {
        name: format!("callers → {subject}, {name}"),
        instances: 1,
        timeout: setup.timeout,
        retry: RetryConfig {
            attempts: 1 + setup.retries,
            base: setup.backoff,
            cap: setup.backoff.saturating_mul(32),
            deadline: None,
        },
        budget: guard.budget,
        breaker: guard.breaker,
    };
    let mut callers = Callers::new(config, streams.stream(subject, "jitter")).ok()?;
    callers.record(std::mem::take(trace));
    let fault = Fault {
        from: STANDS,
        until: GOES_ON,
        what: What::Stall,
    };
    let mut agenda = Agenda::new();
    let mut world = CallersWorld::begin(load, callers, (station, service), Some(fault), &mut agenda);
    agenda.run(&mut world, END);
    *trace = world.callers.recorded();
    Some(world)
}

/// Half of at least 20 of the last 100 tries fail: open for the callers' patience, at least 1 s, growing by half up to
/// 5 s; 3 of 5 probes close it.
fn breaker(setup: &Setup) -> BreakerConfig {
    BreakerConfig {
        open_time: setup
            .timeout
            .clamp(Duration::from_secs(1), Duration::from_secs(2)),
        open_growth: 1.5,
        open_time_cap: Duration::from_secs(5),
        probe_timeout: setup.timeout * 2,
        ..BreakerConfig::default()
    }
}

fn failed_after(world: &CallersWorld) -> f64 {
    let at = |time: Time| {
        world
            .samples
            .iter()
            .find(|sample| sample.at >= time)
            .map(|sample| sample.tally)
    };
    match (at(GOES_ON), world.samples.last().map(|sample| sample.tally)) {
        (Some(before), Some(after)) => {
            let (answered, failed) = (after.answered - before.answered, after.failed - before.failed);
            failed as f64 / ((answered + failed) as f64).max(1.0) * 100.0
        }
        _ => 0.0,
    }
}

fn run(setup: Setup, subject: &str, streams: &Streams, trace: &mut Recorder) -> Outcome {
    let mut out = Outcome::default();
    let (Some(plain), Some(guarded)) = (
        course(&setup, subject, streams, (setup.declared, AS_IS), trace),
        course(
            &setup,
            subject,
            streams,
            (
                Guard {
                    breaker: Some(breaker(&setup)),
                    budget: Some(BudgetConfig::default()),
                },
                GUARDED,
            ),
            trace,
        ),
    ) else {
        return out;
    };
    out.harm = failed_after(&plain) / 100.0;
    moments(&mut out, &setup, subject, plain.recovered(WELL));
    figures(&mut out, &setup, &plain, &guarded);
    curves(&mut out, &setup, &plain, &guarded);
    out
}

/// What happens when, and why.
fn moments(out: &mut Outcome, setup: &Setup, subject: &str, recovered: Option<Time>) {
    let busy = setup.stormy_load();
    let percent = |load: f64| shown((load * 100.0).round(), "%");
    let overloaded = setup.load() >= 1.0;
    if overloaded {
        out.moment(
            Time::ZERO,
            Role::Cause,
            "overloaded",
            format!(
                "calls alone are {} of what its replicas can serve: it is down before anything happens",
                percent(setup.load())
            ),
        );
        let action = "more replicas, or fewer accepted calls, before its callers' tries are added";
        out.moment(Time::ZERO, Role::Action, "capacity", action);
    }
    out.moment(
        STANDS,
        Role::Trigger,
        "stands",
        format!("{subject} starts no request for 10 s (a long pause, a lock, a failover below it)"),
    );
    let again = match setup.retries {
        0 => "callers give up after {} and do not try again".to_owned(),
        1 => "callers give up after {} and try again, once".to_owned(),
        times => format!("callers give up after {{}} and try again, {times} times"),
    };
    out.moment(
        STANDS + setup.timeout,
        if overloaded { Role::Effect } else { Role::Cause },
        "timeouts",
        format!(
            "{}: the load is up to {} of capacity instead of {}",
            again.replace("{}", &setup.timeout.shown()),
            percent(busy),
            percent(setup.load())
        ),
    );
    out.moment(
        GOES_ON,
        Role::Over,
        "goes on",
        format!("{subject} works again at its full speed"),
    );
    if recovered.is_none() && !overloaded {
        out.moment(
            GOES_ON,
            Role::Loop,
            "storm",
            "it works through tries whose callers have given up; each of those tries again, so the queue \
             never ends"
                .to_owned(),
        );
        out.moment(
            STANDS + setup.timeout,
            Role::Action,
            "breaker",
            "a breaker and a retry budget at the callers, or a queue that drops abandoned requests, before \
             the first tries time out"
                .to_owned(),
        );
    }
    if let Some(at) = recovered {
        out.moment(
            at,
            Role::Recovery,
            "recovered",
            "99 of 100 calls are answered in time again",
        );
    }
}

fn figures(out: &mut Outcome, setup: &Setup, plain: &CallersWorld, guarded: &CallersWorld) {
    let recovered = plain.recovered(WELL);
    if let Some(at) = recovered {
        out.amount("time to recover", at.since(GOES_ON).as_secs_f64(), "s");
    }
    out.amount("load of first tries", setup.load() * 100.0, "% of capacity");
    out.amount(
        "load while all tries time out, ρ(1+R)",
        setup.stormy_load() * 100.0,
        "% of capacity",
    );
    out.whether("still down six minutes after it works again", recovered.is_none());
    out.amount("calls that fail after it works again", failed_after(plain), "%");
    if let Some(at) = guarded.recovered(WELL) {
        out.amount(
            "time to recover with a breaker and a retry budget",
            at.since(GOES_ON).as_secs_f64(),
            "s",
        );
    }
    out.whether(
        "still down with a breaker and a retry budget",
        guarded.recovered(WELL).is_none(),
    );
    out.amount(
        "calls that fail after it works again, with a breaker and a retry budget",
        failed_after(guarded),
        "%",
    );
    out.amount(
        "tries for each call",
        plain.callers.tally().tries as f64 / (plain.callers.tally().calls as f64).max(1.0),
        "",
    );
}

fn curves(out: &mut Outcome, setup: &Setup, plain: &CallersWorld, guarded: &CallersWorld) {
    for (world, name) in [(plain, AS_IS), (guarded, GUARDED)] {
        out.series("calls answered in time", name, "%", answered(world));
    }
    for (world, name) in [(plain, AS_IS), (guarded, GUARDED)] {
        let queue = world
            .samples
            .iter()
            .step_by(2)
            .map(|s| (s.at, s.waiting as f64 / setup.capacity))
            .collect();
        out.series("time to work the queue off", name, "s", queue);
    }
}

/// Of the calls that end in each two seconds, how many are answered.
fn answered(world: &CallersWorld) -> Vec<(Time, f64)> {
    let samples: Vec<_> = world.samples.iter().step_by(2).collect();
    samples
        .windows(2)
        .map(|pair| {
            let answered = pair[1].tally.answered - pair[0].tally.answered;
            let failed = pair[1].tally.failed - pair[0].tally.failed;
            let ended = answered + failed;
            // Nothing ends while every caller waits: no call is answered then.
            (
                pair[1].at,
                if ended == 0 {
                    0.0
                } else {
                    answered as f64 / ended as f64 * 100.0
                },
            )
        })
        .collect()
}
