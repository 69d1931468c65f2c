//! A service stands still for a moment, its callers try again, and the tries keep it down after the cause is gone.

use std::time::Duration;

use cofferdam_model::calls::{Call, TimeoutSetting};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::{Environment, Fact, Service};
use cofferdam_policy::Time;
use cofferdam_policy::breaker::BreakerConfig;
use cofferdam_policy::budget::BudgetConfig;
use cofferdam_policy::retry::RetryConfig;

use super::{Case, Prepared, Scenario};
use crate::chance::{Distribution, Streams};
use crate::components::callers::{Callers, CallersConfig, CallersWorld, Fault, What};
use crate::components::load::{OpenLoad, Spacing};
use crate::components::station::{Stale, Station, StationConfig};
use crate::engine::Agenda;
use crate::facts::{Facts, Need};
use crate::outcome::{Outcome, Role, Trace};
use crate::rehearse::shown;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "retry-storm",
    title: "a service stands still for ten seconds while its callers try again",
    rules: &[
        "retry-amplification",
        "dependency-without-breaker",
        "call-without-timeout",
    ],
    prepare,
};

/// When the service stands still, and when it goes on.
const STANDS: Time = Time::from_nanos(30_000_000_000);
const GOES_ON: Time = Time::from_nanos(40_000_000_000);
const END: Time = Time::from_nanos(400_000_000_000);
/// What the other course of events is called.
const GUARDED: &str = "with a breaker and a retry budget";
/// Share of calls answered in time from which the service counts as recovered.
const WELL: f64 = 0.99;

/// What one run needs: one replica and its share of the callers.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// First tries a second at the replica.
    rate: f64,
    /// Requests a second that the replica can serve.
    capacity: f64,
    /// Time that it works on one.
    service: Duration,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
}

impl Plan {
    /// Part of the replica's capacity that first tries take.
    fn load(&self) -> f64 {
        self.rate / self.capacity
    }

