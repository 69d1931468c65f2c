//! The brokers of a Kafka cluster die one after the other, and each takes the messages with it that only it
//! had.

use std::time::Duration;

use cofferdam_model::Environment;
use cofferdam_model::kafka::{Acks, KafkaClient, Producer, ProducerRole, Topic};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::registry;
use cofferdam_model::units::count;
use cofferdam_policy::{Random, Time};

use super::{Case, Prepared, Scenario};
use crate::chance::Streams;
use crate::components::kafka::cluster::{Answer, Cluster, ClusterConfig, Leaders, Stop};
use crate::limits::{self, Quantity};
use crate::outcome::{Outcome, Role};
use cofferdam_formulas::{Evidence, Need};

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "leader-failover",
    title: "every broker dies once, one after the other, while messages are sent",
    text: include_str!("../../../../docs/scenarios/leader-failover.md"),
    rules: &[
        "kafka-producer-durability",
        "kafka-replication",
        "kafka-dlq-durability",
    ],
    prepare,
};

const TICK: Duration = Duration::from_millis(5);
/// Time advances in steps of this when nothing happens, and in ticks from this long before a death.
const STEP: Duration = Duration::from_millis(250);
const WARM: Duration = Duration::from_secs(1);
/// How long each broker is down, and when the first dies, in seconds.
const AWAY: u64 = 30;
const DEATH: f64 = 10.0;
/// `leader.imbalance.check.interval.seconds`, Kafka's default.
const CHECKS: u64 = 300;

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    name: String,
    cluster: ClusterConfig,
    rate: f64,
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    for producer in env
        .producers
        .iter()
        .filter(|producer| producer.role == ProducerRole::Main)
    {
        let own = |topic: &&Topic| producer.topics.iter().any(|name| name.value == topic.name.value);
        // A producer with unknown topics writes to the busiest one.
        let rate = |topic: &&Topic| topic.peak_rate.as_ref().map_or(0.0, |rate| rate.value.0);
        let topic = env.topics.iter().find(own).or_else(|| {
            let busiest = env.topics.iter().max_by(|a, b| rate(a).total_cmp(&rate(b)));
            busiest.filter(|_| producer.topics.is_empty())
        });
        if let Some(topic) = topic {
            prepared.add(case(env, producer, topic));
        }
    }
    if prepared.is_empty() {
        return Prepared::nothing("no known producer writes to a declared topic");
    }
    prepared
}

