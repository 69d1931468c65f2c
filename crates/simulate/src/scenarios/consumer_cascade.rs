//! The work of a consumer group slows down for a while, memory fills with fetched messages, members are
//! killed, and the remaining or returning members get the backlog at once.

use cofferdam_model::Environment;
use cofferdam_model::kafka::{CommitOrder, Consumer};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_model::units::count;
use cofferdam_policy::Time;

use super::{Case, Prepared, Scenario, common};
use crate::chance::Streams;
use crate::components::kafka::group::{Group, GroupConfig};
use crate::outcome::shown;
use crate::outcome::{Outcome, Role};
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "consumer-cascade",
    title: "a consumer group's work takes four times as long for two minutes",
    text: include_str!("../../../../docs/scenarios/consumer-cascade.md"),
    rules: &[
        "kafka-unbounded-buffer",
        "kafka-idle-members",
        "kafka-uneven-members",
        "kafka-offset-before-work",
        "kafka-poll-deadline",
    ],
    prepare,
};

/// When the work slows down and when it is as fast as before, in seconds.
const SLOW: u64 = 60;
const FAST: u64 = 180;
const END: u64 = 1800;
/// How fast the work is meanwhile.
const SPEED: f64 = 0.25;
/// A group has caught up when less than this many seconds of messages wait.
const CAUGHT_UP: f64 = 5.0;

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    name: String,
    group: GroupConfig,
    members: u32,
    /// The number of members at the autoscaler's maximum.
    most: u32,
    before_work: Option<bool>,
}

impl Setup {
    /// How many members would keep up with the slow work.
    fn enough_members(&self) -> String {
        let partitions = self.group.partitions();
        let slow = self.group.each * SPEED;
        let each = self.group.rate / f64::from(partitions.max(1));
        // A member works on whole partitions.
        let held = (slow / each.max(1e-9)).floor();
        if held < 1.0 {
            return format!(
                "more than {}: a member cannot keep up with one while the work is slow",
                count(partitions.into(), "partition")
            );
        }
        let members = (f64::from(partitions) / held).ceil();
        match members as u64 {
            1 => "one member, which would keep up with its partitions while the work is slow".to_owned(),
            n => format!(
                "{}, each of which would keep up with its partitions while the work is slow",
                count(n, "member")
            ),
        }
    }
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    common::each_consumer(env, case)
}

fn case(env: &Environment, consumer: &Consumer) -> Option<Result<Case, Vec<Need>>> {
    let service = env.owner_service(&consumer.owner)?;
    let mut facts = Evidence::new();
    let base = common::group(env, consumer, service, &mut facts)?;
    let unbounded = consumer.buffers.iter().find(|buffer| buffer.bound.is_none());
    let memory = unbounded.map(|buffer| {
        facts.inputs.push(cofferdam_formulas::Input {
            name: format!("queue in memory `{}`", buffer.name),
            value: "no bound".to_owned(),
            place: Some(buffer.span),
        });
        let limit = service
            .workloads
            .iter()
            .flat_map(|id| &env.workloads[id.0].containers)
            .find_map(|container| container.memory_limit.as_ref())
            .map(|limit| facts.input("memory limit", limit));
        let each = facts.need(
            "memory of a message",
            service.memory_per_message.as_ref(),
            Need::of(&registry::services::MEMORY_PER_MESSAGE, &service.name)
                .because("with the memory limit it decides when a member whose queue has no bound is killed"),
        );
        match (limit, each) {
            (Some(limit), Some(each)) if each.0 > 0 => Some(limit.0 / each.0),
            _ => None,
        }
    });
    let base = match base {
        Ok(base) if facts.needs.is_empty() => base,
        Ok(_) => return Some(Err(facts.needs)),
        Err(needs) => return Some(Err(needs.into_iter().chain(facts.needs).collect())),
    };
    facts.assume(
        "only messages take memory, and a member that fetches without a bound fetches everything available",
    );
    let members = common::members_for_load(&base);
    facts.assume(format!(
        "the number of members that keeps each below 70 % of its capacity: {members}, within the \
         autoscaler's range"
    ));
    let setup = Setup {
        name: base.name.clone(),
        members,
        most: base.most,
        before_work: consumer
            .commit_order
            .as_ref()
            .map(|order| order.value == CommitOrder::BeforeWork),
        group: GroupConfig {
            memory: memory.flatten(),
            ..base.group
        },
    };
    let (who, members) = (setup.name.clone(), common::many_members(setup.most));
    let case = Case::new(who.clone(), facts, move |streams, _| run(&setup, streams));
    Some(Ok(case.limited(&who, &[members])))
}

/// The result for the group.
struct Course {
    lag: Vec<f64>,
    working: Vec<usize>,
    killed: u32,
    first_killed: Option<u64>,
    all_down: Option<u64>,
    full_scale: Option<u64>,
    caught_up: Option<u64>,
    dead: u64,
    rebalances: u32,
}

