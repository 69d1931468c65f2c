//! A new version rolls out at peak load: pods stop while requests still arrive, fewer serve meanwhile, and
//! old and new ones together hold more connections than either.

mod course;
mod tell;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cofferdam_model::kafka::Consumer;
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_model::workload::{Amount, Completeness, Container, Lifecycle, Probe, Workload};
use cofferdam_model::{Environment, Fact, Service};

use super::{Case, Prepared, Scenario};
use crate::outcome::shown;
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "rolling-restart",
    title: "a new version replaces every replica at peak load",
    text: include_str!("../../../../../docs/scenarios/rolling-restart.md"),
    rules: &[
        "no-graceful-stop",
        "rollout-stops-all",
        "single-replica",
        "database-connection-exhaustion",
    ],
    prepare,
};

/// When the rollout begins.
const BEGINS: u64 = 30;
/// The longest time that the scenario runs, in seconds.
const WATCHED: u64 = 7200;
/// Kubernetes' defaults of a rolling update: 25 % each way.
const QUARTER: Amount = Amount::Percent(25.0);

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    name: String,
    replicas: u32,
    surge: u32,
    unavailable: u32,
    /// From the start of a container until it can serve, if this is declared.
    start_up: Option<Duration>,
    /// Whether a probe keeps requests from a pod until it can serve.
    probed: bool,
    /// First readiness check, and time between them.
    readiness: (Duration, Duration),
    /// A stopping pod continues to serve for this long.
    pause: Duration,
    /// It is killed after this.
    grace: Duration,
    /// Proxies may send to it for this long after it began to stop.
    lag: Duration,
    /// The longest time of a request in progress.
    longest: Option<Duration>,
    rate: f64,
    capacity: Option<f64>,
    /// Connections of a replica, and those available for it.
    connections: Option<u32>,
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    let mut without_rate: Option<&Service> = None;
    for service in &env.services {
        let whole =
            |w: &&Workload| w.lifecycle == Lifecycle::Service && w.completeness == Completeness::Whole;
        let workload = service
            .workloads
            .iter()
            .map(|id| &env.workloads[id.0])
            .find(whole);
        let Some(workload) = workload else { continue };
        // A consumer handles messages, which are not sent to a pod.
        let consumes = |c: &Consumer| {
            env.owner_service(&c.owner)
                .is_some_and(|s| s.name == service.name)
        };
        if env.consumers.iter().any(consumes) {
            continue;
        }
        if service.peak_rate.is_some() {
            prepared.add(case(service, workload));
        } else if without_rate.is_none() {
            without_rate = Some(service);
        }
    }
    if let (true, Some(service)) = (prepared.is_empty(), without_rate) {
        prepared.add(Err(vec![
            Need::of(&registry::services::REQUESTS_PER_SECOND, &service.name)
                .because("it decides how many requests a rollout loses"),
        ]));
    }
    if prepared.is_empty() {
        return Prepared::nothing("no declared workload serves requests");
    }
    prepared
}

fn case(service: &Service, workload: &Workload) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let setup = setup(service, workload, &mut facts);
    if setup.replicas == 0 {
        facts.needs.push(
            Need::of(&registry::services::REPLICAS_CURRENT, &service.name).because(
                "0 replicas are declared: they serve no requests, and a rollout has nothing to replace",
            ),
        );
    }
    if !facts.needs.is_empty() {
        return Err(facts.needs);
    }
    facts.assume(
        "every proxy learns within 2 s that a pod is stopping, and sends it its share of the \
        requests until then",
    );
    if setup.start_up.is_none() {
        facts.assume(format!(
            "a replica can serve as soon as its container runs: `services.{}.start_up_time` is not declared, \
             so the rollout's duration is not reported",
            service.name
        ));
    }
    if !setup.probed {
        facts.assume("a new pod gets requests as soon as its container runs: it has no readiness probe");
    }
    if setup.longest.is_none() && setup.connections.is_some() {
        facts.assume(format!(
            "a pod that stops keeps its connections no longer than its preStop pause: `services.{}.request_time` is not \
             declared",
            service.name
        ));
    }
    if setup.pause.is_zero() {
        facts.assume("a pod that is told to stop refuses new requests at once: it has no preStop pause");
    }
    Ok(Case::new(service.name.clone(), facts, move |streams, _| {
        tell::tell(&setup, &course::course(&setup, streams))
    }))
}