fn case(env: &Environment, producer: &Producer, topic: &Topic) -> Result<Case, Vec<Need>> {
    let mut facts = Evidence::new();
    let service = env.owner_service(&producer.owner);
    let name = &topic.name.value;
    let rate = facts.need(
        "messages a second",
        producer
            .peak_rate
            .as_ref()
            .or(topic.peak_rate.as_ref())
            .or(service.and_then(|s| s.peak_rate.as_ref())),
        Need::of(&registry::topics::MESSAGES_PER_SECOND, name)
            .because("together with the followers' lag it gives the messages that only the leader has"),
    );
    let kafka = env.kafka_clusters.first();
    let lag = facts.need(
        "followers are behind by",
        kafka.and_then(|k| k.replication_lag.as_ref()),
        Need::one(&registry::kafka::REPLICATION_LAG)
            .because("together with the rate it gives the messages that only the leader has"),
    );
    let brokers = facts.need(
        "brokers",
        kafka.and_then(|k| k.brokers.as_ref()),
        Need::one(&registry::kafka::BROKERS).because("it decides how many partitions one of them leads"),
    );
    let partitions = facts
        .input_or(
            "partitions",
            topic.partitions.as_ref(),
            1,
            "one partition, Kafka's default of num.partitions",
        )
        .max(1);
    let factor = facts.input_or(
        "replication factor",
        topic.replication_factor.as_ref(),
        1,
        "one replica, Kafka's default.replication.factor",
    );
    let in_sync = facts.input_or(
        "min.insync.replicas",
        topic.min_insync_replicas.as_ref(),
        1,
        "min.insync.replicas is 1, Kafka's default",
    );
    let acks = acks(producer, &mut facts);
    let (Some(rate), Some(lag), Some(brokers)) = (rate, lag, brokers) else {
        return Err(facts.needs);
    };
    facts.assume("only a broker that is in sync becomes leader: unclean.leader.election.enable is false, Kafka's default");
    facts.assume("messages are spread evenly over the partitions, and partitions' leaders over the brokers");
    facts.assume(
        "a dead broker is noticed after 9 s (broker.session.timeout.ms), and producers send \
        unacknowledged messages again",
    );
    facts.assume("leaders move back to their preferred brokers at a check every 300 s, Kafka's leader.imbalance.check.interval.seconds, and the next broker dies after it");
    let cluster = ClusterConfig {
        brokers: brokers.max(1),
        partitions,
        replication_factor: factor.clamp(1, brokers.max(1)),
        min_in_sync: in_sync,
        lag,
        acks,
        ..ClusterConfig::default()
    };
    let who = service.map_or("a producer", |service| service.name.as_str());
    let setup = Setup {
        name: format!("{name}, written by {who}"),
        cluster,
        rate: rate.0,
    };
    // Time passes in small ticks from before a death until after it, which with a large lag is always.
    let near = AWAY as f64 + 2.0 * WARM.max(8 * cluster.lag).as_secs_f64();
    let longer = near.min(PATIENT.apart as f64) / (AWAY as f64 + 2.0 * WARM.as_secs_f64());
    let whole = Duration::from_secs(u64::from(cluster.brokers) * PATIENT.apart);
    let behind = lag.min(whole).as_secs_f64() / TICK.as_secs_f64();
    let quantities = [
        Quantity {
            what: "batches that followers are behind (partitions × replication_lag ÷ 5 ms)",
            value: f64::from(partitions) * behind,
            most: limits::IN_A_RUN,
        },
        Quantity {
            what: "partitions to follow for each broker that dies (brokers × partitions, more with a replication_lag above 1 s)",
            value: f64::from(cluster.brokers) * f64::from(partitions) * longer.max(1.0),
            most: limits::LED,
        },
    ];
    let who = format!("topic {name}");
    let case = Case::new(setup.name.clone(), facts, move |streams, _| run(&setup, streams));
    Ok(case.limited(&who, &quantities))
}

/// The acknowledgement for which a producer waits: its setting, otherwise its client's default.
fn acks(producer: &Producer, facts: &mut Evidence) -> Acks {
    if let Some(acks) = &producer.acks {
        let word = match acks.value {
            Acks::None => "0",
            Acks::Leader => "1",
            Acks::All => "all",
        };
        facts.input("acks", &acks.clone().map(|_| word.to_owned()));
        return acks.value;
    }
    let (acks, why) = match producer.client.as_ref().map(|client| client.value) {
        Some(KafkaClient::KafkaPython | KafkaClient::AioKafka) => {
            (Acks::Leader, "acks is 1, the default of the Python client")
        }
        Some(KafkaClient::Sarama) => (Acks::Leader, "acks is 1, Sarama's default"),
        _ => (
            Acks::All,
            "acks is all, the default of the Java client since 3.0 and of librdkafka",
        ),
    };
    facts.assume(why);
    acks
}

/// How brokers die one after the other.
#[derive(Debug, Clone, Copy)]
struct Rolling {
    /// From one death to the next, in seconds.
    apart: u64,
    /// Whether the controller checks in between that leaders are on their preferred brokers.
    checks: bool,
}

/// One after the other with a check in between, which moves leaders back.
const PATIENT: Rolling = Rolling {
    apart: CHECKS + 60,
    checks: true,
};
/// As in a rollout of brokers that does not wait for a check.
const HURRIED: Rolling = Rolling {
    apart: 60,
    checks: false,
};

/// Messages lost in total, after the first death, and time in which a partition could not be written, in
/// seconds.
struct Course {
    lost: Vec<(Time, u64)>,
    first: u64,
    all: u64,
    blocked: f64,
    /// When the first broker dies and when the last is back.
    begins: Time,
    back: Time,
}

