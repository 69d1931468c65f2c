//! An outage before anybody is told: how long until the page, how much of the error budget is gone by then, and what
//! the autoscaler has done meanwhile.

use std::time::Duration;

use cofferdam_model::alerts::{Alert as Declared, NewRelicTiming, PrometheusTiming, Slo, Timing};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::{Environment, Service};
use cofferdam_policy::{Random, Time};

use super::{Case, Prepared, Scenario, common};
use crate::chance::Streams;
use crate::components::alert::{
    Alert, AlertConfig, Because, Events, Method, NewRelicConfig, PrometheusConfig, error_budget,
};
use crate::components::autoscaler::replicas::{Phase, Pod};
use crate::components::autoscaler::{Autoscaler, AutoscalerConfig, SYNC};
use crate::facts::{Facts, Need, Shown};
use crate::outcome::{Outcome, Role, Trace};
use crate::rehearse::shown;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "alert-blind-spot",
    title: "a service fails while nobody has been told yet",
    rules: &[
        "alert-detection-delay",
        "alert-no-data",
        "autoscaler-runaway",
        "slo-no-burn-alert",
    ],
    prepare,
};

/// When the fault begins, and how long one is watched.
const BEGINS: u64 = 300;
const WATCHED: u64 = 3600;
/// Events a second that alerts count: enough that shares are sharp.
const EVENTS: u64 = 1000;

