//! The course of the outage: when the first alert pages, and how many replicas there are.

use std::time::Duration;

use cofferdam_policy::trace::Recorder;
use cofferdam_policy::{Random, Time};

use super::{BEGINS, EVENTS, Scaling, WATCHED, at};
use crate::chance::Streams;
use crate::components::alert::{Alert, AlertConfig, Events};
use crate::components::autoscaler::replicas::{Phase, Pod};
use crate::components::autoscaler::{Autoscaler, SYNC};

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    /// Seconds from the fault's beginning.
    pub(super) seconds: u64,
    /// Which alert.
    pub(super) alert: String,
}

/// The first page after the fault, over these alerts.
pub(super) fn first_page(
    name: &str,
    alerts: &[(String, AlertConfig)],
    faulty: Events,
    streams: &Streams,
) -> Option<Page> {
    let good = Events { good: EVENTS, bad: 0 };
    let mut phases = streams.stream(name, "phases of alerts");
    let mut alerts: Vec<(&str, Alert)> = alerts
        .iter()
        .map(|(name, config)| {
            let phases = (phases.unit(), phases.unit());
            (name.as_str(), Alert::new(config.clone(), phases, good))
        })
        .collect();
    for second in 1..=BEGINS + WATCHED {
        let events = if second > BEGINS { faulty } else { good };
        for (name, alert) in &mut alerts {
            alert.second(at(second), events);
            if alert.paged().is_some() {
                return (second > BEGINS).then(|| Page {
                    seconds: second - BEGINS,
                    alert: (*name).to_owned(),
                });
            }
        }
    }
    None
}

/// The number of replicas after each sync of the autoscaler.
#[derive(Debug)]
pub(super) struct Replicas(Vec<(Time, u32)>);

/// Runs the autoscaler: while the fault lasts its metric asks for more than the maximum, otherwise for the
/// number before the fault.
pub(super) fn replicas(
    scaling: &Scaling,
    ends: Option<Time>,
    streams: &Streams,
    service: &str,
    trace: &mut Recorder,
) -> Replicas {
    let mut scaler = Autoscaler::new(scaling.config.clone());
    let phase = (streams.stream(service, "phase of the autoscaler").unit() * SYNC.as_secs_f64()) as u64;
    let mut pods: Vec<Time> = vec![Time::ZERO; scaling.from as usize];
    let mut course = Vec::new();
    let mut now = at(phase);
    let until = ends.map_or(Time::ZERO, |ends| ends + Duration::from_secs(1800));
    while now < until.max(at(BEGINS + WATCHED)) {
        let current = pods.len() as u32;
        let seen: Vec<Pod> = pods
            .iter()
            .map(|started| seen(*started, scaling.start_up, now))
            .collect();
        let faulty = now >= at(BEGINS) && ends.is_none_or(|ends| now < ends);
        let value = if faulty {
            1_000_000
        } else {
            1000 * u64::from(scaling.from) / u64::from(current.max(1))
        };
        let decision = scaler.sync(now, current, &seen, &[Some(value)]);
        trace.event(now, || (format!("{service} autoscaler"), decision.from(current)));
        pods.resize(decision.replicas as usize, now);
        course.push((now, decision.replicas));
        now = now + SYNC;
    }
    Replicas(course)
}

/// A pod as the autoscaler sees it; those from before the run have long been ready.
fn seen(started: Time, start_up: Duration, now: Time) -> Pod {
    let wait = if started == Time::ZERO {
        Duration::ZERO
    } else {
        start_up
    };
    let ready_at = started + wait;
    let ready = ready_at <= now;
    Pod {
        phase: Phase::Running,
        ready,
        started,
        ready_since: if ready { ready_at } else { started },
        request: 1000,
        sample: None,
    }
}

impl Replicas {
    /// When there were first more than `from` replicas after the fault, and how many.
    pub(super) fn first_above(&self, from: u32) -> Option<(Time, u32)> {
        let after = |(time, replicas): &&(Time, u32)| *time >= at(BEGINS) && *replicas > from;
        self.0.iter().find(after).copied()
    }

    /// When there were first this many replicas.
    pub(super) fn reached(&self, most: u32) -> Option<Time> {
        self.0
            .iter()
            .find(|(_, replicas)| *replicas >= most)
            .map(|(time, _)| *time)
    }

    /// The number of replicas at a time.
    pub(super) fn at(&self, now: Time) -> Option<u32> {
        let before = self.0.iter().rev().find(|(time, _)| *time <= now);
        before.map(|(_, replicas)| *replicas)
    }

    /// When they are at most `from` again, from a time on.
    pub(super) fn back_to(&self, from: u32, since: Time) -> Option<Time> {
        let back = |(time, replicas): &&(Time, u32)| *time >= since && *replicas <= from;
        self.0.iter().find(back).map(|(time, _)| *time)
    }

    /// The last look.
    pub(super) fn last(&self) -> Time {
        self.0.last().map_or(Time::ZERO, |(time, _)| *time)
    }

    /// Replica-hours beyond `from` between the fault and `until`: each count is valid until the next sync.
    pub(super) fn hours_above(&self, from: u32, until: Time) -> f64 {
        let looks = self
            .0
            .iter()
            .filter(|(time, _)| *time >= at(BEGINS) && *time < until);
        looks
            .map(|(_, replicas)| f64::from(replicas.saturating_sub(from)) * SYNC.as_secs_f64() / 3600.0)
            .sum()
    }

    /// Every second sync until then, for a chart.
    pub(super) fn points(&self, until: Time) -> Vec<(Time, f64)> {
        let looks = self.0.iter().filter(|(time, _)| *time <= until).step_by(2);
        looks
            .map(|(time, replicas)| (*time, f64::from(*replicas)))
            .collect()
    }
}
