//! Evidence that several scenarios take from the platform in the same way.

use std::time::Duration;

use cofferdam_model::calls::{Breaker, CallTarget, TimeoutSetting};
use cofferdam_model::cells::Routing;
use cofferdam_model::kafka::{CommitOrder, Consumer, KafkaClient};
use cofferdam_model::scaling::ScalingBehaviour;
use cofferdam_model::workload::Amount;
use cofferdam_model::{Environment, Fact, Service, Source, registry};

use cofferdam_policy::breaker::BreakerConfig;
use cofferdam_policy::window::WindowConfig;

use super::{Case, Prepared};
use crate::components::autoscaler::behaviour::{Policy, Rules, Select, Step};
use crate::components::autoscaler::{AutoscalerConfig, Pace, Target};
use crate::components::cells::Checks;
use crate::components::kafka::group::GroupConfig;
use crate::limits::{self, Quantity};
use cofferdam_formulas::{Evidence, Need, Shown, members};

/// The name of a policy with the parts that it numbers, for traces: `traffic shift (0 us-east, 1 us-west)`.
pub(super) fn listed<'n>(policy: &str, parts: impl Iterator<Item = &'n str>) -> String {
    let parts: Vec<String> = parts
        .enumerate()
        .map(|(number, part)| format!("{number} {part}"))
        .collect();
    format!("{policy} ({})", parts.join(", "))
}

/// The routing between cells: the one that knows most of them.
pub(super) fn routing(env: &Environment) -> Option<&Routing> {
    env.routings.iter().max_by_key(|routing| routing.cells.len())
}

/// The minimum number of routers.
pub(super) fn routers(env: &Environment, routing: Option<&Routing>, facts: &mut Evidence) -> u32 {
    let service = routing.and_then(|routing| env.owner_service(&routing.owner));
    let replicas = service.and_then(|s| s.scale.current.as_ref().or(s.scale.min.as_ref()));
    facts
        .input_or(
            "routers",
            replicas,
            1,
            "one router, because no file declares how many there are",
        )
        .max(1)
}

/// Time between health checks of a cell.
pub(super) fn health_interval(routing: Option<&Routing>, facts: &mut Evidence) -> Duration {
    facts.input_or(
        "health check: interval",
        routing.and_then(|r| r.health_interval.as_ref()),
        Duration::from_secs(10),
        "health checks every 10 s, the default of Kubernetes' probes",
    )
}

/// Failed checks in a row that count.
pub(super) fn health_threshold(routing: Option<&Routing>, facts: &mut Evidence) -> u32 {
    facts.input_or(
        "health check: failures in a row",
        routing.and_then(|r| r.health_threshold.as_ref()),
        3,
        "3 failed checks in a row, the default of Kubernetes' probes",
    )
}

/// How a router checks its cells.
pub(super) fn checks(routing: Option<&Routing>, facts: &mut Evidence) -> Checks {
    Checks {
        interval: health_interval(routing, facts),
        failures: health_threshold(routing, facts),
        successes: facts.input_or(
            "health check: successes in a row",
            routing.and_then(|r| r.healthy_threshold.as_ref()),
            1,
            "1 passed check makes a cell healthy again, the default of Kubernetes' probes",
        ),
    }
}

/// How long a caller of a cell waits: the declared timeout of the router's callers, otherwise that of its
/// client.
pub(super) fn patience(env: &Environment, routing: Option<&Routing>, facts: &mut Evidence) -> Duration {
    let service = routing.and_then(|routing| env.owner_service(&routing.owner));
    let call = env
        .calls
        .iter()
        .filter(|call| call.target == CallTarget::Service)
        .find_map(|call| {
            let own = env.owner_service(&call.owner).map(|s| &s.name);
            match &call.timeout {
                TimeoutSetting::After(after) if own.is_some() && own == service.map(|s| &s.name) => {
                    Some(after)
                }
                _ => None,
            }
        });
    let stated: Option<&Fact<Duration>> = service.and_then(|s| s.callers.timeout.as_ref());
    facts.input_or(
        "callers wait",
        stated.or(call),
        Duration::from_secs(60),
        "callers wait 60 s, nginx's default of proxy_read_timeout",
    )
}

