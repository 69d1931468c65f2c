//! A rollout restarts the members of a consumer group one after the other, and each restart stops the others.

use cofferdam_model::Environment;
use cofferdam_model::kafka::{Assignor, Consumer};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::units::count;
use cofferdam_policy::Time;

use super::{Case, Prepared, Scenario, common};
use crate::chance::Streams;
use crate::components::kafka::group::{Group, GroupConfig};
use crate::limits::{self, Quantity};
use crate::outcome::shown;
use crate::outcome::{Outcome, Role};
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "rebalance-storm",
    title: "a rollout restarts the members of a consumer group one after the other",
    text: include_str!("../../../../docs/scenarios/rebalance-storm.md"),
    rules: &["kafka-rebalance-storm", "kafka-idle-members"],
    prepare,
};

/// When the rollout begins, in seconds.
const BEGINS: u64 = 60;
/// The longest time that the scenario runs, in seconds.
const WATCHED: u64 = 7200;

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    name: String,
    group: GroupConfig,
    members: u32,
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    common::each_consumer(env, case)
}

fn case(env: &Environment, consumer: &Consumer) -> Option<Result<Case, Vec<Need>>> {
    let service = env.owner_service(&consumer.owner)?;
    let mut facts = Evidence::new();
    let base = match common::group(env, consumer, service, &mut facts)? {
        Ok(base) => base,
        Err(needs) => return Some(Err(needs)),
    };
    if base.most < 2 {
        return None;
    }
    facts.assume(
        "the maximum number of members is running, and a rollout restarts one at a time, each when \
        the one before has joined",
    );
    let setup = Setup {
        name: base.name,
        members: base.most,
        group: base.group,
    };
    let restarted = Quantity {
        what: "partitions to assign for each member that restarts (members × partitions)",
        value: f64::from(setup.members) * f64::from(setup.group.partitions),
        most: limits::ASSIGNED,
    };
    let (who, quantities) = (setup.name.clone(), [common::members(setup.members), restarted]);
    let case = Case::new(who.clone(), facts, move |streams, _| run(&setup, streams));
    Some(Ok(case.limited(&who, &quantities)))
}

#[derive(Default)]
struct Course {
    rebalances: u32,
    unread: f64,
    most_lag: f64,
    caught_up: Option<u64>,
    ends: u64,
    first_still: Option<u64>,
    lag: Vec<f64>,
}

fn course(setup: &Setup, config: GroupConfig, streams: &Streams) -> Course {
    let mut chance = streams.stream(&setup.name, "group");
    let (rate, eager) = (config.rate, config.assignor.is_eager());
    let mut group = Group::new(config, setup.members);
    let mut next = 0;
    let mut course = Course {
        ends: WATCHED,
        ..Course::default()
    };
    for second in 1..=WATCHED {
        if second >= BEGINS && group.is_settled() {
            if next < setup.members as usize {
                course.rebalances += group.restart(next, &mut chance).rebalances;
                next += 1;
            } else {
                course.ends = course.ends.min(second);
            }
        }
        let happened = group.tick(1.0, &mut chance);
        course.rebalances += happened.rebalances;
        course.unread += happened.unread;
        if eager && course.rebalances > 0 && course.first_still.is_none() {
            course.first_still = Some(second);
        }
        course.most_lag = course.most_lag.max(group.lag());
        course.lag.push(group.lag());
        if second > course.ends && group.lag() < 2.0 * rate {
            course.caught_up = Some(second);
            break;
        }
    }
    course
}

const fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

