//! The outcome of a run: moments, figures and curves.

use cofferdam_model::units::amount;
use cofferdam_policy::Time;
use cofferdam_policy::trace::Recorder;

use super::course::{Course, Steering, course, time_of};
use super::{BACK, END, LOST, Setup};
use crate::chance::Streams;
use crate::components::cells::Overload;
use crate::outcome::{Outcome, Role, shown};

/// The remaining cells, and the load that they get.
struct Survivors {
    names: String,
    /// Whether there is only one.
    one: bool,
    /// Requests a second that they can serve.
    safe: f64,
    /// Requests a second that they had before.
    before: f64,
}

impl Survivors {
    fn new(setup: &Setup) -> Self {
        let others = || setup.cells.iter().enumerate().filter(|(n, _)| *n != setup.lost);
        let names: Vec<&str> = others().map(|(_, (name, ..))| name.as_str()).collect();
        Self {
            one: names.len() == 1,
            names: names.join(" and "),
            safe: others().map(|(_, (_, _, capacity))| capacity).sum(),
            before: setup.load() - setup.cells[setup.lost].1,
        }
    }

    /// The whole load over their capacity, in percent.
    fn utilisation(&self, load: f64) -> f64 {
        load / self.safe.max(1e-9) * 100.0
    }
}

/// How the loss ends in three ways of handling it.
struct Courses {
    as_is: Course,
    refusing: Course,
    shifted: Course,
}

pub(super) fn run(setup: &Setup, streams: &Streams, trace: &mut Recorder) -> Outcome {
    let mut silent = Recorder::off();
    let courses = Courses {
        as_is: course(setup, streams, Overload::Queues, Steering::Routers, &mut silent),
        refusing: course(setup, streams, Overload::Refuses, Steering::Routers, &mut silent),
        shifted: course(setup, streams, Overload::Refuses, Steering::Policy, trace),
    };
    let survivors = Survivors::new(setup);
    let mut out = Outcome::default();
    spread(&mut out, setup, &courses.as_is);
    cause(&mut out, setup, &survivors, &courses.as_is);
    let lost = &setup.cells[setup.lost].0;
    out.moment(BACK, Role::Over, "back", format!("{lost} is back"));
    if let Some(at) = courses.as_is.recovers(BACK) {
        out.moment(
            at,
            Role::Recovery,
            "recovered",
            "at least 99 of 100 requests are served again",
        );
    }
    figures(&mut out, setup, &survivors, &courses);
    out.harm = courses.as_is.failed_share(LOST, BACK, setup.patience);
    curves(
        &mut out,
        [
            (&courses.as_is, "as configured"),
            (&courses.refusing, "survivors refuse"),
            (&courses.shifted, "moved in steps"),
        ],
    );
    out
}

/// When this part of the routers no longer sends to the lost cell.
fn heard(as_is: &Course, share: f64) -> Option<Time> {
    as_is
        .turned
        .iter()
        .position(|turned| *turned >= share)
        .map(time_of)
}

/// The loss, and how the routers learn of it.
fn spread(out: &mut Outcome, setup: &Setup, as_is: &Course) {
    let (lost, traffic, _) = &setup.cells[setup.lost];
    let load = setup.load();
    out.moment(
        LOST,
        Role::Trigger,
        "lost",
        format!(
            "{lost} is lost, with {} of {} a second",
            shown(*traffic, ""),
            amount(load, "request")
        ),
    );
    if let Some(first) = heard(as_is, 1e-9) {
        out.moment(
            first,
            Role::Effect,
            "first router",
            "the first router stops sending to it; until then every request to it failed",
        );
    }
    if let Some(all) = heard(as_is, 1.0) {
        out.moment(
            all,
            Role::Effect,
            "all routers",
            "the last router has learned of it",
        );
    }
}

/// What goes wrong meanwhile, and what would help.
fn cause(out: &mut Outcome, setup: &Setup, survivors: &Survivors, as_is: &Course) {
    let Survivors { names, one, safe, .. } = survivors;
    let load = setup.load();
    let utilisation = survivors.utilisation(load);
    let lost = &setup.cells[setup.lost].0;
    let over = as_is
        .wait
        .iter()
        .position(|wait| *wait > setup.patience.as_secs_f64())
        .map(time_of);
    if let Some(over) = over.filter(|over| *over > LOST) {
        out.moment(
            over,
            Role::Cause,
            "overload",
            format!(
                "{names} {} up to {} a second and {} {}: {} of {} capacity; the queue is longer than callers wait",
                if *one { "gets" } else { "get" },
                amount(load, "request"),
                if *one { "carries" } else { "carry" },
                shown(*safe, ""),
                shown(utilisation.round(), "%"),
                if *one { "its" } else { "their" },
            ),
        );
        out.moment(
            over,
            Role::Loop,
            "stale work",
            format!(
                "{names} {} through requests whose callers have given up, and so {} nobody",
                if *one { "works" } else { "work" },
                if *one { "serves" } else { "serve" },
            ),
        );
        if let Some(first) = heard(as_is, 1e-9) {
            out.moment(
                first,
                Role::Action,
                "shed",
                format!(
                    "refuse requests above {} a second, by priority, before the routers move the traffic",
                    shown(*safe, "")
                ),
            );
        }
    } else {
        out.moment(
            LOST,
            Role::Cause,
            "unheard",
            format!(
                "requests to {lost} fail until every router has learned of it; {names} can carry the rest"
            ),
        );
        out.moment(
            LOST,
            Role::Action,
            "sooner",
            "faster checks and shorter lifetimes in the routers' caches, or a second try in another cell",
        );
    }
}

fn figures(out: &mut Outcome, setup: &Setup, survivors: &Survivors, courses: &Courses) {
    let load = setup.load();
    if let Some(all) = heard(&courses.as_is, 1.0) {
        out.amount(
            "time until the last router knows",
            all.since(LOST).as_secs_f64(),
            "s",
        );
    }
    out.amount(
        "load of the survivors, by capacity",
        survivors.utilisation(load),
        "%",
    );
    out.amount(
        "traffic of the survivors, compared with before",
        load / survivors.before.max(1e-9),
        "times",
    );
    let all = [
        (
            &courses.as_is,
            "requests that fail during the loss",
            "requests that fail in the ten minutes after it",
        ),
        (
            &courses.refusing,
            "… if survivors refuse what they cannot serve in time",
            "… ten minutes after, if survivors refuse",
        ),
        (
            &courses.shifted,
            "… if traffic also moves in steps, up to what they carry",
            "… ten minutes after, if it moves in steps",
        ),
    ];
    for (course, during, _) in all {
        out.amount(
            during,
            course.failed_share(LOST, BACK, setup.patience) * 100.0,
            "%",
        );
    }
    for (course, _, after) in all {
        out.amount(after, course.failed_share(BACK, END, setup.patience) * 100.0, "%");
    }
    let recovered = courses.as_is.recovers(BACK);
    out.whether(
        "still down ten minutes after the cell is back",
        recovered.is_none(),
    );
    if let Some(at) = recovered {
        out.amount(
            "time to recover after the cell is back",
            at.since(BACK).as_secs_f64(),
            "s",
        );
    }
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
