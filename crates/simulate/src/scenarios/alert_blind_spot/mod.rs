//! An outage before anybody is alerted: how long until the page, how much of the error budget is gone by
//! then, and what the autoscaler has done meanwhile.

mod course;
mod facts;

use std::time::Duration;

use cofferdam_model::Environment;
use cofferdam_model::alerts::{Alert as Declared, BurnWindows};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::units::{count, show_duration};
use cofferdam_model::{Service, ServiceId};
use cofferdam_policy::Time;
use cofferdam_policy::trace::Recorder;

use self::course::{Page, Replicas};
use super::{Case, Prepared, Scenario, common};
use crate::chance::Streams;
use crate::components::alert::{AlertConfig, Events, Expression, PrometheusConfig};
use crate::components::autoscaler::AutoscalerConfig;
use crate::components::responder::Responder;
use crate::limits::{self, Quantity};
use crate::outcome::{Outcome, Role, shown};
use cofferdam_formulas::Evidence;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "alert-blind-spot",
    title: "a service fails before anybody is alerted",
    text: include_str!("../../../../../docs/scenarios/alert-blind-spot.md"),
    rules: &[
        "alert-detection-delay",
        "alert-no-data",
        "autoscaler-runaway",
        "slo-no-burn-alert",
    ],
    prepare,
};

/// When the fault begins, and how long the scenario runs.
const BEGINS: u64 = 300;
const WATCHED: u64 = 3600;
/// Events a second that alerts count: enough for exact shares.
const EVENTS: u64 = 1000;

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    service: String,
    alerts: Vec<(String, AlertConfig)>,
    budget: Option<Budget>,
    scaler: Option<Scaling>,
    promised: Option<Duration>,
    /// How long after the page somebody ends the fault, if this is declared.
    response: Option<Duration>,
}

/// What an objective allows.
#[derive(Debug, Clone)]
struct Budget {
    /// Time of full outage.
    time: Duration,
    /// The objective in words.
    words: String,
    /// The burn-rate alert that would protect it.
    windows: BurnWindows,
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
            // Nobody can state the timing of an alert, so a service without a known one asks for nothing.
            if let Some(case) = case(env, overlay, (ServiceId(number), service), &own) {
                prepared.add(Ok(case));
            }
        }
    }
    if prepared.is_empty() {
        return Prepared::nothing("no alert belongs to a known service, or none has a known timing");
    }
    prepared
}

fn case(
    env: &Environment,
    overlay: &Overlay,
    (id, service): (ServiceId, &Service),
    own: &[&Declared],
) -> Option<Case> {
    let mut facts = Evidence::new();
    let mut alerts = Vec::new();
    for alert in own {
        if let Some(config) = facts::timing(alert, &mut facts) {
            alerts.push((alert.name.value.clone(), config));
        }
    }
    if alerts.is_empty() {
        return None;
    }
    let setup = Setup {
        service: service.name.clone(),
        alerts,
        budget: facts::budget(env, id, &mut facts),
        scaler: facts::scaling(env, overlay, service, &mut facts),
        promised: overlay
            .detection_target
            .as_ref()
            .map(|target| facts.input("an outage must be reported within", target)),
        response: overlay
            .response
            .as_ref()
            .map(|response| facts.input("somebody acts, after the page", response)),
    };
    if setup.response.is_none() {
        facts.assume(
            "the fault continues after the page: `targets.response` does not declare when somebody acts",
        );
    }
    if setup.budget.is_some() {
        facts.assume(
            "the burn-rate alert for comparison is scraped and evaluated every 30 s and sent at once",
        );
    }
    facts.assume(
        "every alert of the service sees the fault: all requests fail, or 6 of 100 where a share of \
        5 is allowed",
    );
    if setup.scaler.is_some() {
        facts.assume(
            "the fault makes the autoscaler's metric ask for more than the maximum, as a backlog or \
            a spinning process does",
        );
    }
    let subject = service.name.clone();
    let days = setup.response.map_or(0.0, |time| time.as_secs_f64() / 86_400.0);
    let quantities = [Quantity {
        what: "days of a fault to follow (targets.response)",
        value: days,
        most: limits::DAYS,
    }];
    let who = format!("service {subject}");
    let case = Case::new(subject, facts, move |streams, trace| run(&setup, streams, trace));
    Some(case.limited(&who, &quantities))
}

/// Second `second` of a run.
const fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