fn course(setup: &Setup, config: GroupConfig, streams: &Streams) -> Course {
    let mut chance = streams.stream(&setup.name, "group");
    let rate = config.rate;
    let mut group = Group::new(config, setup.members);
    let mut course = Course {
        lag: Vec::new(),
        working: Vec::new(),
        killed: 0,
        first_killed: None,
        all_down: None,
        full_scale: None,
        caught_up: None,
        dead: 0,
        rebalances: 0,
    };
    for second in 1..=END {
        let speed = if (SLOW..FAST).contains(&second) {
            SPEED
        } else {
            1.0
        };
        // The autoscaler doubles every half minute while the lag is more than a minute of messages.
        if second % 30 == 0 && group.lag() > 60.0 * rate && (group.size() as u32) < setup.most {
            let more = (group.size() as u32).min(setup.most - group.size() as u32);
            (0..more).for_each(|_| group.add());
            if group.size() as u32 == setup.most {
                course.full_scale = Some(second);
            }
        }
        let happened = group.tick(speed, &mut chance);
        course.killed += happened.killed;
        course.rebalances += happened.rebalances;
        if happened.killed > 0 && course.first_killed.is_none() {
            course.first_killed = Some(second);
        }
        if group.up() == 0 && course.all_down.is_none() {
            course.all_down = Some(second);
        }
        if second > FAST {
            if group.lag() >= CAUGHT_UP * rate {
                course.caught_up = None;
            } else if course.caught_up.is_none() {
                course.caught_up = Some(second);
            }
        }
        course.lag.push(group.lag());
        course.working.push(group.working());
    }
    course.dead = group.in_dead_memory();
    course
}

const fn at(second: u64) -> Time {
    Time::from_nanos(second * 1_000_000_000)
}

impl Course {
    fn largest_lag(&self) -> f64 {
        self.lag.iter().copied().fold(0.0, f64::max)
    }
}

fn run(setup: &Setup, streams: &Streams) -> Outcome {
    let as_is = course(setup, setup.group.clone(), streams);
    let bounded = course(
        setup,
        GroupConfig {
            memory: None,
            ..setup.group.clone()
        },
        streams,
    );
    let mut out = Outcome::default();
    moments(&mut out, setup, &as_is);
    figures(&mut out, setup, &as_is, &bounded);
    curves(&mut out, setup, &as_is, &bounded);
    out.harm = 1.0
        - as_is
            .caught_up
            .map_or(0.0, |second| 1.0 - (second - FAST) as f64 / (END - FAST) as f64);
    if shown(as_is.largest_lag(), "") == "0" {
        out.harm = 0.0;
    }
    out
}

/// What happens when, and why.
fn moments(out: &mut Outcome, setup: &Setup, as_is: &Course) {
    out.moment(
        at(SLOW),
        Role::Trigger,
        "slow",
        "the work takes four times as long, for example because a database is slow",
    );
    if let Some(second) = as_is.first_killed {
        out.moment(
            at(second),
            Role::Cause,
            "killed",
            "the first member is killed: its fetched and unprocessed messages are more than its memory",
        );
        out.moment(
            at(SLOW),
            Role::Action,
            "bound",
            "a bound on the queue in memory, so that unprocessed messages stay in the broker",
        );
        if let Some(down) = as_is.all_down {
            out.moment(at(down), Role::Effect, "all down", "every member is down");
        }
    } else {
        out.moment(
            at(SLOW),
            Role::Cause,
            "behind",
            "fewer messages are processed than arrive, and the lag grows",
        );
        out.moment(at(SLOW), Role::Action, "members", setup.enough_members());
    }
    if let Some(second) = as_is.full_scale {
        let idle = setup.group.assigned().idle(setup.most);
        out.moment(
            at(second),
            Role::Effect,
            "full scale",
            match (count(setup.most.into(), "member"), idle) {
                (members, 0) => format!("{members}, the maximum"),
                (members, 1) => format!("{members}, the maximum, of which 1 has no partition"),
                (members, idle) => format!("{members}, the maximum, of which {idle} have no partition"),
            },
        );
    }
    out.moment(at(FAST), Role::Over, "fast", "the work is as fast as before");
    if as_is.caught_up.is_none() && as_is.killed > 0 {
        let why = "each member that comes back fetches the whole backlog of its partitions, is killed again, and waits longer before the next try";
        out.moment(at(FAST), Role::Loop, "backlog", why);
    }
    if let Some(second) = as_is.caught_up {
        out.moment(at(second), Role::Recovery, "caught up", "the group has caught up");
    }
}

