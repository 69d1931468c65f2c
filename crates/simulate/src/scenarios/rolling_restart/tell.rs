//! The outcome of a rollout: moments, figures and curves.

use cofferdam_model::units::count;
use cofferdam_policy::Time;

use super::course::{Course, at};
use super::{BEGINS, Setup, WATCHED};
use crate::outcome::{Outcome, Role};

pub(super) fn tell(setup: &Setup, course: &Course) -> Outcome {
    let mut out = Outcome::default();
    moments(&mut out, setup, course);
    figures(&mut out, setup, course);
    curves(&mut out, setup, course);
    out.harm = course.failed as f64 / (course.requests as f64).max(1.0);
    out
}

/// What happens when, and why.
fn moments(out: &mut Outcome, setup: &Setup, course: &Course) {
    out.moment(
        at(BEGINS),
        Role::Trigger,
        "rollout",
        format!(
            "a new version of {} rolls out over {}",
            setup.name,
            count(setup.replicas.into(), "replica")
        ),
    );
    if course.deaf > 0 {
        let why = "new pods get requests before they can serve: they have no readiness probe, and old ones stop as soon as new ones run";
        out.moment(at(BEGINS), Role::Cause, "deaf", why);
        let action = "a readiness probe that passes when the replica can serve";
        out.moment(at(BEGINS), Role::Action, "probe", action);
    }
    if course.failed > course.deaf {
        let why = if setup.pause < setup.lag {
            "each pod that stops refuses requests that proxies still send it: it has no preStop pause, or one that is too short"
        } else {
            "the remaining replicas cannot carry the load"
        };
        out.moment(at(BEGINS), Role::Cause, "refusing", why);
        let action = "a preStop sleep of 5 to 15 s within the grace period, and no more missing pods than \
            the others can replace";
        out.moment(at(BEGINS), Role::Action, "pause", action);
    }
    if course.overloaded > 0 {
        out.moment(
            at(BEGINS),
            Role::Effect,
            "overload",
            format!(
                "down to {}, which {} less than the load",
                count(course.fewest.into(), "ready replica"),
                if course.fewest == 1 { "carries" } else { "carry" }
            ),
        );
    }
    if setup
        .longest
        .is_some_and(|longest| longest + setup.pause > setup.grace)
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
        }
        None => out.moment(
            at(WATCHED),
            Role::Loop,
            "stuck",
            "two hours later the rollout is not done",
        ),
    }
}

fn figures(out: &mut Outcome, setup: &Setup, course: &Course) {
    if let (Some(done), true) = (course.done, setup.start_up.is_some()) {
        out.amount("time that the rollout takes", (done - BEGINS) as f64, "s");
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
    if let Some(each) = setup.connections {
        out.amount(
            "maximum database connections, old and new together",
            f64::from(course.most * each),
            "connections",
        );
    }
    if let Some(capacity) = setup.capacity {
        out.amount(
            "load of the fewest ready replicas",
            setup.rate / (capacity * f64::from(course.fewest.max(1))) * 100.0,
            "% of capacity",
        );
    }
}

fn curves(out: &mut Outcome, setup: &Setup, course: &Course) {
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
    if setup.connections.is_some() {
        out.series(
            "database connections",
            "open",
            "connections",
            thin(|point| point.2),
        );
    }
}