const OUTAGE: Events = Events { good: 0, bad: EVENTS };
/// 6 of 100 fail.
const SLIGHT: Events = Events {
    good: EVENTS * 94 / 100,
    bad: EVENTS * 6 / 100,
};

fn run(setup: &Setup, streams: &Streams, trace: &mut Recorder) -> Outcome {
    let mut out = Outcome::default();
    let outage = course::first_page(&setup.service, &setup.alerts, OUTAGE, streams);
    let slight = course::first_page(&setup.service, &setup.alerts, SLIGHT, streams);
    let silence = course::first_page(&setup.service, &setup.alerts, Events::default(), streams);
    out.moment(
        at(BEGINS),
        Role::Trigger,
        "fault",
        format!("every request to {} fails", setup.service),
    );
    told(setup, outage.as_ref(), &mut out);
    if let Some(page) = &slight {
        out.amount(
            "time to the page, 6 of 100 requests fail",
            page.seconds as f64,
            "s",
        );
    }
    out.whether(
        "the service falls silent: anybody is told within an hour",
        silence.is_some(),
    );
    if silence.is_none() {
        out.moment(
            at(BEGINS),
            Role::Effect,
            "silence",
            "an outage that also stops the data would never page: nothing here detects missing data",
        );
    }
    let what = if setup.scaler.is_some() {
        "nobody acts before the page, and the autoscaler adds replicas that cannot help"
    } else {
        "nobody acts before the page"
    };
    out.moment(at(BEGINS), Role::Loop, "untold", what);
    let paged = outage.as_ref().map(|page| at(BEGINS + page.seconds));
    let ends = ends(setup, paged, &mut out);
    let replicas = setup
        .scaler
        .as_ref()
        .map(|scaling| course::replicas(scaling, ends, streams, &setup.service, trace));
    let back = match (&setup.scaler, &replicas, ends) {
        (Some(scaling), Some(replicas), Some(ends)) => replicas.back_to(scaling.from, ends),
        _ => None,
    };
    let until = shown_until(ends.max(back));
    if let Some(budget) = &setup.budget {
        burn(budget, paged, (ends, until), &mut out);
    } else {
        let what = "its users fail, and no objective defines how much of that is too much";
        out.moment(at(BEGINS), Role::Cause, "burning", what);
    }
    if let (Some(scaling), Some(replicas)) = (&setup.scaler, &replicas) {
        scale(scaling, replicas, (paged, ends), &mut out);
        let points = replicas.points(at(until));
        out.series("replicas", "replicas", "replicas", points);
    }
    sooner(setup, streams, paged, &mut out);
    out
}

/// Whether and when the full outage pages somebody.
fn told(setup: &Setup, page: Option<&Page>, out: &mut Outcome) {
    out.whether(
        "all requests fail: anybody is told within an hour",
        page.is_some(),
    );
    let Some(page) = page else {
        let words = "an hour later nobody has been alerted";
        out.moment(at(BEGINS + WATCHED), Role::Effect, "no page", words);
        return;
    };
    let late = setup
        .promised
        .is_some_and(|promised| promised.as_secs() < page.seconds);
    let words = if late { ", later than promised" } else { "" };
    out.moment(
        at(BEGINS + page.seconds),
        Role::Detection,
        "page",
        format!("the first alert pages: {}{words}", page.alert),
    );
    out.amount("time to the page, all requests fail", page.seconds as f64, "s");
}

/// When somebody who was paged has ended the fault.
fn ends(setup: &Setup, paged: Option<Time>, out: &mut Outcome) -> Option<Time> {
    let response = setup.response?;
    let mut people = Responder::new(response);
    people.page(paged?);
    let ends = people.acts()?;
    out.moment(
        ends,
        Role::Recovery,
        "acted",
        format!(
            "{} after the page somebody has acted, and requests are served again",
            show_duration(response)
        ),
    );
    out.amount(
        "time to the fault's end",
        ends.since(at(BEGINS)).as_secs_f64(),
        "s",
    );
    Some(ends)
}