/// What one run needs.
#[derive(Debug, Clone)]
struct Plan {
    service: String,
    alerts: Vec<(String, AlertConfig)>,
    /// Time of full outage that the objective allows, and the objective in words.
    budget: Option<(Duration, String)>,
    scaler: Option<Scaling>,
    promised: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Scaling {
    config: AutoscalerConfig,
    from: u32,
    start_up: Duration,
    /// US dollars for one replica and hour.
    price: Option<f64>,
}

fn prepare(env: &Environment, overlay: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    for (number, service) in env.services.iter().enumerate() {
        let own: Vec<&Declared> = env
            .alerts
            .iter()
            .filter(|alert| alert.owner.service.is_some_and(|id| id.0 == number))
            .filter(|alert| alert.enabled.as_ref().is_none_or(|on| on.value))
            .collect();
        if !own.is_empty() {
            prepared.add(case(env, overlay, service, &own));
        }
    }
    if prepared.cases.is_empty() && prepared.needs.is_empty() {
        return Prepared::nothing("no alert is known to be of a service, or none whose timing is known");
    }
    prepared
}

fn case(
    env: &Environment,
    overlay: &Overlay,
    service: &Service,
    own: &[&Declared],
) -> Result<Case, Vec<Need>> {
    let mut facts = Facts::new();
    let mut alerts = Vec::new();
    for alert in own {
        if let Some(config) = timing(alert, &mut facts) {
            alerts.push((alert.name.value.clone(), config));
        }
    }
    if alerts.is_empty() {
        let need = Need {
            fact: format!("slos.{}", service.name),
            why: "no alert of this service tells how it is timed".to_owned(),
            example: "{}".to_owned(),
        };
        return Err(vec![need]);
    }
    let plan = Plan {
        service: service.name.clone(),
        alerts,
        budget: budget(env, service, &mut facts),
        scaler: scaling(env, overlay, service, &mut facts),
        promised: overlay
            .detection_target
            .as_ref()
            .map(|target| facts.take("an outage must be told within", target)),
    };
    facts.assume("every alert of the service sees the fault: all requests fail, or 6 of 100 where a share of 5 is allowed");
    if plan.scaler.is_some() {
        facts.assume("the fault makes the autoscaler's metric ask for more than there can be, as a backlog or a spinning process does");
    }
    let subject = service.name.clone();
    Ok(Case::new(subject, facts, move |streams, trace| {
        run(&plan, streams, trace)
    }))
}

/// How an alert is timed, where its product is known.
fn timing(alert: &Declared, facts: &mut Facts) -> Option<AlertConfig> {
    let share = share(alert);
    match &alert.timing {
        Timing::NewRelic(timing) => {
            new_relic(&alert.name.value, timing, share, facts).map(AlertConfig::NewRelic)
        }
        Timing::Prometheus(timing) => Some(AlertConfig::Prometheus(prometheus(
            &alert.name.value,
            timing,
            share,
            facts,
        ))),
        Timing::Generic { .. } => None,
    }
}

/// The share of bad events above which it fires: the threshold of a query for a percentage, else 5 %.
fn share(alert: &Declared) -> f64 {
    let percentage = alert
        .query
        .as_ref()
        .is_some_and(|query| query.value.to_ascii_lowercase().contains("percentage"));
    let threshold = alert
        .threshold
        .as_ref()
        .map(|t| t.value)
        .filter(|t| percentage && *t > 0.0 && *t < 100.0);
    threshold.map_or(0.05, |threshold| threshold / 100.0)
}

fn new_relic(name: &str, timing: &NewRelicTiming, share: f64, facts: &mut Facts) -> Option<NewRelicConfig> {
    let named = |what: &str| format!("{name}: {what}");
    let threshold_duration = facts.take(named("threshold duration"), timing.threshold_duration.as_ref()?);
    let minute = Duration::from_secs(60);
    let window = facts.or(
        named("window"),
        timing.window.as_ref(),
        minute,
        "aggregation_window is 60 s, New Relic's default",
    );
    let method = timing
        .method
        .as_ref()
        .map_or("event_flow", |m| m.value.as_str())
        .to_ascii_lowercase();
    let method = if method == "event_timer" {
        Method::EventTimer(facts.or(
            named("timer"),
            timing.timer.as_ref(),
            minute,
            "aggregation_timer is 60 s, New Relic's default",
        ))
    } else {
        let delay = facts.or(
            named("delay"),
            timing.delay.as_ref(),
            minute * 2,
            "aggregation_delay is 120 s, New Relic's default",
        );
        if method == "cadence" {
            Method::Cadence(delay)
        } else {
            Method::EventFlow(delay)
        }
    };
    let opens = timing
        .opens_on_expiration
        .as_ref()
        .is_some_and(|opens| opens.value);
    Some(NewRelicConfig {
        slide: timing.slide_by.as_ref().map_or(window, |slide| slide.value),
        window,
        method,
        threshold_duration,
        all: !timing
            .occurrences
            .as_ref()
            .is_some_and(|o| o.value.eq_ignore_ascii_case("at_least_once")),
        share,
        loss_of_signal: timing
            .expiration
            .as_ref()
            .filter(|_| opens)
            .map(|e| facts.take(named("loss of signal after"), e)),
    })
}

fn prometheus(name: &str, timing: &PrometheusTiming, share: f64, facts: &mut Facts) -> PrometheusConfig {
    let named = |what: &str| format!("{name}: {what}");
    let minute = Duration::from_secs(60);
    PrometheusConfig {
        scrape: facts.or(
            named("scrape"),
            timing.scrape.as_ref(),
            minute,
            "scrape_interval is 1 min, Prometheus' default",
        ),
        range: timing
            .range
            .as_ref()
            .map_or(Duration::ZERO, |range| facts.take(named("range"), range)),
        evaluation: facts.or(
            named("evaluation"),
            timing.evaluation.as_ref(),
            minute,
            "evaluation_interval is 1 min, Prometheus' default",
        ),
        hold: timing
            .hold
            .as_ref()
            .map_or(Duration::ZERO, |hold| facts.take(named("for"), hold)),
        group_wait: facts.or(
            named("group wait"),
            timing.group_wait.as_ref(),
            Duration::from_secs(30),
            "group_wait is 30 s, Alertmanager's default",
        ),
        share,
        absence: timing.notices_absence,
    }
}

fn budget(env: &Environment, service: &Service, facts: &mut Facts) -> Option<(Duration, String)> {
    let of = |slo: &&Slo| {
        env.owner_service(&slo.owner)
            .is_some_and(|s| s.name == service.name)
    };
    let slo = env.slos.iter().filter(of).find(|slo| slo.target.is_some())?;
    let target = facts.take("objective", slo.target.as_ref()?);
    let window = facts.or(
        "over",
        slo.window.as_ref(),
        Duration::from_secs(30 * 86_400),
        "the objective counts over 30 days, as no window is set",
    );
    let words = format!("{} over {}", target.shown(), window.shown());
    Some((error_budget(target.0, window), words))
}

fn scaling(env: &Environment, overlay: &Overlay, service: &Service, facts: &mut Facts) -> Option<Scaling> {
    let scaler = service.autoscalers.first().map(|id| &env.autoscalers[id.0])?;
    let minimum = facts.take("fewest replicas", scaler.min.as_ref()?);
    facts.take("most replicas", scaler.max.as_ref()?);
    if let Some(window) = &scaler.up.stabilization {
        facts.take("scale-up stabilisation", window);
    }
    let start_up = service.start_up_time.as_ref().map_or(Duration::ZERO, |time| {
        facts.take("a replica is ready after", time)
    });
    let price = overlay.prices.get("pod_hour").map(|price| {
        facts.take(
            "one replica and hour",
            &price.clone().map(|money| money.to_string()),
        );
        price.value.0
    });
    let config = common::autoscaler(env, service)?;
    Some(Scaling {
        config,
        from: minimum,
        start_up,
        price,
    })
}

const fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

/// The first page after the fault, over all alerts of the service: seconds after it began, which alert, and why.
fn first_page(plan: &Plan, faulty: Events, streams: &Streams) -> Option<(u64, String, Because)> {
    let mut phases = streams.stream(&plan.service, "phases of alerts");
    let mut alerts: Vec<(&str, Alert)> = plan
        .alerts
        .iter()
        .map(|(name, config)| {
            (
                name.as_str(),
                Alert::new(config.clone(), (phases.unit(), phases.unit())),
            )
        })
        .collect();
    for second in 1..=BEGINS + WATCHED {
        let events = if second > BEGINS {
            faulty
        } else {
            Events { good: EVENTS, bad: 0 }
        };
        for (name, alert) in &mut alerts {
            alert.second(at(second), events);
            if let Some((_, because)) = alert.paged() {
                return (second > BEGINS).then(|| (second - BEGINS, (*name).to_owned(), because));
            }
        }
    }
    None
}

/// Replicas every 15 s from the fault on, and when the largest number was reached.
fn runaway(scaling: &Scaling, streams: &Streams, service: &str, trace: &mut Trace) -> Vec<(Time, u32)> {
    let mut scaler = Autoscaler::new(scaling.config.clone());
    let phase = (streams.stream(service, "phase of the autoscaler").unit() * SYNC.as_secs_f64()) as u64;
    let mut pods: Vec<Time> = vec![Time::ZERO; scaling.from as usize];
    let mut course = Vec::new();
    let mut second = phase;
    while second < BEGINS + WATCHED {
        let now = at(second);
        let current = pods.len() as u32;
        let seen: Vec<Pod> = pods
            .iter()
            .map(|started| {
                let ready_at = *started
                    + if *started == Time::ZERO {
                        Duration::ZERO
                    } else {
                        scaling.start_up
                    };
                let ready = ready_at <= now;
                Pod {
                    phase: Phase::Running,
                    ready,
                    started: *started,
                    ready_since: if ready { ready_at } else { *started },
                    request: 1000,
                    sample: None,
                }
            })
            .collect();
        let value = if second >= BEGINS { 1_000_000 } else { 1000 };
        let decision = scaler.sync(now, current, &seen, &[Some(value)]);
        if decision.replicas != current {
            trace.decide(now, &format!("{service} autoscaler"), || {
                (
                    format!("{current} to {} replicas", decision.replicas),
                    decision.reason.to_string(),
                )
            });
        }
        pods.resize(decision.replicas as usize, now);
        course.push((now, decision.replicas));
        second += SYNC.as_secs();
    }
    course
}

fn run(plan: &Plan, streams: &Streams, trace: &mut Trace) -> Outcome {
    let mut out = Outcome::default();
    let outage = first_page(plan, Events { good: 0, bad: EVENTS }, streams);
    let slight = first_page(
        plan,
        Events {
            good: EVENTS * 94 / 100,
            bad: EVENTS * 6 / 100,
        },
        streams,
    );
    let silence = first_page(plan, Events::default(), streams);
    out.moment(
        at(BEGINS),
        Role::Trigger,
        "fault",
        format!("every request to {} fails", plan.service),
    );
    let watched = at(BEGINS + WATCHED);
    let paged = outage.as_ref().map(|(seconds, ..)| at(BEGINS + seconds));
    match &outage {
        Some((seconds, name, _)) => {
            let words = if plan.promised.is_some_and(|p| p.as_secs() < *seconds) {
                ", later than promised"
            } else {
                ""
            };
            out.moment(
                at(BEGINS + seconds),
                Role::Detection,
                "page",
                format!("the first alert pages: {name}{words}"),
            );
            out.amount("time to the page, all requests fail", *seconds as f64, "s");
        }
        None => out.moment(
            watched,
            Role::Effect,
            "no page",
            "an hour later nobody has been told",
        ),
    }
    out.whether(
        "all requests fail: anybody is told within an hour",
        outage.is_some(),
    );
    if let Some((seconds, ..)) = &slight {
        out.amount("time to the page, 6 of 100 requests fail", *seconds as f64, "s");
    }
    out.whether(
        "the service falls silent: anybody is told within an hour",
        silence.is_some(),
    );
    if silence.is_none() {
        out.moment(
            at(BEGINS),
            Role::Loop,
            "silence",
            "an outage that stops the data never pages: windows close only when later data come, and no loss of signal is set",
        );
    }
    if let Some((budget, words)) = &plan.budget {
        let burned = |end: Time| end.since(at(BEGINS)).as_secs_f64() / budget.as_secs_f64() * 100.0;
        out.amount(
            "error budget, as time of full outage",
            budget.as_secs_f64() / 60.0,
            "min",
        );
        let page = paged.unwrap_or(watched);
        out.amount("error budget burned before the page", burned(page), "%");
        out.harm = (burned(page) / 100.0).min(1.0);
        out.moment(
            at(BEGINS),
            Role::Cause,
            "burning",
            format!(
                "the budget of {words} burns: {} of it a minute",
                shown(60.0 / budget.as_secs_f64() * 100.0, "%")
            ),
        );
        let gone = at(BEGINS) + *budget;
        if gone < page {
            out.moment(
                gone,
                Role::Effect,
                "budget gone",
                "the whole error budget is gone",
            );
        }
        let points = (0..=120).map(|n| at(n * (BEGINS + 1800) / 120)).map(|time| {
            (
                time,
                if time > at(BEGINS) {
                    burned(time).min(100.0)
                } else {
                    0.0
                },
            )
        });
        out.series("error budget burned", "burned", "%", points.collect());
    }
    if plan.budget.is_none() {
        let what = "its users fail, and no objective says how much of that is too much";
        out.moment(at(BEGINS), Role::Cause, "burning", what);
    }
    if let Some(scaling) = &plan.scaler {
        scale(
            plan,
            scaling,
            paged.unwrap_or(watched),
            streams,
            (&mut out, trace),
        );
    }
    out.moment(
        at(BEGINS),
        Role::Action,
        "alert",
        "an alert on the burn rate with short windows and loss of signal, which pages within a minute or two",
    );
    out
}

fn scale(
    plan: &Plan,
    scaling: &Scaling,
    paged: Time,
    streams: &Streams,
    (out, trace): (&mut Outcome, &mut Trace),
) {
    let course = runaway(scaling, streams, &plan.service, trace);
    let maximum = scaling.config.maximum;
    let first = course
        .iter()
        .find(|(time, replicas)| *time >= at(BEGINS) && *replicas > scaling.from);
    let full = course.iter().find(|(_, replicas)| *replicas >= maximum);
    if let Some((time, replicas)) = first {
        out.moment(
            *time,
            Role::Effect,
            "scaling",
            format!("the autoscaler begins: {} to {replicas} replicas", scaling.from),
        );
        out.amount(
            "time to the first new replicas",
            time.since(at(BEGINS)).as_secs_f64(),
            "s",
        );
    }
    if let Some((time, _)) = full {
        out.moment(
            *time,
            Role::Effect,
            "full scale",
            format!("{maximum} replicas, the maximum"),
        );
        out.amount(
            "time to the largest number of replicas",
            time.since(at(BEGINS)).as_secs_f64(),
            "s",
        );
    }
    let then = course
        .iter()
        .rev()
        .find(|(time, _)| *time <= paged)
        .map_or(scaling.from, |(_, replicas)| *replicas);
    out.amount("replicas when somebody is told", f64::from(then), "replicas");
    // Each count holds until the next look.
    let hours = |end: Time| -> f64 {
        let extra = course
            .iter()
            .filter(|(time, _)| *time >= at(BEGINS) && *time < end);
        extra
            .map(|(_, replicas)| {
                f64::from(replicas - scaling.from.min(*replicas)) * SYNC.as_secs_f64() / 3600.0
            })
            .sum()
    };
    out.amount(
        "replica-hours that nobody needed, until the page",
        hours(paged),
        "h",
    );
    if let Some(price) = scaling.price {
        out.amount("cost until the page", hours(paged) * price, "USD");
        out.amount(
            "cost of each hour after that",
            f64::from(maximum - scaling.from.min(maximum)) * price,
            "USD",
        );
    }
    let points = course
        .iter()
        .filter(|(time, _)| *time <= at(BEGINS + 1800))
        .step_by(2)
        .map(|(time, replicas)| (*time, f64::from(*replicas)));
    out.series("replicas", "replicas", "replicas", points.collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::autoscaler::Target;
    use crate::components::autoscaler::behaviour::{Policy, Rules, Select, Step};

    fn plan(delay: u64, loss: Option<Duration>) -> Plan {
        let window = Duration::from_secs(60);
        let config = NewRelicConfig {
            window,
            slide: window,
            method: Method::EventFlow(Duration::from_secs(delay)),
            threshold_duration: Duration::from_secs(300),
            all: true,
            share: 0.05,
            loss_of_signal: loss,
        };
        let doubling = Rules {
            stabilization: Duration::from_secs(60),
            policies: vec![Policy {
                step: Step::Percent(100),
                period: Duration::from_secs(30),
            }],
            select: Select::Max,
        };
        let autoscaler = AutoscalerConfig {
            minimum: 2,
            maximum: 50,
            targets: vec![Target::Value(1000)],
            up: doubling,
            ..AutoscalerConfig::default()
        };
        Plan {
            service: "api".into(),
            alerts: vec![("errors".into(), AlertConfig::NewRelic(config))],
            budget: Some((
                error_budget(0.9995, Duration::from_secs(30 * 86_400)),
                "99.95 %".into(),
            )),
            scaler: Some(Scaling {
                config: autoscaler,
                from: 2,
                start_up: Duration::ZERO,
                price: Some(0.05),
            }),
            promised: None,
        }
    }

    fn figure(out: &Outcome, name: &str) -> f64 {
        out.figures.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn a_third_of_the_budget_and_fifty_replicas_are_gone_before_the_page() {
        for seed in 0..20 {
            let out = run(&plan(120, None), &Streams::new(seed, 0), &mut Trace::default());
            // 4 windows, the rest of the first, and the delay: 364 to 423 s of 1,296 s.
            let page = figure(&out, "time to the page, all requests fail");
            assert!((364.0..=423.0).contains(&page), "{page}");
            assert!((figure(&out, "error budget burned before the page") - page / 12.96).abs() < 1e-9);
            // A window counts from 51 faulty seconds on.
            assert!((411.0..=480.0).contains(&figure(&out, "time to the page, 6 of 100 requests fail")));
            assert_eq!(
                figure(&out, "the service falls silent: anybody is told within an hour"),
                0.0
            );
            // Behind a window of 60 s: 45 to 60 s, then 4, 8, 16, 32, 50 every 30 s.
            let first = figure(&out, "time to the first new replicas");
            assert!((45.0..=60.0).contains(&first), "{first}");
            assert!((165.0..=180.0).contains(&figure(&out, "time to the largest number of replicas")));
            assert_eq!(figure(&out, "replicas when somebody is told"), 50.0);
            // 48 more than needed at 0.05.
            assert!((figure(&out, "cost of each hour after that") - 2.4).abs() < 1e-9);
        }
    }

    #[test]
    fn loss_of_signal_tells_of_silence() {
        let out = run(
            &plan(0, Some(Duration::from_secs(60))),
            &Streams::new(1, 0),
            &mut Trace::default(),
        );
        assert_eq!(
            figure(&out, "the service falls silent: anybody is told within an hour"),
            1.0
        );
        assert!(figure(&out, "time to the page, all requests fail") <= 303.0);
    }
}