    /// The same while every try times out and is made again: ρ(1 + R).
    fn stormy_load(&self) -> f64 {
        self.load() * f64::from(1 + self.retries)
    }
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    let retried = |service: &&Service| attempts(env, service).is_some_and(|attempts| attempts.value > 1);
    let mut services: Vec<&Service> = env.services.iter().filter(retried).collect();
    if services.is_empty() {
        // The busiest service stands for the question whether anybody tries again.
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
            "no caller that tries again is declared, and of no service are the requests a second known",
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
    let mut facts = Facts::new();
    let path = |key: &str| format!("services.{}.{key}", service.name);
    let rate = facts.need(
        "requests a second, all replicas",
        service.peak_rate.as_ref(),
        (
            &path("requests_per_second"),
            "1000",
            "with the capacity it is the load, which decides whether a storm feeds itself",
        ),
    );
    let replicas = facts.or(
        "replicas",
        service.scale.max.as_ref().or(service.scale.current.as_ref()),
        1,
        "one replica, because nothing says how many there are",
    );
    let capacity = facts.need(
        "requests a second that a replica can serve",
        service.capacity_per_pod.as_ref(),
        (
            &path("capacity_per_pod"),
            "150",
            "with the rate it is the load, which decides whether a storm feeds itself",
        ),
    );
    let work = facts.need(
        "time that a request is worked on",
        service.service_time.as_ref(),
        (
            &path("service_time"),
            "20ms",
            "it decides how many requests a replica works on at once",
        ),
    );
    let patience = facts.need(
        "callers wait",
        timeout(env, service),
        (
            &path("callers.timeout"),
            "2s",
            "what waits longer is worked on for nobody",
        ),
    );
    let tries = facts.need(
        "tries in all",
        attempts(env, service),
        (
            &path("callers.attempts"),
            "3",
            "each one more multiplies the load while tries time out",
        ),
    );
    let backoff = service
        .callers
        .backoff
        .as_ref()
        .map_or(Duration::ZERO, |backoff| {
            facts.take("wait before the first retry", backoff)
        });
    let (Some(rate), Some(capacity), Some(work), Some(patience), Some(tries)) =
        (rate, capacity, work, patience, tries)
    else {
        return Err(facts.needs);
    };
    facts.assume("each replica gets its share of the requests, so that one replica tells the story of all");
    facts.assume(
        "the service works through everything in its queue in order; that a caller has gone it does not know",
    );
    if backoff.is_zero() {
        facts.assume("callers try again at once: nothing says that they wait");
    }
    let plan = Plan {
        rate: rate.0 / f64::from(replicas.max(1)),
        capacity: capacity.0.max(1e-6),
        service: work.max(Duration::from_micros(1)),
        timeout: patience,
        retries: tries.saturating_sub(1),
        backoff,
    };
    let subject = service.name.clone();
    Ok(Case::new(subject.clone(), facts, move |streams, trace| {
        run(plan, &subject, streams, trace)
    }))
}

/// What holds callers back: a breaker, and a retry for each ten calls and one a second.
type Guard = (BreakerConfig, BudgetConfig);

/// One course of events: the callers as they are, or held back.
fn course(
    plan: &Plan,
    subject: &str,
    streams: &Streams,
    guard: Option<Guard>,
    trace: &mut Trace,
) -> Option<CallersWorld> {
    // A replica that serves `capacity` a second and works `service` on each works on so many at once.
    let servers = (plan.capacity * plan.service.as_secs_f64()).ceil().max(1.0);
    let mean = Duration::from_secs_f64(servers / plan.capacity);
    let service = Distribution::Exponential { mean };
    let config = StationConfig {
        servers: servers as u32,
        queue: usize::MAX,
        service,
        stale: Stale::Served,
    };
    let station = Station::new(config, streams.stream(subject, "service time"));
    let load = OpenLoad::constant(plan.rate, Spacing::Poisson, streams.stream(subject, "arrivals")).ok()?;
    let config = CallersConfig {
        name: format!("callers → {subject}"),
        instances: 1,
        timeout: plan.timeout,
        retry: RetryConfig {
            attempts: 1 + plan.retries,
            base: plan.backoff,
            cap: plan.backoff.saturating_mul(32),
            deadline: None,
        },
        budget: guard.map(|(_, budget)| budget),
        breaker: guard.map(|(breaker, _)| breaker),
    };
    let mut callers = Callers::new(config, streams.stream(subject, "jitter")).ok()?;
    std::mem::swap(&mut callers.trace, trace);
    let fault = Fault {
        from: STANDS,
        until: GOES_ON,
        what: What::Stall,
    };
    let mut agenda = Agenda::new();
    let mut world = CallersWorld::begin(load, callers, (station, service), Some(fault), &mut agenda);
    agenda.run(&mut world, END);
    std::mem::swap(&mut world.callers.trace, trace);
    Some(world)
}

/// Half of at least 20 of the last 100 tries fail: open for the callers' patience, at least 1 s, growing by half up to
/// 5 s; 3 of 5 probes close it.
fn breaker(plan: &Plan) -> BreakerConfig {
    BreakerConfig {
        open_time: plan.timeout.clamp(Duration::from_secs(1), Duration::from_secs(2)),
        open_growth: 1.5,
        open_time_cap: Duration::from_secs(5),
        probe_timeout: plan.timeout * 2,
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

fn run(plan: Plan, subject: &str, streams: &Streams, trace: &mut Trace) -> Outcome {
    let mut out = Outcome::default();
    let (Some(plain), Some(guarded)) = (
        course(&plan, subject, streams, None, &mut Trace::default()),
        course(
            &plan,
            subject,
            streams,
            Some((breaker(&plan), BudgetConfig::default())),
            trace,
        ),
    ) else {
        return out;
    };
    let busy = plan.stormy_load();
    out.moment(
        STANDS,
        Role::Trigger,
        "stands",
        format!("{subject} begins nothing for 10 s (a long pause, a lock, a failover below it)"),
    );
    out.moment(
        STANDS + plan.timeout,
        Role::Cause,
        "timeouts",
        format!(
            "callers give up after {} and try again, {} times: the load grows from {} to {} of capacity",
            crate::facts::Shown::shown(&plan.timeout),
            plan.retries,
            shown((plan.load() * 100.0).round(), "%"),
            shown((busy * 100.0).round(), "%")
        ),
    );
    out.moment(
        GOES_ON,
        Role::Over,
        "goes on",
        format!("{subject} works again at its full speed"),
    );
    let recovered = plain.recovered(WELL);
    if recovered.is_none() {
        out.moment(
            GOES_ON,
            Role::Loop,
            "storm",
            "it works through tries whose callers have gone; each of those tries again, so that the queue never ends".to_owned(),
        );
        out.moment(
            STANDS + plan.timeout,
            Role::Action,
            "breaker",
            "a breaker and a retry budget at the callers, or a queue that drops what nobody waits for, before the first tries time out".to_owned(),
        );
    }
    if let Some(at) = recovered {
        out.moment(
            at,
            Role::Recovery,
            "recovered",
            "99 of 100 calls are answered in time again",
        );
        out.amount("time to recover", at.since(GOES_ON).as_secs_f64(), "s");
    }
    out.harm = failed_after(&plain) / 100.0;
    out.amount("load of first tries", plan.load() * 100.0, "% of capacity");
    out.amount(
        "load while all tries time out, ρ(1+R)",
        busy * 100.0,
        "% of capacity",
    );
    out.whether("still down six minutes after it works again", recovered.is_none());
    out.amount("calls that fail after it works again", failed_after(&plain), "%");
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
        failed_after(&guarded),
        "%",
    );
    out.amount(
        "tries for each call",
        plain.callers.tally().tries as f64 / (plain.callers.tally().calls as f64).max(1.0),
        "",
    );
    for (world, name) in [(&plain, "as configured"), (&guarded, GUARDED)] {
        out.series("calls answered in time", name, "%", answered(world));
    }
    for (world, name) in [(&plain, "as configured"), (&guarded, GUARDED)] {
        let queue = world
            .samples
            .iter()
            .step_by(2)
            .map(|s| (s.at, s.waiting as f64 / plan.capacity))
            .collect();
        out.series("time to work the queue off", name, "s", queue);
    }
    out
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
            // Nothing ends while everybody waits: nobody is answered then.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(load: f64) -> Plan {
        Plan {
            rate: load * 100.0,
            capacity: 100.0,
            service: Duration::from_millis(100),
            timeout: Duration::from_secs(1),
            retries: 3,
            backoff: Duration::ZERO,
        }
    }

    fn figure(outcome: &Outcome, name: &str) -> Option<f64> {
        outcome.figures.iter().find(|f| f.name == name).map(|f| f.value)
    }

    #[test]
    fn above_one_it_stays_down_and_its_callers_policies_bring_it_back() {
        // ρ(1 + R) = 0.325 × 4 = 1.3.
        let out = run(plan(0.325), "x", &Streams::new(1, 0), &mut Trace::default());
        assert_eq!(figure(&out, "load while all tries time out, ρ(1+R)"), Some(130.0));
        assert_eq!(
            figure(&out, "still down six minutes after it works again"),
            Some(1.0)
        );
        assert!(figure(&out, "time to recover with a breaker and a retry budget").unwrap() <= 10.0);
        assert!(out.moments.iter().any(|m| m.role == Role::Loop));
    }

    #[test]
    fn below_one_it_recovers_by_itself() {
        let out = run(plan(0.2), "x", &Streams::new(1, 0), &mut Trace::default());
        assert_eq!(
            figure(&out, "still down six minutes after it works again"),
            Some(0.0)
        );
        assert!(out.moments.iter().all(|m| m.role != Role::Loop));
    }
}