fn figures(out: &mut Outcome, setup: &Setup, as_is: &Course, bounded: &Course) {
    if let Some(second) = as_is.caught_up {
        out.amount("time to catch up", (second - FAST) as f64, "s");
    }
    out.amount("largest lag", as_is.largest_lag(), "messages");
    out.whether(
        "still behind 27 minutes after the work is fast again",
        as_is.caught_up.is_none(),
    );
    out.amount(
        "members killed because memory is full",
        f64::from(as_is.killed),
        "times",
    );
    let dead = match setup.before_work {
        Some(true) => "messages lost with the memory of dead members",
        Some(false) => "messages fetched again after members died",
        None => "messages in the memory of members that died",
    };
    out.amount(dead, as_is.dead as f64, "messages");
    out.amount("rebalances", f64::from(as_is.rebalances), "");
    if setup.group.memory.is_some() {
        out.amount(
            "largest lag with a bounded queue",
            bounded.largest_lag(),
            "messages",
        );
        out.whether("still behind with a bounded queue", bounded.caught_up.is_none());
        if let Some(second) = bounded.caught_up {
            out.amount(
                "time to catch up with a bounded queue",
                (second - FAST) as f64,
                "s",
            );
        }
    }
    // 7 members of 12 partitions: two each for all except two members; the busiest limits the group.
    let busiest = setup.group.assigned().over(setup.members).busiest;
    out.amount("members", f64::from(setup.members), "members");
    out.amount(
        "load of the busiest member",
        f64::from(busiest) * setup.group.rate / f64::from(setup.group.partitions().max(1)) / setup.group.each
            * 100.0,
        "%",
    );
    out.amount(
        "members without a partition at full scale",
        f64::from(setup.group.assigned().idle(setup.most)),
        "members",
    );
}

fn curves(out: &mut Outcome, setup: &Setup, as_is: &Course, bounded: &Course) {
    let every = |values: &[f64]| {
        values
            .iter()
            .enumerate()
            .step_by(10)
            .map(|(n, v)| (at(n as u64 + 1), v / setup.group.rate))
            .collect()
    };
    out.series(
        "messages that wait, as time",
        "as configured",
        "s",
        every(&as_is.lag),
    );
    if setup.group.memory.is_some() {
        out.series(
            "messages that wait, as time",
            "with a bounded queue",
            "s",
            every(&bounded.lag),
        );
    }
    let working = as_is
        .working
        .iter()
        .enumerate()
        .step_by(10)
        .map(|(n, members)| (at(n as u64 + 1), *members as f64))
        .collect();
    out.series("members that work", "members", "members", working);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cofferdam_model::kafka::Assignor;

    use super::*;

    fn setup(memory: Option<u64>, comes_again: bool) -> Setup {
        Setup {
            name: "group".into(),
            members: 8,
            most: 50,
            before_work: Some(!comes_again),
            group: GroupConfig {
                topics: vec![12],
                assignor: Assignor::Range,
                session: Duration::from_secs(45),
                heartbeat: Duration::from_secs(3),
                statics: false,
                rate: 7000.0,
                each: 1400.0,
                memory,
                comes_again,
                start_up: Duration::from_secs(30),
            },
        }
    }

    fn figure(out: &Outcome, name: &str) -> f64 {
        out.figures.iter().find(|f| f.name == name).unwrap().value
    }

    #[test]
    fn without_a_limit_members_run_out_of_memory() {
        let out = run(&setup(Some(50_000), false), &Streams::new(1, 0));
        // The busiest fetch 1,167 a second and process 350: 50,000 more after about a minute.
        assert!(figure(&out, "members killed because memory is full") > 0.0);
        assert!(figure(&out, "messages lost with the memory of dead members") > 50_000.0);
        // With a bound, the backlog stays in Kafka and is processed from there: 8 members process 9,800 at
        // best, of 7,000 a second, 12 of 12 at full scale 16,800.
        assert_eq!(figure(&out, "still behind with a bounded queue"), 0.0);
        assert_eq!(figure(&out, "members without a partition at full scale"), 38.0);
    }

    #[test]
    fn redelivered_messages_keep_the_group_down_longer() {
        let killed = |comes_again| {
            figure(
                &run(&setup(Some(50_000), comes_again), &Streams::new(1, 0)),
                "members killed because memory is full",
            )
        };
        assert!(
            killed(true) > killed(false),
            "{} and {}",
            killed(true),
            killed(false)
        );
    }

    #[test]
    fn with_a_limit_no_member_dies() {
        let out = run(&setup(None, true), &Streams::new(1, 0));
        assert_eq!(figure(&out, "members killed because memory is full"), 0.0);
        // Two minutes at a quarter of what 8 members do, about 2,400 to 2,800 of 7,000 a second: some 500,000 behind.
        let lag = figure(&out, "largest lag");
        assert!((300_000.0..700_000.0).contains(&lag), "{lag}");
    }
}