/// Whether a declared breaker contains when it opens, and its other known settings are used.
pub(super) fn can_open(declared: &Breaker) -> bool {
    let opens = declared.failure_rate.is_some() || declared.consecutive_failures.is_some();
    opens && declared.used.as_ref().is_none_or(|used| used.value)
}

/// A declared breaker as a policy; missing settings are those of `base`. `None` if such a breaker is
/// impossible.
pub(super) fn breaker(
    declared: &Breaker,
    base: BreakerConfig,
    facts: &mut Evidence,
) -> Option<BreakerConfig> {
    let mut config = BreakerConfig {
        failure_share: None,
        consecutive_failures: None,
        ..base
    };
    if let Some(share) = &declared.failure_rate {
        config.failure_share = Some(facts.input("breaker opens at", share).0);
    }
    if let Some(failures) = &declared.consecutive_failures {
        config.consecutive_failures = Some(facts.input("breaker opens after failures in a row", failures));
    }
    if let Some(minimum) = &declared.minimum_calls {
        config.minimum_calls = facts.input("breaker: minimum calls", minimum);
    }
    if let Some(window) = &declared.window {
        config.window = WindowConfig::Time {
            length: facts.input("breaker: window", window),
            slices: 60,
        };
    }
    if let Some(open) = &declared.open_time {
        config.open_time = facts.input("breaker: open time", open);
        (config.open_time_cap, config.open_growth) = (config.open_time, 1.0);
    }
    if let Some(probes) = &declared.half_open_calls {
        config.probes = facts
            .input("breaker: half-open calls", probes)
            .clamp(1, BreakerConfig::MOST_PROBES);
        // More than half of them must succeed, as the breaker opens at half.
        config.success_threshold = config.probes / 2 + 1;
    }
    assume_breaker(declared, &config, facts);
    match config.check() {
        Ok(()) => Some(config),
        Err(error) => {
            facts.assume(format!(
                "the declared breaker `{}` is left out: {error}",
                declared.name
            ));
            None
        }
    }
}

/// Names the settings of a breaker that no file declares.
fn assume_breaker(declared: &Breaker, config: &BreakerConfig, facts: &mut Evidence) {
    let mut used = Vec::new();
    if declared.minimum_calls.is_none() && config.failure_share.is_some() {
        used.push(format!("it judges at least {} calls", config.minimum_calls));
    }
    if declared.window.is_none() && config.failure_share.is_some() {
        used.push(match config.window {
            WindowConfig::Calls(calls) => format!("its window is the last {calls} calls"),
            WindowConfig::Time { length, .. } => format!("its window is {}", length.shown()),
        });
    }
    if declared.open_time.is_none() {
        used.push(format!("it is open for {} at first", config.open_time.shown()));
    }
    if declared.half_open_calls.is_none() {
        let (probes, needed) = (config.probes, config.success_threshold);
        used.push(format!("{needed} of {probes} probes close it"));
    }
    if !used.is_empty() {
        facts.assume(format!(
            "settings that the breaker `{}` does not declare: {}",
            declared.name,
            used.join(", ")
        ));
    }
}

/// How long it takes until a new replica of a service is ready.
pub(super) fn start_up(service: &Service, name: impl Into<String>, facts: &mut Evidence) -> Duration {
    facts.input_or(
        name,
        service.start_up_time.as_ref(),
        Duration::ZERO,
        format!(
            "a new replica of {0} is ready at once: `services.{0}.start_up_time` is not declared",
            service.name
        ),
    )
}

/// Names that a replica of a service is one process, unless a file declares how many it runs.
pub(super) fn assume_processes(service: &Service, facts: &mut Evidence) {
    if service.processes.is_none() {
        facts.assume(format!(
            "each replica of {} is one process, because no file declares how many",
            service.name
        ));
    }
}

/// What an autoscaler does that no file declares.
pub(super) fn assume_autoscaler(facts: &mut Evidence) {
    facts.assume(
        "an autoscaler decides every 15 s and ignores changes below a tenth; rates and windows that its behavior does \
         not declare are those of Kubernetes: the defaults of its controller",
    );
}

