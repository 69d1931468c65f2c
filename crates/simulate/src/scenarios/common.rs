//! Evidence that several scenarios take from the platform in the same way.

use std::time::Duration;

use cofferdam_model::calls::{Breaker, CallTarget, TimeoutSetting};
use cofferdam_model::cells::Routing;
use cofferdam_model::kafka::{Assignor, CommitOrder, Consumer, KafkaClient};
use cofferdam_model::registry;
use cofferdam_model::scaling::ScalingBehaviour;
use cofferdam_model::workload::Amount;
use cofferdam_model::{Environment, Fact, Service};

use cofferdam_policy::breaker::BreakerConfig;
use cofferdam_policy::window::WindowConfig;

use super::{Case, Prepared};
use crate::components::autoscaler::behaviour::{Policy, Rules, Select, Step};
use crate::components::autoscaler::{AutoscalerConfig, Pace, Target};
use crate::components::cells::Checks;
use crate::components::kafka::group::GroupConfig;
use crate::limits::{self, Quantity};
use cofferdam_formulas::{Evidence, Need};

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

/// The autoscaler of a service with one metric whose value the scenario sets: 1,000 is its target.
pub(super) fn autoscaler(env: &Environment, service: &Service) -> Option<AutoscalerConfig> {
    let scaler = service.autoscalers.first().map(|id| &env.autoscalers[id.0])?;
    Some(AutoscalerConfig {
        minimum: scaler.min.as_ref()?.value,
        maximum: scaler.most()?.value,
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

/// The group of a consumer; `None` if its topic's partitions are not declared.
pub(super) fn group(
    env: &Environment,
    consumer: &Consumer,
    service: &Service,
    facts: &mut Evidence,
) -> Option<Result<GroupFacts, Vec<Need>>> {
    let topics: Vec<_> = consumer.topic_ids.iter().map(|id| &env.topics[id.0]).collect();
    // With several topics, the one with most partitions: the range assignor assigns each separately.
    let topic = topics
        .iter()
        .filter(|topic| topic.partitions.is_some())
        .max_by_key(|t| t.partitions.as_ref().map(|p| p.value))?;
    let partitions = facts
        .input(
            format!("partitions of {}", topic.name.value),
            topic.partitions.as_ref()?,
        )
        .max(1);
    let rate = facts.need(
        "messages a second",
        topic.peak_rate.as_ref().or(service.peak_rate.as_ref()),
        Need::of(&registry::topics::MESSAGES_PER_SECOND, &topic.name.value)
            .because("it decides how fast a lag grows"),
    );
    let time = facts.need(
        "time for a message",
        consumer.time_per_record.as_ref(),
        Need::of(&registry::services::TIME_PER_MESSAGE, &service.name)
            .because("it decides how many messages a member can process"),
    );
    let workers = consumer.workers.iter().max_by_key(|worker| worker.count.value);
    let threads = workers
        .map_or(1, |worker| {
            facts.input(format!("threads that work (`{}`)", worker.name), &worker.count)
        })
        .max(1);
    let builds =
        workers.is_some_and(|worker| worker.builds_consumer.as_ref().is_some_and(|builds| builds.value));
    let of_process = consumer
        .consumers_per_process
        .as_ref()
        .map_or(if builds { threads } else { 1 }, |n| n.value);
    let processes = service.processes.as_ref().map_or(1, |n| n.value);
    let per_replica = processes.saturating_mul(of_process);
    let most = facts.input_or(
        "replicas at most",
        service.scale.max.as_ref().or(service.scale.current.as_ref()),
        1,
        "one replica, because no file declares how many there are",
    );
    let least = service.scale.min.as_ref().map_or(1, |min| min.value).min(most);
    let assignor = assignor(consumer, facts);
    let client = consumer.client.as_ref().map_or(KafkaClient::Java, |c| c.value);
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
    let (Some(rate), Some(time)) = (rate, time) else {
        return Some(Err(std::mem::take(&mut facts.needs)));
    };
    let busy = if builds { 1 } else { threads };
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
            partitions,
            assignor,
            session,
            heartbeat,
            statics: consumer.instance_id.is_some(),
            rate: rate.0,
            each: f64::from(busy) / time.as_secs_f64().max(1e-6),
            memory: None,
            comes_again: consumer
                .commit_order
                .as_ref()
                .is_none_or(|order| order.value == CommitOrder::AfterWork),
            start_up,
        },
    }))
}

/// The group's assignor; of several, the first.
fn assignor(consumer: &Consumer, facts: &mut Evidence) -> Assignor {
    match consumer.assignors.first() {
        Some(first) => {
            facts.input("assignor", &first.clone().map(|assignor| format!("{assignor:?}")));
            first.value
        }
        None => {
            facts.assume(
                "the assignor is range, or another eager one, as is the default of every common client",
            );
            Assignor::Range
        }
    }
}

/// The number of members that keeps each below 70 % of its capacity, within the possible range.
pub(super) fn members_for_load(facts: &GroupFacts) -> u32 {
    let wanted = (facts.group.rate / (0.7 * facts.group.each)).ceil().max(1.0);
    (wanted as u32).clamp(facts.least, facts.most)
}

/// The members of a group, each of which has its own state.
pub(super) fn members(count: u32) -> Quantity {
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
