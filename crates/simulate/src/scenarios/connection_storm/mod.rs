//! Load makes the autoscalers add replicas, and each new one opens its connections. The slots run out, and
//! the replicas that should help are those that get none. With a pooler in front, clients wait instead, as
//! long as the pooler and their own pools allow.

mod facts;
mod requests;
mod storm;
mod tell;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cofferdam_formulas::connections::{self, Slots};
use cofferdam_formulas::pooler::Limits;
use cofferdam_model::Environment;
use cofferdam_model::database::{Engine, Pool};
use cofferdam_model::overlay::Overlay;
use cofferdam_model::{DatabaseId, ServiceId};
use cofferdam_policy::Time;

use super::{Prepared, Scenario};
use crate::components::autoscaler::AutoscalerConfig;
use crate::components::pgbouncer::PgBouncerConfig;
use crate::components::postgres::Costs;

/// The scenario.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "connection-storm",
    title: "load brings every service to full scale, and each replica opens its connections",
    text: include_str!("../../../../../docs/scenarios/connection-storm.md"),
    rules: &[
        "database-connection-exhaustion",
        "database-no-pooler",
        "pooler-overcommit",
        "database-pool-unbounded",
    ],
    prepare,
};

/// When the load arrives, and how long the scenario runs.
const LOAD: Time = Time::from_nanos(60_000_000_000);
const END: Time = Time::from_nanos(600_000_000_000);
/// A client whose connection was refused tries again after about this long.
const AGAIN: f64 = 1.0;
/// Mean time from one connection of a replica to its next, in addition to the server's time: the round trips
/// for TCP, TLS and the log-in.
const SET_UP: f64 = 0.02;
/// Requests are followed for this long at most, from full scale on.
const FOLLOWED: f64 = 120.0;
/// The maximum number of followed requests, so that a run stays short.
const REQUESTS: f64 = 600_000.0;

/// One service's part.
#[derive(Debug, Clone)]
struct Part {
    id: ServiceId,
    /// Its name.
    service: String,
    /// Connections that one replica opens.
    each: u32,
    /// Whether it opens them to the pooler, not to the server.
    pooled: bool,
    surge: u32,
    start_up: Duration,
    scaler: AutoscalerConfig,
    /// Its requests, if it is known how long they hold a connection.
    flow: Option<Flow>,
}

/// The requests of a service.
#[derive(Debug, Clone, Copy)]
struct Flow {
    /// A second, all replicas together.
    rate: f64,
    /// How long one holds a connection on average.
    hold: Duration,
    /// How long one waits for a connection of its replica's own pool; `None` means forever.
    patience: Option<Duration>,
    /// Whether its pool uses the connection first that was used last, not the one that has been idle longest.
    last_first: bool,
}

/// A pooler between services and server.
#[derive(Debug, Clone)]
struct Between {
    /// What limits its connections to the server. Without a number of users, every replica of a service is one.
    limits: Limits,
    config: PgBouncerConfig,
}

impl Between {
    /// Clients that all replicas of the pooler accept together.
    fn clients(&self) -> u32 {
        self.config.max_client_conn.saturating_mul(self.limits.replicas)
    }

    /// Server connections that it may open for this many replicas of services.
    fn server_connections(&self, replicas: u32) -> u32 {
        let most = self.limits.at_most().unwrap_or_else(|| {
            // Each replica is a user, and it opens a connection only for a client that waits.
            (self.limits.with_users(replicas)).min(u64::from(self.clients()))
        });
        u32::try_from(most).unwrap_or(u32::MAX)
    }
}

/// The limit that ran out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Full {
    /// The server's slots.
    Server,
    /// Clients of the pooler.
    Pooler,
}

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    parts: Vec<Part>,
    slots: Slots,
    costs: Costs,
    between: Option<Between>,
    /// The server's error for a client that gets no connection.
    refusal: &'static str,
    /// The lowest declared limit, and its reason.
    stated: Option<(u32, String)>,
}

impl Setup {
    /// Connections that the services want at full scale, those to the pooler if `pooled`.
    fn wanted_by(&self, pooled: bool) -> u32 {
        let parts = self.parts.iter().filter(|part| part.pooled == pooled);
        parts
            .map(|part| part.each.saturating_mul(part.scaler.maximum))
            .fold(0, u32::saturating_add)
    }

    fn wanted(&self) -> u32 {
        self.wanted_by(false).saturating_add(self.wanted_by(true))
    }

    /// Slots of the server.
    fn slots(&self) -> u32 {
        self.slots.free()
    }

    /// Whether a service connects to the server itself.
    fn is_direct(&self) -> bool {
        self.parts.iter().any(|part| !part.pooled)
    }

    /// Connections that services can have: the server's slots, the pooler's clients, or both.
    fn there_are(&self) -> u32 {
        let slots = if self.is_direct() { self.slots() } else { 0 };
        let clients = self.between.as_ref().map_or(0, Between::clients);
        slots.saturating_add(clients)
    }

    fn flows(&self) -> impl Iterator<Item = Flow> {
        self.parts.iter().filter_map(|part| part.flow)
    }

    /// Requests of all services a second.
    fn rate(&self) -> f64 {
        self.flows().map(|flow| flow.rate).sum()
    }

    /// How long requests are followed.
    fn followed(&self) -> Duration {
        Duration::from_secs_f64((REQUESTS / self.rate().max(1e-9)).min(FOLLOWED))
    }
}

fn prepare(env: &Environment, _: &Overlay) -> Prepared {
    let mut prepared = Prepared::default();
    for (number, database) in env.databases.iter().enumerate() {
        let pools: Vec<&Pool> = connections::pools_of(env, DatabaseId(number)).collect();
        if !pools.is_empty()
            && database
                .engine
                .as_ref()
                .is_none_or(|e| e.value != Engine::SqlServer)
        {
            for case in facts::cases(env, database, &pools) {
                prepared.add(case);
            }
        }
    }
    if prepared.is_empty() {
        return Prepared::nothing("no known connection pool reaches a declared database");
    }
    prepared
}
