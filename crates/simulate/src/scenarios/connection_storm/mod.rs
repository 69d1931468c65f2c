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

use cofferdam_model::Environment;
use cofferdam_model::database::{Engine, Pool, PoolTarget};
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
    replicas: u32,
    /// Users; `None` if every replica of a service has its own.
    users: Option<u32>,
    config: PgBouncerConfig,
}

impl Between {
    /// Clients that all replicas of the pooler accept together.
    fn clients(&self) -> u32 {
        self.config.max_client_conn.saturating_mul(self.replicas)
    }

    /// Server connections that it may open for this many replicas of services.
    fn server_connections(&self, replicas: u32) -> u32 {
        // The connections of a replica go to all replicas of the pooler; in each it is a separate user or
        // shares one.
        let users = self.users.unwrap_or(replicas);
        let pool = self
            .config
            .default_pool_size
            .saturating_add(self.config.reserve_pool_size);
        let one = users.saturating_mul(pool);
        let most = self.config.max_db_connections;
        let one = if most == 0 { one } else { one.min(most) };
        // It opens one only for a client that waits.
        one.min(self.config.max_client_conn).saturating_mul(self.replicas)
    }
}

/// What one run needs.
#[derive(Debug, Clone)]
struct Setup {
    parts: Vec<Part>,
    limit: u32,
    reserved: u32,
    costs: Costs,
    between: Option<Between>,
    /// The error for a client that gets no connection.
    refusal: &'static str,
    /// The lowest declared limit, and its reason.
    stated: Option<(u32, String)>,
}

impl Setup {
    fn wanted(&self) -> u32 {
        self.parts
            .iter()
            .map(|part| part.each.saturating_mul(part.scaler.maximum))
            .fold(0, u32::saturating_add)
    }

    /// Slots of the server.
    fn slots(&self) -> u32 {
        self.limit.saturating_sub(self.reserved)
    }

    /// Connections that services can have: the server's slots, or the pooler's clients.
    fn there_are(&self) -> u32 {
        self.between
            .as_ref()
            .map_or_else(|| self.slots(), Between::clients)
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
        let pools: Vec<&Pool> = env
            .pools
            .iter()
            .filter(|pool| pool.target == PoolTarget::Sql && pool.database == Some(DatabaseId(number)))
            .collect();
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
