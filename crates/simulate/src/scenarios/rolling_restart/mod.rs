//! A new version rolls out at peak load: pods stop while requests still come to them, fewer serve meanwhile, and old and
//! new ones together hold more connections than either.

use std::time::Duration;

use cofferdam_model::kafka::Consumer;
use cofferdam_model::overlay::Overlay;
use cofferdam_model::workload::{Amount, Completeness, Container, Lifecycle, Workload};
use cofferdam_model::{Environment, Fact, Service};
use cofferdam_policy::{Random, Time};

use super::{Case, Prepared, Scenario};
use crate::chance::{Chance, Streams};
use crate::facts::{Facts, Need};
use crate::outcome::{Outcome, Role};
use crate::rehearse::shown;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "rolling-restart",
    title: "a new version replaces every replica at peak load",
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
/// Longest time that one watches it, in seconds.
const WATCHED: u64 = 7200;
/// Kubernetes' defaults of a rolling update: 25 % each way.
const QUARTER: Amount = Amount::Percent(25.0);

/// What one run needs.
#[derive(Debug, Clone)]
struct Plan {
    name: String,
    replicas: u32,
    surge: u32,
    unavailable: u32,
    /// From the start of a container until it can serve, where somebody says it.
    start_up: Option<Duration>,
    /// Whether a probe keeps requests from a pod until it can serve.
    probed: bool,
    /// First readiness check, and time between them.
    readiness: (Duration, Duration),
    /// A stopping pod goes on serving for so long.
    pause: Duration,
    /// It is killed after this.
    grace: Duration,
    /// Proxies may send to it for so long after it began to stop.
    lag: Duration,
    /// The work in hand may take so long.
    longest: Option<Duration>,
    rate: f64,
    capacity: Option<f64>,
    /// Connections of a replica, and those that there are for it.
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
        // What a consumer handles are messages, which nobody sends to a pod.
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
    if let (true, Some(service)) = (
        prepared.cases.is_empty() && prepared.needs.is_empty(),
        without_rate,
    ) {
        prepared.add(Err(vec![Need {
            fact: format!("services.{}.requests_per_second", service.name),
            why: "it decides how many requests a rollout loses".to_owned(),
            example: "100".to_owned(),
        }]));
    }
    if prepared.cases.is_empty() && prepared.needs.is_empty() {
        return Prepared::nothing("no workload is declared that serves requests");
    }
    prepared
}