/// The autoscaler of a service with one metric whose value the scenario sets: 1,000 is its target.
pub(super) fn autoscaler(env: &Environment, service: &Service) -> Option<AutoscalerConfig> {
    let scaler = service.autoscalers.first().map(|id| &env.autoscalers[id.0])?;
    // What a person states is what runs, as it is for all rules.
    let stated = |fact: &Option<Fact<u32>>| {
        let fact = fact
            .as_ref()
            .filter(|fact| matches!(fact.source, Source::Stated(_)));
        fact.map(|fact| fact.value)
    };
    let maximum = stated(&service.scale.max).unwrap_or(scaler.most()?.value);
    let minimum = stated(&service.scale.min).unwrap_or(scaler.min.as_ref()?.value);
    Some(AutoscalerConfig {
        minimum: minimum.min(maximum),
        maximum,
        targets: vec![Target::Value(1000)],
        pace: if scaler.says_how_fast() {
            Pace::Rules {
                up: rules(&scaler.up, Rules::up()),
                down: rules(&scaler.down, Rules::down()),
            }
        } else {
            Pace::Plain
        },
        ..AutoscalerConfig::default()
    })
}

fn rules(declared: &ScalingBehaviour, default: Rules) -> Rules {
    let policies: Vec<Policy> = declared
        .policies
        .iter()
        .map(|policy| Policy {
            step: match policy.amount.value {
                Amount::Count(pods) => Step::Pods(pods),
                Amount::Percent(percent) => Step::Percent(percent.round().clamp(0.0, 1e6) as u32),
            },
            period: policy.period.value,
        })
        .collect();
    Rules {
        stabilization: declared
            .stabilization
            .as_ref()
            .map_or(default.stabilization, |window| window.value),
        policies: if policies.is_empty() {
            default.policies
        } else {
            policies
        },
        select: match declared.select.as_ref().map(|select| select.value.as_str()) {
            Some("Min") => Select::Min,
            Some("Disabled") => Select::Disabled,
            _ => Select::Max,
        },
    }
}

/// A consumer group as its facts describe it.
#[derive(Debug, Clone)]
pub(super) struct GroupFacts {
    /// Its name in reports.
    pub(super) name: String,
    /// Minimum and maximum number of members.
    pub(super) least: u32,
    pub(super) most: u32,
    /// All settings except the memory.
    pub(super) group: GroupConfig,
}

/// Messages a second of all topics of a group at peak; a need if they are not known.
fn rate(
    env: &Environment,
    consumer: &Consumer,
    service: &Service,
    facts: &mut Evidence,
) -> Option<cofferdam_model::Rate> {
    let topics: Vec<_> = consumer.topic_ids.iter().map(|id| &env.topics[id.0]).collect();
    if let [_, _, ..] = topics.as_slice()
        && topics.iter().all(|topic| topic.peak_rate.is_some())
    {
        let rates = topics.iter().filter_map(|topic| {
            let name = format!("messages a second of {}", topic.name.value);
            Some(facts.input(name, topic.peak_rate.as_ref()?).0)
        });
        return Some(cofferdam_model::Rate(rates.sum()));
    }
    let (of_topic, ask) = match topics.as_slice() {
        [one] => (
            one.peak_rate.as_ref(),
            Need::of(&registry::topics::MESSAGES_PER_SECOND, &one.name.value),
        ),
        _ => (
            None,
            Need::of(&registry::services::REQUESTS_PER_SECOND, &service.name),
        ),
    };
    facts.need(
        "messages a second",
        of_topic.or(service.peak_rate.as_ref()),
        ask.because("it decides how fast a lag grows"),
    )
}