fn run(setup: &Setup, streams: &Streams) -> Outcome {
    let mut out = Outcome::default();
    let as_is = course(setup, setup.group.clone(), streams);
    let cooperative = GroupConfig {
        assignor: Assignor::CooperativeSticky,
        ..setup.group.clone()
    };
    let both = course(
        setup,
        GroupConfig {
            statics: true,
            ..cooperative.clone()
        },
        streams,
    );
    let cooperative = course(setup, cooperative, streams);
    out.moment(
        at(BEGINS),
        Role::Trigger,
        "rollout",
        format!(
            "a rollout begins to restart {}, one after the other",
            count(setup.members.into(), "member")
        ),
    );
    if let Some(second) = as_is.first_still {
        out.moment(
            at(second),
            Role::Cause,
            "still",
            "a member leaves, and with an eager assignor every \
            member that learns of it gives up all its partitions and waits for the slowest",
        );
        let why = "every restart is two rebalances, one when the member leaves and one when it joins, even \
            for members that have no partition";
        out.moment(at(second), Role::Loop, "again", why);
        let action =
            "cooperative-sticky assignment and static membership (group.instance.id), before the rollout";
        out.moment(at(BEGINS), Role::Action, "static", action);
    }
    out.moment(
        at(as_is.ends),
        Role::Over,
        "rolled",
        "the last member has been restarted",
    );
    match as_is.caught_up {
        Some(second) => {
            out.moment(at(second), Role::Recovery, "caught up", "the group has caught up");
            out.amount(
                "time to catch up after the rollout",
                second.saturating_sub(as_is.ends) as f64,
                "s",
            );
        }
        None => out.moment(
            at(WATCHED),
            Role::Effect,
            "behind",
            "two hours after it began the group has not caught up",
        ),
    }
    out.amount("rebalances", f64::from(as_is.rebalances), "");
    out.amount("time that a partition is not read, on average", as_is.unread, "s");
    out.amount(
        "part of the rollout's time",
        as_is.unread / (as_is.ends - BEGINS) as f64 * 100.0,
        "%",
    );
    out.amount("largest lag", as_is.most_lag, "messages");
    out.amount(
        "time that a partition is not read, cooperative",
        cooperative.unread,
        "s",
    );
    out.amount("largest lag, cooperative", cooperative.most_lag, "messages");
    out.amount(
        "rebalances, cooperative and static",
        f64::from(both.rebalances),
        "",
    );
    out.amount(
        "time that a partition is not read, cooperative and static",
        both.unread,
        "s",
    );
    out.amount("largest lag, cooperative and static", both.most_lag, "messages");
    let idle = setup.members.saturating_sub(setup.group.partitions);
    out.amount("members without a partition", f64::from(idle), "members");
    out.harm = as_is.unread / (as_is.ends - BEGINS) as f64;
    for (course, name) in [
        (&as_is, "as configured"),
        (&cooperative, "cooperative"),
        (&both, "cooperative and static"),
    ] {
        let step = (course.lag.len() / 250).max(1);
        // The maximum of each step, so that a short stop is visible.
        let points = course.lag.chunks(step).enumerate().map(|(n, part)| {
            (
                at((n * step) as u64 + 1),
                part.iter().copied().fold(0.0, f64::max) / setup.group.rate,
            )
        });
        out.series("messages that wait, as time", name, "s", points.collect());
    }
    if shown(setup.group.rate, "") == "0" {
        out.harm = 0.0;
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fifty_members_stop_everything_a_hundred_times() {
        let setup = Setup {
            name: "group".into(),
            members: 50,
            group: GroupConfig {
                partitions: 12,
                assignor: Assignor::Range,
                session: Duration::from_secs(45),
                heartbeat: Duration::from_secs(3),
                statics: false,
                rate: 7000.0,
                each: 1400.0,
                memory: None,
                comes_again: true,
                start_up: Duration::from_secs(30),
            },
        };
        let out = run(&setup, &Streams::new(1, 0));
        let figure = |name: &str| out.figures.iter().find(|f| f.name == name).unwrap().value;
        assert_eq!(figure("rebalances"), 100.0);
        // The slowest of 50 learns of it after 3 s × 50/51, a member after 1.5 s on average: 100 × 1.44 = 144
        // s.
        let unread = figure("time that a partition is not read, on average");
        assert!((138.0..=151.0).contains(&unread), "{unread}");
        // Only the members that have partitions move any: 12 leave and join, a twelfth of the partitions each time.
        assert!(figure("time that a partition is not read, cooperative") < 15.0);
        assert_eq!(figure("rebalances, cooperative and static"), 0.0);
        assert_eq!(figure("members without a partition"), 38.0);
    }
}