/// The error budget while every request fails.
fn burn(budget: &Budget, paged: Option<Time>, (ends, shown_until): (Option<Time>, u64), out: &mut Outcome) {
    let all = budget.time.as_secs_f64();
    let burned = |until: Time| {
        let until = ends.map_or(until, |ends| until.min(ends));
        until.since(at(BEGINS)).as_secs_f64() / all * 100.0
    };
    out.amount("error budget, as time of full outage", all / 60.0, "min");
    let page = paged.unwrap_or(at(BEGINS + WATCHED));
    out.amount("error budget burned before the page", burned(page), "%");
    if let Some(ends) = ends {
        out.amount("error budget burned when the fault ends", burned(ends), "%");
    }
    let last = ends.unwrap_or(page);
    out.harm = (burned(last) / 100.0).min(1.0);
    out.moment(
        at(BEGINS),
        Role::Cause,
        "burning",
        format!(
            "the budget of {} burns: {} of it a minute",
            budget.words,
            shown(60.0 / all * 100.0, "%")
        ),
    );
    let gone = at(BEGINS) + budget.time;
    if gone < last {
        out.moment(
            gone,
            Role::Effect,
            "budget gone",
            "the whole error budget is gone",
        );
    }
    let points = (0..=120).map(|n| at(n * shown_until / 120)).map(|time| {
        let burned = if time > at(BEGINS) { burned(time) } else { 0.0 };
        (time, burned.min(100.0))
    });
    out.series("error budget burned", "burned", "%", points.collect());
}

/// Seconds that charts show: half an hour of the fault, or until the state before is restored.
fn shown_until(over: Option<Time>) -> u64 {
    let over = over.map_or(0, |over| over.as_nanos() / 1_000_000_000 + 120);
    over.max(BEGINS + 1800)
}

/// What the autoscaler did, and its cost.
fn scale(
    scaling: &Scaling,
    replicas: &Replicas,
    (paged, ends): (Option<Time>, Option<Time>),
    out: &mut Outcome,
) {
    let (from, maximum) = (scaling.from, scaling.config.maximum);
    if let Some((time, first)) = replicas.first_above(from) {
        let words = format!(
            "the autoscaler begins: {from} to {}",
            count(first.into(), "replica")
        );
        out.moment(time, Role::Effect, "scaling", words);
        out.amount("time to the first new replicas", since_fault(time), "s");
    }
    if let Some(time) = replicas.reached(maximum) {
        let words = format!("{}, the maximum", count(maximum.into(), "replica"));
        out.moment(time, Role::Effect, "full scale", words);
        out.amount("time to the largest number of replicas", since_fault(time), "s");
    }
    let page = paged.unwrap_or(at(BEGINS + WATCHED));
    let then = replicas.at(page).unwrap_or(from);
    out.amount("replicas when somebody is alerted", f64::from(then), "replicas");
    let hours = replicas.hours_above(from, page);
    out.amount("replica-hours that nobody needed, until the page", hours, "h");
    if let Some(price) = scaling.price {
        out.amount("cost until the page", hours * price, "USD");
        let each_hour = f64::from(maximum - from.min(maximum)) * price;
        out.amount("cost of each hour after that", each_hour, "USD");
    }
    if let Some(ends) = ends {
        let back = replicas.back_to(from, ends);
        if let Some(time) = back {
            let words = format!("the autoscaler is back at {}", count(from.into(), "replica"));
            out.moment(time, Role::Recovery, "scaled in", words);
            let after = time.since(ends).as_secs_f64();
            out.amount("time from the fault's end to the usual replicas", after, "s");
        }
        let hours = replicas.hours_above(from, back.unwrap_or(replicas.last()));
        out.amount("replica-hours that nobody needed, in total", hours, "h");
        if let Some(price) = scaling.price {
            out.amount("total cost", hours * price, "USD");
        }
    }
}

fn since_fault(time: Time) -> f64 {
    time.since(at(BEGINS)).as_secs_f64()
}