/// The group of a consumer; `None` if the partitions of its topics are not declared.
pub(super) fn group(
    env: &Environment,
    consumer: &Consumer,
    service: &Service,
    facts: &mut Evidence,
) -> Option<Result<GroupFacts, Vec<Need>>> {
    let mut topics = consumer.topic_ids.iter().map(|id| &env.topics[id.0]);
    if !topics.any(|topic| topic.partitions.is_some()) {
        return None;
    }
    let partitions = members::partitions(consumer, env, facts);
    let rate = rate(env, consumer, service, facts);
    let time = facts.need(
        "time for a message",
        consumer.time_per_record.as_ref(),
        Need::of(&registry::services::TIME_PER_MESSAGE, &service.name)
            .because("it decides how many messages a member can process"),
    );
    let threads = members::threads(consumer, facts);
    let per_replica = members::per_replica(consumer, service, facts);
    if consumer.workers.is_empty() {
        facts.assume("a consumer works on one message at a time: no threads are declared");
    }
    assume_processes(service, facts);
    let most = facts.input_or(
        "replicas at most",
        service.scale.max.as_ref().or(service.scale.current.as_ref()),
        1,
        "one replica, because no file declares how many there are",
    );
    let least = facts.input_or(
        "replicas at least",
        service.scale.min.as_ref(),
        1,
        "one replica at least, because no file declares a minimum",
    );
    let least = least.min(most);
    let assignor = members::assignor(consumer, facts);
    let client = consumer.client.as_ref().map_or(KafkaClient::Java, |c| c.value);
    if consumer.client.is_none() {
        facts.assume(
            "the consumer's client has the defaults of Kafka's Java client: no file says which one it is",
        );
    }
    if consumer.instance_id.is_none() {
        facts.assume("members are not static: group.instance.id is not set, Kafka's default");
    }
    if consumer.commit_order.is_none() {
        facts.assume("a message is read again if its member dies before its work is done: no file says that offsets are committed earlier");
    }
    let default = client.session_timeout();
    let session = facts.input_or(
        "session timeout",
        consumer.session_timeout.as_ref(),
        default,
        match default.as_secs() {
            45 => "session.timeout.ms is 45 s, Kafka's default since 3.0".to_owned(),
            seconds => format!(
                "session.timeout.ms is {seconds} s, the default of {}",
                client.name()
            ),
        },
    );
    let heartbeat = facts.input_or(
        "heartbeat",
        consumer.heartbeat.as_ref(),
        Duration::from_secs(3),
        "heartbeat.interval.ms is 3 s, Kafka's default",
    );
    let start_up = facts.input_or(
        "a member joins after",
        service.start_up_time.as_ref(),
        Duration::from_secs(10),
        "a member has started after 10 s, because no file declares how long it takes",
    );
    let (Some(partitions), Some(rate), Some(time)) = (partitions, rate, time) else {
        return Some(Err(std::mem::take(&mut facts.needs)));
    };
    let name = consumer.group.as_ref().map_or_else(
        || format!("consumer group of {}", service.name),
        |group| format!("consumer group {}", group.value),
    );
    let members = |replicas: u32| replicas.saturating_mul(per_replica).max(1);
    Some(Ok(GroupFacts {
        name,
        least: members(least),
        most: members(most),
        group: GroupConfig {
            topics: partitions.topics.iter().map(|(_, n)| (*n).max(1)).collect(),
            assignor,
            session,
            heartbeat,
            statics: consumer.instance_id.is_some(),
            rate: rate.0,
            each: f64::from(threads) / time.as_secs_f64().max(1e-6),
            memory: None,
            comes_again: consumer
                .commit_order
                .as_ref()
                .is_none_or(|order| order.value == CommitOrder::AfterWork),
            start_up,
        },
    }))
}

/// The number of members that keeps each below 70 % of its capacity, within the possible range.
pub(super) fn members_for_load(facts: &GroupFacts) -> u32 {
    let wanted = (facts.group.rate / (0.7 * facts.group.each)).ceil().max(1.0);
    (wanted as u32).clamp(facts.least, facts.most)
}

/// The members of a group, each of which has its own state.
pub(super) fn many_members(count: u32) -> Quantity {
    Quantity {
        what: "members (replicas × consumers of each)",
        value: f64::from(count),
        most: limits::MEMBERS,
    }
}

/// The case of a consumer, its needs, or nothing if it does not apply.
type CaseOf = fn(&Environment, &Consumer) -> Option<Result<Case, Vec<Need>>>;