/// The facts of a rollout.
fn setup(service: &Service, workload: &Workload, facts: &mut Evidence) -> Setup {
    let rate = facts.need(
        "requests a second, all replicas",
        service.peak_rate.as_ref(),
        Need::of(&registry::services::REQUESTS_PER_SECOND, &service.name)
            .because("it decides how many requests a rollout loses"),
    );
    let replicas = facts.input_or(
        "replicas",
        service
            .scale
            .max
            .as_ref()
            .or(service.scale.current.as_ref())
            .or(workload.replicas.as_ref()),
        1,
        "one replica, Kubernetes' default",
    );
    let main = container(service, workload);
    let amount = |facts: &mut Evidence, name: &str, given: Option<&Fact<Amount>>| {
        facts
            .input_or(
                name,
                given.cloned().map(|amount| amount.map(Percentage)).as_ref(),
                Percentage(QUARTER),
                "maxSurge and maxUnavailable are 25 %, Kubernetes' defaults",
            )
            .0
    };
    let surge = amount(facts, "maxSurge", workload.rollout.max_surge.as_ref()).of_rounded_up(replicas);
    let unavailable =
        amount(facts, "maxUnavailable", workload.rollout.max_unavailable.as_ref()).of_rounded_down(replicas);
    let ready = main.and_then(|c| c.readiness.as_ref());
    let pause = main
        .and_then(|c| c.pre_stop_sleep.as_ref())
        .map_or(Duration::ZERO, |sleep| facts.input("preStop sleeps", sleep));
    Setup {
        name: service.name.clone(),
        replicas,
        surge: if surge + unavailable == 0 { 1 } else { surge },
        unavailable,
        start_up: service
            .start_up_time
            .as_ref()
            .map(|time| facts.input("a replica can serve after", time)),
        probed: ready.is_some() || main.is_some_and(|c| c.startup.is_some()),
        readiness: ready.map_or((Duration::ZERO, Duration::ZERO), |probe| readiness(probe, facts)),
        pause,
        grace: facts.input_or(
            "killed after",
            workload.grace.as_ref(),
            Duration::from_secs(30),
            "terminationGracePeriodSeconds is 30 s, Kubernetes' default",
        ),
        lag: Duration::from_secs(2),
        longest: service
            .request_time
            .as_ref()
            .map(|longest| facts.input("one request takes at most", longest)),
        rate: rate.map_or(0.0, |rate| rate.0),
        capacity: service.capacity_per_pod.as_ref().map(|capacity| {
            facts
                .input("requests a second that a replica can serve", capacity)
                .0
        }),
        connections: service
            .connections_per_pod
            .as_ref()
            .map(|each| facts.input("connections of a replica", each)),
    }
}

/// When the first check of readiness is, and the time between two.
fn readiness(probe: &Probe, facts: &mut Evidence) -> (Duration, Duration) {
    let first = facts.input_or(
        "readiness is checked after",
        probe.initial_delay.as_ref(),
        Duration::ZERO,
        "initialDelaySeconds is 0, Kubernetes' default",
    );
    let period = facts.input_or(
        "readiness is checked every",
        probe.period.as_ref(),
        Duration::from_secs(10),
        "periodSeconds is 10 s, Kubernetes' default",
    );
    (first, period)
}

/// The container that serves: the only one, or the one with the service's name.
fn container<'a>(service: &Service, workload: &'a Workload) -> Option<&'a Container> {
    let named = workload
        .containers
        .iter()
        .find(|container| container.name == service.name);
    named.or(workload.containers.first())
}

/// An amount as reports show it.
#[derive(Debug, Clone, Copy)]
struct Percentage(Amount);

impl cofferdam_formulas::Shown for Percentage {
    fn shown(&self) -> String {
        match self.0 {
            Amount::Count(count) => count.to_string(),
            Amount::Percent(percent) => shown(percent, "%"),
        }
    }
}