/// A faster alternative: the burn-rate alert for the objective, with short windows and the same timing as the
/// others.
fn sooner(setup: &Setup, streams: &Streams, paged: Option<Time>, out: &mut Outcome) {
    let advice =
        "an alert on the burn rate with short windows and loss of signal, which pages within a minute or two";
    let Some(budget) = &setup.budget else {
        out.moment(at(BEGINS), Role::Action, "alert", advice);
        return;
    };
    let each = Duration::from_secs(30);
    let config = AlertConfig::Prometheus(PrometheusConfig {
        scrape: each,
        evaluation: each,
        hold: Duration::ZERO,
        group_wait: Duration::ZERO,
        expression: Expression::Burn(vec![budget.windows]),
        absence: true,
    });
    let alerts = [("burn rate".to_owned(), config)];
    let Some(page) = course::first_page("burn rate", &alerts, OUTAGE, streams) else {
        out.moment(at(BEGINS), Role::Action, "alert", advice);
        return;
    };
    out.amount("time to the page of a burn-rate alert", page.seconds as f64, "s");
    let time = at(BEGINS + page.seconds);
    let words = if paged.is_some_and(|paged| paged <= time) {
        "an alert on the burn rate would not page sooner".to_owned()
    } else {
        format!(
            "an alert on the burn rate, above {} of requests over {} and over {}, with loss of signal, would have paged",
            shown(budget.windows.share * 100.0, "%"),
            show_duration(budget.windows.long),
            show_duration(budget.windows.short)
        )
    };
    out.moment(time, Role::Action, "alert", words);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::alert::{Method, NewRelicConfig};
    use cofferdam_formulas::budget::Objective;

    const MONTH: Objective = Objective {
        target: 0.9995,
        window: Duration::from_secs(30 * 86_400),
    };

    use crate::components::autoscaler::behaviour::{Policy, Rules, Select, Step};
    use crate::components::autoscaler::{Pace, Target};

    fn setup(delay: u64, loss: Option<Duration>) -> Setup {
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
            pace: Pace::Rules {
                up: doubling,
                down: Rules::down(),
            },
            ..AutoscalerConfig::default()
        };
        Setup {
            service: "api".into(),
            alerts: vec![("errors".into(), AlertConfig::NewRelic(config))],
            budget: Some(Budget {
                time: MONTH.budget(),
                words: "99.95 %".into(),
                windows: MONTH.page(),
            }),
            scaler: Some(Scaling {
                config: autoscaler,
                from: 2,
                start_up: Duration::ZERO,
                price: Some(0.05),
            }),
            promised: None,
            response: None,
        }
    }

    fn figure(out: &Outcome, name: &str) -> f64 {
        out.figures.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn a_third_of_the_budget_and_fifty_replicas_are_used_before_the_page() {
        for seed in 0..20 {
            let out = run(&setup(120, None), &Streams::new(seed, 0), &mut Recorder::off());
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
            assert_eq!(figure(&out, "replicas when somebody is alerted"), 50.0);
            // 48 more than needed at 0.05.
            assert!((figure(&out, "cost of each hour after that") - 2.4).abs() < 1e-9);
        }
    }

    #[test]
    fn a_burn_rate_alert_would_have_paged_within_two_minutes() {
        for seed in 0..20 {
            let out = run(&setup(120, None), &Streams::new(seed, 0), &mut Recorder::off());
            // 0.72 % of an hour is 25.92 s of outage; a scrape up to 30 s later sees it, an evaluation up to 30 s
            // after that judges it.
            let told = figure(&out, "time to the page of a burn-rate alert");
            assert!((26.0..=90.0).contains(&told), "{told}");
        }
    }

    #[test]
    fn people_end_the_fault_and_the_autoscaler_scales_back() {
        let mut setup = setup(120, None);
        setup.response = Some(Duration::from_secs(600));
        let out = run(&setup, &Streams::new(3, 0), &mut Recorder::off());
        let page = figure(&out, "time to the page, all requests fail");
        let end = figure(&out, "time to the fault's end");
        assert_eq!(end, page + 600.0);
        // 1,296 s of outage are the whole budget.
        let burned = figure(&out, "error budget burned when the fault ends");
        assert!((burned - end / 12.96).abs() < 1e-9);
        // Scaling in waits until the largest recommendation of 300 s has expired, then removes all at once;
        // syncs are 15 s apart.
        let back = figure(&out, "time from the fault's end to the usual replicas");
        assert!((285.0..=330.0).contains(&back), "{back}");
        // 48 replicas too many from about 180 s on until then.
        let hours = figure(&out, "replica-hours that nobody needed, in total");
        let most = 48.0 * (end + back) / 3600.0;
        let least = 48.0 * (end + back - 180.0) / 3600.0;
        assert!((least..=most).contains(&hours), "{hours}: {least} to {most}");
        assert!((figure(&out, "total cost") - hours * 0.05).abs() < 1e-9);
    }

    #[test]
    fn loss_of_signal_pages_for_missing_data() {
        let out = run(
            &setup(0, Some(Duration::from_secs(60))),
            &Streams::new(1, 0),
            &mut Recorder::off(),
        );
        assert_eq!(
            figure(&out, "the service falls silent: anybody is told within an hour"),
            1.0
        );
        assert!(figure(&out, "time to the page, all requests fail") <= 303.0);
    }
}