/// A case for each consumer of a topic whose partitions are declared.
pub(super) fn each_consumer(env: &Environment, case: CaseOf) -> Prepared {
    let mut prepared = Prepared::default();
    for case in env.consumers.iter().filter_map(|consumer| case(env, consumer)) {
        prepared.add(case);
    }
    if prepared.is_empty() {
        return Prepared::nothing("no consumer of a topic whose partitions are declared is known");
    }
    prepared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::autoscaler::replicas::{Phase, Pod};
    use crate::components::autoscaler::{Autoscaler, SYNC};
    use cofferdam_formulas::climb::climb;
    use cofferdam_model::scaling::ScalingPolicy;
    use cofferdam_model::{FileId, Span};
    use cofferdam_policy::Time;
    use proptest::prelude::*;

    fn fact<T>(value: T) -> Fact<T> {
        Fact::declared(value, Span::new(FileId(0), 1, 2))
    }

    /// Replicas after each change, with pods that are ready at once and a load that begins just after time zero.
    fn simulated(least: u32, most: u32, pace: Pace) -> Vec<(u64, u32)> {
        let mut scaler = Autoscaler::new(AutoscalerConfig {
            minimum: least,
            maximum: most,
            targets: vec![Target::Value(1000)],
            pace,
            ..AutoscalerConfig::default()
        });
        let (mut course, mut now) = (vec![(0, least)], Time::ZERO);
        let mut replicas = least;
        while now <= Time::ZERO + Duration::from_secs(3600) {
            let pod = Pod {
                phase: Phase::Running,
                ready: true,
                started: Time::ZERO,
                ready_since: Time::ZERO,
                request: 1000,
                sample: None,
            };
            let value = if now == Time::ZERO { 1000 } else { 1_000_000 };
            let pods = vec![pod; replicas as usize];
            let decided = scaler.sync(now, replicas, &pods, &[Some(value)]).replicas;
            if decided != replicas {
                replicas = decided;
                course.push((now.as_nanos() / 1_000_000_000, replicas));
            }
            now = now + SYNC;
        }
        course
    }

    fn behaviours() -> impl Strategy<Value = Option<ScalingBehaviour>> {
        let amount = prop_oneof![
            (1u32..20).prop_map(Amount::Count),
            (1u32..300).prop_map(|percent| Amount::Percent(f64::from(percent))),
        ];
        let policy = (amount, 1u64..180).prop_map(|(amount, period)| ScalingPolicy {
            amount: fact(amount),
            period: fact(Duration::from_secs(period)),
        });
        let select = prop::option::of(prop::sample::select(vec!["Max", "Min", "Disabled"]));
        let behaviour = (
            prop::option::of(0u64..300),
            prop::collection::vec(policy, 0..3),
            select,
        );
        prop::option::of(behaviour.prop_map(|(window, policies, select)| ScalingBehaviour {
            stabilization: window.map(|window| fact(Duration::from_secs(window))),
            policies,
            select: select.map(|select| fact(select.to_owned())),
            span: Some(Span::new(FileId(0), 1, 2)),
        }))
    }

    #[test]
    fn replicas_that_a_person_states_are_those_of_the_autoscaler() {
        use cofferdam_model::workload::Completeness;
        use cofferdam_model::{AutoscalerId, Owner, Parts};
        let span = Span::new(FileId(0), 1, 2);
        let scaler = cofferdam_model::scaling::Autoscaler {
            name: "api".to_owned(),
            format: "HorizontalPodAutoscaler".to_owned(),
            span,
            completeness: Completeness::Whole,
            target: None,
            workload: None,
            owner: Owner::default(),
            min: Some(fact(2)),
            max: Some(fact(50)),
            limit: None,
            metrics: Vec::new(),
            up: ScalingBehaviour::default(),
            down: ScalingBehaviour::default(),
        };
        let env = Environment {
            parts: Parts {
                autoscalers: vec![scaler],
                ..Parts::default()
            },
            ..Environment::default()
        };
        let mut service = Service {
            autoscalers: vec![AutoscalerId(0)],
            ..Service::default()
        };
        let limits =
            |service: &Service| autoscaler(&env, service).map(|config| (config.minimum, config.maximum));
        assert_eq!(limits(&service), Some((2, 50)));
        service.scale.max = Some(Fact::stated(1, span));
        assert_eq!(limits(&service), Some((1, 1)));
        service.scale.max = Some(Fact::stated(60, span));
        service.scale.min = Some(Fact::stated(5, span));
        assert_eq!(limits(&service), Some((5, 60)));
    }

    proptest! {
        #[test]
        fn the_formula_climbs_as_the_autoscaler_does(
            least in 1u32..10,
            more in 0u32..90,
            up in behaviours(),
        ) {
            let pace = match &up {
                Some(up) => Pace::Rules { up: rules(up, Rules::up()), down: Rules::down() },
                None => Pace::Plain,
            };
            let most = least + more;
            prop_assert_eq!(climb(least, most, up.as_ref()), simulated(least, most, pace));
        }
    }
}