fn case(service: &Service, workload: &Workload) -> Result<Case, Vec<Need>> {
    let mut facts = Facts::new();
    let rate = facts.need(
        "requests a second, all replicas",
        service.peak_rate.as_ref(),
        (
            &format!("services.{}.requests_per_second", service.name),
            "100",
            "it decides how many requests a rollout loses",
        ),
    );
    let replicas = facts.or(
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
    let amount = |facts: &mut Facts, name: &str, given: Option<&Fact<Amount>>| {
        facts
            .or(
                name,
                given.cloned().map(|amount| amount.map(Percentage)).as_ref(),
                Percentage(QUARTER),
                "maxSurge and maxUnavailable are 25 %, Kubernetes' defaults",
            )
            .0
    };
    let surge = amount(&mut facts, "maxSurge", workload.rollout.max_surge.as_ref()).of_rounded_up(replicas);
    let unavailable = amount(
        &mut facts,
        "maxUnavailable",
        workload.rollout.max_unavailable.as_ref(),
    )
    .of_rounded_down(replicas);
    let ready = main.and_then(|c| c.readiness.as_ref());
    let pause = main
        .and_then(|c| c.pre_stop_sleep.as_ref())
        .map_or(Duration::ZERO, |sleep| facts.take("preStop sleeps", sleep));
    let plan = Plan {
        name: service.name.clone(),
        replicas,
        surge: if surge + unavailable == 0 { 1 } else { surge },
        unavailable,
        start_up: service
            .start_up_time
            .as_ref()
            .map(|time| facts.take("a replica can serve after", time)),
        probed: ready.is_some() || main.is_some_and(|c| c.startup.is_some()),
        readiness: (
            ready
                .and_then(|p| p.initial_delay.as_ref())
                .map_or(Duration::ZERO, |delay| delay.value),
            ready.map_or(Duration::ZERO, |p| {
                p.period.as_ref().map_or(Duration::from_secs(10), |period| {
                    facts.take("readiness is checked every", period)
                })
            }),
        ),
        pause,
        grace: facts.or(
            "killed after",
            workload.grace.as_ref(),
            Duration::from_secs(30),
            "terminationGracePeriodSeconds is 30 s, Kubernetes' default",
        ),
        lag: Duration::from_secs(2),
        longest: service
            .request_time
            .as_ref()
            .map(|longest| facts.take("one request takes at most", longest)),
        rate: rate.map_or(0.0, |rate| rate.0),
        capacity: service.capacity_per_pod.as_ref().map(|capacity| {
            facts
                .take("requests a second that a replica can serve", capacity)
                .0
        }),
        connections: service
            .connections_per_pod
            .as_ref()
            .map(|each| facts.take("connections of a replica", each)),
    };
    if !facts.needs.is_empty() {
        return Err(facts.needs);
    }
    facts.assume("every proxy hears within 2 s that a pod is stopping, and sends it its share of the requests until then");
    if plan.start_up.is_none() {
        facts.assume(format!(
            "a replica can serve as soon as its container runs: `services.{}.start_up_time` does not say how long it takes, so that the rollout's time is not told",
            service.name
        ));
    }
    if !plan.probed {
        facts.assume("a new pod gets requests as soon as its container runs: it has no readiness probe");
    }
    if pause.is_zero() {
        facts.assume("a pod that is told to stop refuses new requests at once: it has no preStop pause");
    }
    Ok(Case::new(service.name.clone(), facts, move |streams, _| {
        run(&plan, streams)
    }))
}

/// The container that serves: the only one, or the one that is called like the service.
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

impl crate::facts::Shown for Percentage {
    fn shown(&self) -> String {
        match self.0 {
            Amount::Count(count) => count.to_string(),
            Amount::Percent(percent) => shown(percent, "%"),
        }
    }
}

/// A pod of either version.
#[derive(Debug, Clone, Copy)]
struct Pod {
    new: bool,
    ready_at: u64,
    /// When it can serve, which nobody waits for without a probe.
    serves_at: u64,
    /// When it was told to stop.
    stops: Option<u64>,
    /// For how long proxies still send to it, in seconds.
    lag: f64,
}

impl Pod {
    const fn ready(&self, second: u64) -> bool {
        self.ready_at <= second && self.stops.is_none()
    }
}

struct Course {
    pods: Vec<Pod>,
    failed: u64,
    /// Of them: at new pods that could not serve yet.
    deaf: u64,
    overloaded: u64,
    requests: u64,
    fewest: u32,
    most: u32,
    done: Option<u64>,
    points: Vec<(Time, f64, f64, f64)>,
}

const fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

/// Rolls pods over as the Deployment controller does: new ones up to the surge, old ones away as far as the rest are
/// available.
fn roll(plan: &Plan, course: &mut Course, second: u64, chance: &mut Chance) {
    let start = plan.start_up.unwrap_or(Duration::ZERO).as_secs_f64();
    let period = plan.readiness.1.as_secs_f64();
    let live = |course: &Course| course.pods.iter().filter(|pod| pod.stops.is_none()).count() as u32;
    let new = |course: &Course| course.pods.iter().filter(|pod| pod.new).count() as u32;
    while live(course) < plan.replicas + plan.surge && new(course) < plan.replicas {
        // Ready at the first check after it can serve; the kubelet's checks begin at a random moment of their period.
        let can = start.max(plan.readiness.0.as_secs_f64());
        let checked = if period > 0.0 { period * chance.unit() } else { 0.0 };
        let serves_at = second + (can + checked).ceil() as u64;
        course.pods.push(Pod {
            new: true,
            ready_at: if plan.probed { serves_at } else { second + 1 },
            serves_at,
            stops: None,
            lag: 0.0,
        });
    }
    let available = |course: &Course| course.pods.iter().filter(|pod| pod.ready(second)).count() as u32;
    while available(course) > plan.replicas.saturating_sub(plan.unavailable) {
        let lag = plan.lag.as_secs_f64() * chance.unit();
        let Some(old) = course.pods.iter_mut().find(|pod| !pod.new && pod.ready(second)) else {
            break;
        };
        old.stops = Some(second);
        old.lag = lag;
    }
}

fn run(plan: &Plan, streams: &Streams) -> Outcome {
    let mut chance = streams.stream(&plan.name, "rollout");
    let mut arrivals = streams.stream(&plan.name, "arrivals");
    let pods = vec![
        Pod {
            new: false,
            ready_at: 0,
            serves_at: 0,
            stops: None,
            lag: 0.0
        };
        plan.replicas as usize
    ];
    let mut course = Course {
        pods,
        failed: 0,
        deaf: 0,
        overloaded: 0,
        requests: 0,
        fewest: plan.replicas,
        most: 0,
        done: None,
        points: Vec::new(),
    };
    let each = plan.connections.unwrap_or(0);
    let held = plan
        .pause
        .max(plan.longest.unwrap_or(Duration::ZERO))
        .min(plan.grace)
        .as_secs();
    for second in 0..WATCHED {
        if second >= BEGINS && course.done.is_none() {
            roll(plan, &mut course, second, &mut chance);
        }
        let ready = course.pods.iter().filter(|pod| pod.ready(second)).count() as u32;
        let deaf = |pod: &&Pod| pod.ready(second) && pod.serves_at > second;
        let deaf = course.pods.iter().filter(deaf).count() as u32;
        let serving = ready - deaf;
        // Requests that proxies still send to pods that refuse them: the part of this second before they have heard.
        let stopping: f64 = course
            .pods
            .iter()
            .filter_map(|pod| {
                let since = second.checked_sub(pod.stops?)? as f64;
                let refused = pod.lag - plan.pause.as_secs_f64();
                Some((refused - since).clamp(0.0, 1.0))
            })
            .sum();
        let rate = plan.rate;
        let requests = arrivals.poisson(rate);
        let each_gets = requests as f64 / (f64::from(ready) + stopping).max(1.0);
        let (to_stopping, to_deaf) = (each_gets * stopping, each_gets * f64::from(deaf));
        let room = plan
            .capacity
            .map_or(f64::INFINITY, |capacity| capacity * f64::from(serving));
        // What all replicas together could not carry either is not the rollout's fault.
        let usual = plan
            .capacity
            .map_or(f64::INFINITY, |capacity| capacity * f64::from(plan.replicas));
        let over = ((requests as f64).min(usual) - to_stopping - to_deaf - room).max(0.0);
        if second >= BEGINS && (course.done.is_none() || deaf > 0) {
            course.requests += requests;
        }
        course.failed += (to_stopping + to_deaf + over).round() as u64;
        course.deaf += to_deaf.round() as u64;
        course.overloaded += u64::from(over > 0.0);
        let open = course
            .pods
            .iter()
            .filter(|pod| pod.stops.is_none_or(|stop| second < stop + held))
            .count() as u32;
        course.fewest = course.fewest.min(serving);
        course.most = course.most.max(open);
        course.points.push((
            at(second),
            f64::from(serving),
            f64::from(open * each.max(1)),
            (to_stopping + to_deaf + over) / (requests as f64).max(1.0) * 100.0,
        ));
        let rolled = course
            .pods
            .iter()
            .filter(|pod| pod.new && pod.ready(second))
            .count() as u32
            >= plan.replicas;
        if rolled && course.done.is_none() {
            course.done = Some(second);
        }
        if course.done.is_some_and(|done| second >= done + 30) && deaf == 0 {
            break;
        }
    }
    tell(plan, &course)
}

fn tell(plan: &Plan, course: &Course) -> Outcome {
    let mut out = Outcome::default();
    out.moment(
        at(BEGINS),
        Role::Trigger,
        "rollout",
        format!(
            "a new version of {} rolls out over {} replicas",
            plan.name, plan.replicas
        ),
    );
    if course.deaf > 0 {
        let why = "new pods get requests before they can serve: they have no readiness probe, and old ones stop as soon as new ones run";
        out.moment(at(BEGINS), Role::Cause, "deaf", why);
        let action = "a readiness probe that passes when the replica can serve";
        out.moment(at(BEGINS), Role::Action, "probe", action);
    }
    if course.failed > course.deaf {
        let why = if plan.pause < plan.lag {
            "each pod that stops refuses requests that proxies still send it: it has no preStop pause, or one that is too short"
        } else {
            "the replicas that are left cannot carry the load"
        };
        out.moment(at(BEGINS), Role::Cause, "refusing", why);
        let action = "a preStop sleep of 5 to 15 s within the grace period, and no more pods missing than the rest can carry";
        out.moment(at(BEGINS), Role::Action, "pause", action);
    }
    if course.overloaded > 0 {
        out.moment(
            at(BEGINS),
            Role::Effect,
            "overload",
            format!(
                "down to {} ready replicas, which carry less than the load",
                course.fewest
            ),
        );
    }
    if plan
        .longest
        .is_some_and(|longest| longest + plan.pause > plan.grace)
    {
        out.moment(
            at(BEGINS),
            Role::Effect,
            "cut off",
            "requests that take longer than the grace period are cut off when their pod is killed",
        );
    }
    match course.done {
        Some(done) => {
            out.moment(
                at(done),
                Role::Recovery,
                "rolled",
                "every replica is of the new version and ready",
            );
            if plan.start_up.is_some() {
                out.amount("time that the rollout takes", (done - BEGINS) as f64, "s");
            }
        }
        None => out.moment(
            at(WATCHED),
            Role::Loop,
            "stuck",
            "two hours later the rollout is not done",
        ),
    }
    out.whether("the rollout ends", course.done.is_some());
    out.amount(
        "requests that fail because of it",
        course.failed as f64,
        "requests",
    );
    out.amount(
        "share of the requests in that time",
        course.failed as f64 / (course.requests as f64).max(1.0) * 100.0,
        "%",
    );
    out.amount("fewest ready replicas", f64::from(course.fewest), "replicas");
    out.amount(
        "most replicas of both versions",
        f64::from(course.most),
        "replicas",
    );
    if let Some(each) = plan.connections {
        out.amount(
            "most database connections, old and new together",
            f64::from(course.most * each),
            "connections",
        );
    }
    if let Some(capacity) = plan.capacity {
        out.amount(
            "load of the fewest ready replicas",
            plan.rate / (capacity * f64::from(course.fewest.max(1))) * 100.0,
            "% of capacity",
        );
    }
    out.harm = course.failed as f64 / (course.requests as f64).max(1.0);
    let step = (course.points.len() / 200).max(1);
    let thin = |pick: fn(&(Time, f64, f64, f64)) -> f64| {
        course
            .points
            .iter()
            .step_by(step)
            .map(|point| (point.0, pick(point)))
            .collect()
    };
    out.series("ready replicas", "ready", "replicas", thin(|point| point.1));
    out.series("requests that fail", "failing", "%", thin(|point| point.3));
    if plan.connections.is_some() {
        out.series(
            "database connections",
            "open",
            "connections",
            thin(|point| point.2),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            name: "api".into(),
            replicas: 8,
            surge: 2,
            unavailable: 0,
            start_up: Some(Duration::from_secs(20)),
            probed: true,
            readiness: (Duration::ZERO, Duration::from_secs(10)),
            pause: Duration::ZERO,
            grace: Duration::from_secs(30),
            lag: Duration::from_secs(2),
            longest: None,
            rate: 800.0,
            capacity: Some(150.0),
            connections: Some(20),
        }
    }

    fn figure(out: &Outcome, name: &str) -> f64 {
        out.figures.iter().find(|f| f.name == name).unwrap().value
    }

    fn mean(plan: &Plan, name: &str) -> f64 {
        (0..40)
            .map(|run_| figure(&run(plan, &Streams::new(1, run_)), name))
            .sum::<f64>()
            / 40.0
    }

    #[test]
    fn each_stopping_pod_refuses_its_share_until_proxies_have_heard() {
        // 8 pods of 100 a second each, told within 0 to 2 s: about 1 s × 100 each, a little less while it is one of 9.
        let failed = mean(&plan(), "requests that fail because of it");
        assert!((560.0..=800.0).contains(&failed), "{failed}");
        // 10 pods of 20 connections.
        assert_eq!(
            mean(&plan(), "most database connections, old and new together"),
            200.0
        );
        // Of the requests while it goes on, which it takes about 800 × 105 s: 0.8 %.
        let share = mean(&plan(), "share of the requests in that time");
        let expected = failed / (800.0 * mean(&plan(), "time that the rollout takes")) * 100.0;
        assert!((share - expected).abs() < 0.05 * expected, "{share} {expected}");
        assert_eq!(mean(&plan(), "fewest ready replicas"), 8.0);
        // Four rounds of two, each 20 s and up to a check's period.
        let time = mean(&plan(), "time that the rollout takes");
        assert!((80.0..=125.0).contains(&time), "{time}");
    }

    #[test]
    fn a_pause_that_outlasts_the_proxies_loses_nothing() {
        let paused = Plan {
            pause: Duration::from_secs(5),
            ..plan()
        };
        assert_eq!(mean(&paused, "requests that fail because of it"), 0.0);
        assert!(
            run(&paused, &Streams::new(1, 0))
                .moments
                .iter()
                .all(|m| m.role != Role::Cause)
        );
    }

    #[test]
    fn without_a_readiness_probe_new_pods_get_what_they_cannot_serve() {
        let blind = Plan {
            pause: Duration::from_secs(5),
            probed: false,
            readiness: (Duration::ZERO, Duration::ZERO),
            capacity: None,
            ..plan()
        };
        // 2, 4, 6 and 8 of 8 to 10 pods are new after so many seconds, and all of them deaf for 20 s: in the end nobody
        // serves for a while. 8 pods × 100 a second × 20 s = 16,000 at most.
        let failed = mean(&blind, "requests that fail because of it");
        assert!((12_000.0..=16_500.0).contains(&failed), "{failed}");
        assert_eq!(mean(&blind, "fewest ready replicas"), 0.0);
        let out = run(&blind, &Streams::new(1, 0));
        assert!(
            out.moments
                .iter()
                .any(|m| m.key == "deaf" && m.role == Role::Cause)
        );
    }

    #[test]
    fn a_service_that_is_always_overloaded_does_not_owe_that_to_its_rollout() {
        let overloaded = Plan {
            pause: Duration::from_secs(5),
            capacity: Some(50.0),
            ..plan()
        };
        assert_eq!(mean(&overloaded, "requests that fail because of it"), 0.0);
    }

    #[test]
    fn pods_that_may_be_missing_are_missed() {
        // 4 of 8 may be missing at 800 a second: 4 × 150 carry 600.
        let missing = Plan {
            pause: Duration::from_secs(5),
            surge: 0,
            unavailable: 4,
            ..plan()
        };
        assert_eq!(mean(&missing, "fewest ready replicas"), 4.0);
        assert!(mean(&missing, "requests that fail because of it") > 1000.0);
    }
}
