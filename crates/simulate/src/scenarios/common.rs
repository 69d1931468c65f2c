//! What several scenarios take from the platform in the same way.

use std::time::Duration;

use cofferdam_model::calls::{CallTarget, TimeoutSetting};
use cofferdam_model::cells::Routing;
use cofferdam_model::scaling::ScalingBehaviour;
use cofferdam_model::workload::Amount;
use cofferdam_model::{Environment, Fact, Service};

use crate::components::autoscaler::behaviour::{Policy, Rules, Select, Step};
use crate::components::autoscaler::{AutoscalerConfig, Target};
use crate::facts::Facts;

/// The routing between cells: the one that knows most of them.
pub(super) fn routing(env: &Environment) -> Option<&Routing> {
    env.routings.iter().max_by_key(|routing| routing.cells.len())
}

/// How many routers there are at least.
pub(super) fn routers(env: &Environment, routing: Option<&Routing>, facts: &mut Facts) -> u32 {
    let service = routing.and_then(|routing| env.owner_service(&routing.owner));
    let replicas = service.and_then(|s| s.scale.current.as_ref().or(s.scale.min.as_ref()));
    facts
        .or(
            "routers",
            replicas,
            1,
            "one router, because nothing says how many there are",
        )
        .max(1)
}

/// Time between health checks of a cell.
pub(super) fn health_interval(routing: Option<&Routing>, facts: &mut Facts) -> Duration {
    facts.or(
        "health check: interval",
        routing.and_then(|r| r.health_interval.as_ref()),
        Duration::from_secs(10),
        "health checks every 10 s, the default of Kubernetes' probes",
    )
}

/// Failed checks in a row that count.
pub(super) fn health_threshold(routing: Option<&Routing>, facts: &mut Facts) -> u32 {
    facts.or(
        "health check: failures in a row",
        routing.and_then(|r| r.health_threshold.as_ref()),
        3,
        "3 failed checks in a row, the default of Kubernetes' probes",
    )
}

/// How long a caller of a cell waits: what a person states of the router's callers, else what its client says.
pub(super) fn patience(env: &Environment, routing: Option<&Routing>, facts: &mut Facts) -> Duration {
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
    facts.or(
        "callers wait",
        stated.or(call),
        Duration::from_secs(60),
        "callers wait 60 s, nginx's default of proxy_read_timeout",
    )
}

/// The autoscaler of a service with one metric whose value the scenario sets: 1,000 is its target.
pub(super) fn autoscaler(env: &Environment, service: &Service) -> Option<AutoscalerConfig> {
    let scaler = service.autoscalers.first().map(|id| &env.autoscalers[id.0])?;
    Some(AutoscalerConfig {
        minimum: scaler.min.as_ref()?.value,
        maximum: scaler.max.as_ref()?.value,
        targets: vec![Target::Value(1000)],
        up: rules(&scaler.up, Rules::up()),
        down: rules(&scaler.down, Rules::down()),
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