/// Broker after broker. Around a death time advances in ticks; in between, when there are only messages, in
/// steps.
fn course(setup: &Setup, config: ClusterConfig, rolling: Rolling, streams: &Streams) -> Option<Course> {
    let mut arrivals = streams.stream(&setup.name, "arrivals");
    let mut chance = streams.stream(&setup.name, "deaths");
    let mut cluster = Cluster::new(config).ok()?;
    // A death happens at any moment of a second.
    let deaths: Vec<Time> = (0..config.brokers)
        .map(|broker| Time::from_secs_f64((u64::from(broker) * rolling.apart) as f64 + DEATH + chance.unit()))
        .collect();
    let away = Duration::from_secs(AWAY);
    let mut course = Course {
        lost: vec![(Time::ZERO, 0)],
        first: 0,
        all: 0,
        blocked: 0.0,
        begins: *deaths.first()?,
        back: *deaths.last()? + away,
    };
    let checks = Duration::from_secs(CHECKS);
    let mut check = Time::ZERO + checks.mul_f64(chance.unit());
    // In a step followers catch up, so that leaders can move without loss.
    let (step, before) = (STEP.max(2 * config.lag), WARM.max(8 * config.lag));
    let close = |now: Time| {
        let near = |death: &Time| now + before >= *death && now <= *death + away + before;
        deaths.iter().any(near)
    };
    let mut waiting = vec![0_u64; config.partitions as usize];
    let end = Time::from_secs_f64((u64::from(config.brokers) * rolling.apart) as f64);
    let (mut now, mut died, mut returned) = (Time::ZERO, 0, 0);
    while now < end {
        let tick = if close(now) { TICK } else { step };
        now = now + tick;
        if deaths.get(died).is_some_and(|death| *death <= now) {
            cluster.stop(died as u32, Stop::Killed, now);
            died += 1;
        }
        if deaths.get(returned).is_some_and(|death| *death + away <= now) {
            cluster.start(returned as u32);
            returned += 1;
        }
        cluster.tick(now);
        if rolling.checks && check <= now && tick == step {
            cluster.prefer();
            check = check + checks;
        }
        let each = setup.rate / f64::from(config.partitions) * tick.as_secs_f64();
        for (number, waiting) in waiting.iter_mut().enumerate() {
            let count = arrivals.poisson(each) + std::mem::take(waiting);
            if count > 0 && cluster.send(number, count, now) != Answer::Taken && config.acks != Acks::None {
                *waiting = count;
            }
        }
        course.blocked += cluster.unwritable() as f64 / f64::from(config.partitions) * tick.as_secs_f64();
        let lost = cluster.counters().lost;
        if lost > course.all {
            course.lost.extend([(now, course.all), (now, lost)]);
            course.all = lost;
        }
        if died == 1 {
            course.first = lost;
        }
    }
    course.lost.push((end, course.all));
    Some(course)
}

fn run(setup: &Setup, streams: &Streams) -> Outcome {
    let mut out = Outcome::default();
    let config = setup.cluster;
    let safe = ClusterConfig {
        acks: Acks::All,
        min_in_sync: 2.min(config.replication_factor),
        ..config
    };
    let one = ClusterConfig {
        leaders: Leaders::OnOne,
        ..config
    };
    let (Some(as_is), Some(hurried), Some(safe), Some(one)) = (
        course(setup, config, PATIENT, streams),
        course(setup, config, HURRIED, streams),
        course(setup, safe, PATIENT, streams),
        course(setup, one, PATIENT, streams),
    ) else {
        return out;
    };
    moments(&mut out, &config, &as_is);
    figures(
        &mut out,
        &Courses {
            as_is: &as_is,
            hurried: &hurried,
            safe: &safe,
            one: &one,
        },
    );
    out.harm = if as_is.all > 0 { 0.05 } else { 0.0 };
    out.series(
        "acknowledged messages lost",
        "as configured",
        "messages",
        as_is.lost.iter().map(|(at, n)| (*at, *n as f64)).collect(),
    );
    out.series(
        "acknowledged messages lost",
        "acks=all, 2 in sync",
        "messages",
        safe.lost.iter().map(|(at, n)| (*at, *n as f64)).collect(),
    );
    out
}

/// What happens when, and why.
fn moments(out: &mut Outcome, config: &ClusterConfig, as_is: &Course) {
    let begins = as_is.begins;
    out.moment(
        begins,
        Role::Trigger,
        "death",
        match config.brokers {
            1 => "the only broker dies".to_owned(),
            n => format!("the first of {n} brokers dies"),
        },
    );
    if config.replication_factor > 1 {
        out.moment(
            begins,
            Role::Effect,
            "no leader",
            "its partitions have no leader until its death is noticed, after 9 s; producers wait and send \
             again",
        );
    } else {
        out.moment(
            begins,
            Role::Cause,
            "no leader",
            "no other broker has its partitions: they cannot be written until it is back, after 30 s",
        );
        out.moment(
            Time::ZERO,
            Role::Action,
            "replicas",
            "three replicas of each partition, on different brokers",
        );
    }
    if let Some((at, lost)) = as_is.lost.iter().find(|(_, lost)| *lost > 0) {
        let why = match config.acks {
            Acks::All => "no replica in sync is left that has them",
            Acks::Leader => "acks=1 acknowledged them when only the leader had them",
            Acks::None => "acks=0 waits for no broker",
        };
        out.moment(
            *at,
            Role::Cause,
            "lost",
            format!(
                "{} {} lost: {why}",
                count(*lost, "acknowledged message"),
                if *lost == 1 { "is" } else { "are" }
            ),
        );
        out.moment(
            Time::ZERO,
            Role::Action,
            "acks",
            "acks=all with min.insync.replicas=2 and three replicas",
        );
    }
    out.moment(as_is.back, Role::Recovery, "all back", "every broker is back");
}

/// The cases that a report compares.
struct Courses<'a> {
    as_is: &'a Course,
    /// Brokers die a minute apart.
    hurried: &'a Course,
    /// With acks=all and two replicas in sync.
    safe: &'a Course,
    /// With one broker that leads every partition.
    one: &'a Course,
}

fn figures(out: &mut Outcome, courses: &Courses<'_>) {
    let Courses {
        as_is,
        hurried,
        safe,
        one,
    } = courses;
    out.amount(
        "acknowledged messages lost with the first broker",
        as_is.first as f64,
        "messages",
    );
    out.amount(
        "acknowledged messages lost when each has died once",
        as_is.all as f64,
        "messages",
    );
    out.amount(
        "… a minute apart, before leaders have moved back",
        hurried.all as f64,
        "messages",
    );
    out.amount(
        "… with the first, if it led every partition",
        one.first as f64,
        "messages",
    );
    out.amount(
        "… when each has died once, acks=all and 2 in sync",
        safe.all as f64,
        "messages",
    );
    out.amount(
        "time without a leader, of a partition on average",
        as_is.blocked,
        "s",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(acks: Acks) -> Setup {
        Setup {
            name: "events".into(),
            cluster: ClusterConfig {
                acks,
                ..ClusterConfig::default()
            },
            rate: 7000.0,
        }
    }

    fn mean(acks: Acks, name: &str) -> f64 {
        let figure = |run_| {
            let out = run(&setup(acks), &Streams::new(1, run_));
            out.figures.iter().find(|f| f.name == name).unwrap().value
        };
        (0..10).map(figure).sum::<f64>() / 10.0
    }

    #[test]
    fn each_of_three_brokers_loses_a_third_of_rate_times_lag() {
        // 7,000 a second × 50 ms = 350, of which one of three brokers leads 117. A tick of 5 ms blurs that by a tenth.
        let first = mean(Acks::Leader, "acknowledged messages lost with the first broker");
        assert!((first - 117.0).abs() < 15.0, "{first}");
        let all = mean(Acks::Leader, "acknowledged messages lost when each has died once");
        assert!((all - 350.0).abs() < 35.0, "{all}");
        // Without moving back: the first leads a third; that goes to the second, which then leads two thirds,
        // of which its own go to the third: 1/3 + 2/3 + 2/3 of 350 = 583.
        let hurried = mean(Acks::Leader, "… a minute apart, before leaders have moved back");
        assert!((hurried - 583.0).abs() < 70.0, "{hurried}");
        let bound = mean(Acks::Leader, "… with the first, if it led every partition");
        assert!((bound - 350.0).abs() < 35.0, "{bound}");
    }

    #[test]
    fn messages_acknowledged_by_two_replicas_are_never_lost() {
        assert_eq!(
            mean(Acks::All, "acknowledged messages lost when each has died once"),
            0.0
        );
        assert_eq!(
            mean(Acks::Leader, "… when each has died once, acks=all and 2 in sync"),
            0.0
        );
    }
}
