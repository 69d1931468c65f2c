//! Server connections that PgBouncer may open.
//!
//! Each replica has a pool for each pair of user and database, of `default_pool_size` connections and
//! `reserve_pool_size` more. `max_db_connections` limits one replica's connections to one database, over all users; 0 is
//! no limit. So in all: `replicas × databases × min(max_db_connections, users × (default_pool_size + reserve_pool_size))`.
//! Source: PgBouncer documentation, *Configuration*.

use crate::defaults::{PGBOUNCER_MAX_DB_CONNECTIONS, PGBOUNCER_POOL_SIZE, PGBOUNCER_RESERVE};
use crate::evidence::Evidence;
use cofferdam_model::database::Pooler;
use cofferdam_model::units::count;

/// The settings of a pooler that limit its server connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Replicas, at least 1.
    pub replicas: u32,
    /// Whether a file or a person states them; otherwise one is counted, the fewest.
    pub replicas_known: bool,
    /// Users that log in; `None` if every lease of a credential is one, without a bound.
    pub users: Option<u32>,
    /// Databases, at least 1.
    pub databases: u32,
    /// `default_pool_size`.
    pub pool: u32,
    /// `reserve_pool_size`.
    pub reserve: u32,
    /// `max_db_connections`; 0 is no limit.
    pub most: u32,
}

impl Limits {
    /// Server connections of one replica to one database, for so many users.
    #[must_use]
    pub fn of_replica(&self, users: u32) -> u64 {
        let by_users = u64::from(users) * (u64::from(self.pool) + u64::from(self.reserve));
        match self.most {
            0 => by_users,
            most => by_users.min(u64::from(most)),
        }
    }

    /// Server connections of all replicas to all databases, for so many users.
    #[must_use]
    pub fn with_users(&self, users: u32) -> u64 {
        self.of_replica(users)
            .saturating_mul(u64::from(self.databases))
            .saturating_mul(u64::from(self.replicas))
    }

    /// Server connections of all replicas at most; `None` if nothing limits them.
    #[must_use]
    pub fn at_most(&self) -> Option<u64> {
        match self.users {
            Some(users) => Some(self.with_users(users)),
            None if self.most == 0 => None,
            None => Some(self.with_users(u32::MAX)),
        }
    }

    /// The largest `max_db_connections` with which all replicas together open at most `limit`; `None` if not even 1 does.
    #[must_use]
    pub fn fits(&self, limit: u64) -> Option<u64> {
        let each = limit / (u64::from(self.replicas) * u64::from(self.databases)).max(1);
        (each > 0).then_some(each)
    }
}

/// The limits of a pooler. Missing settings are PgBouncer's defaults, missing replicas and users are one.
#[must_use]
pub fn limits(pooler: &Pooler, evidence: &mut Evidence) -> Limits {
    evidence.owner(&pooler.owner);
    let replicas = match &pooler.replicas {
        Some(replicas) => evidence.input_as("pooler: replicas", replicas, "replicas of the pooler"),
        None => {
            let why = "one replica of the pooler, because no file says how many run";
            evidence.default_input("pooler: replicas", 1, why)
        }
    };
    let (pool, reserve, most) = sizes(pooler, evidence);
    let databases = pooler.databases.as_ref().map_or(1, |databases| {
        let label = count(databases.value.into(), "database");
        evidence.input_as("pooler: databases", databases, label)
    });
    Limits {
        replicas: replicas.max(1),
        replicas_known: pooler.replicas.is_some(),
        users: users(pooler, evidence),
        databases: databases.max(1),
        pool,
        reserve,
        most,
    }
}

/// `default_pool_size`, `reserve_pool_size` and `max_db_connections`.
fn sizes(pooler: &Pooler, evidence: &mut Evidence) -> (u32, u32, u32) {
    let pool = match &pooler.default_pool_size {
        Some(size) => {
            let label = format!("{} for each user and database", size.value);
            evidence.input_as("pooler: default_pool_size", size, label)
        }
        None => {
            let default = PGBOUNCER_POOL_SIZE;
            evidence.default_input("pooler: default_pool_size", default.value, default.assumption)
        }
    };
    let most = match &pooler.max_db_connections {
        Some(most) => {
            let label = format!("{} for each database, in each replica", most.value);
            evidence.input_as("pooler: max_db_connections", most, label)
        }
        None => {
            let default = PGBOUNCER_MAX_DB_CONNECTIONS;
            evidence.default_input("pooler: max_db_connections", default.value, default.assumption)
        }
    };
    // Where the limit over all users is smaller, the reserve decides nothing.
    let users = pooler.users.as_ref().map_or(1, |users| u64::from(users.value));
    let is_enough = pooler.dynamic_credentials.is_some() || users * u64::from(pool) >= u64::from(most);
    let is_capped = most > 0 && is_enough;
    let name = "pooler: reserve_pool_size";
    let reserve = match &pooler.reserve_pool_size {
        Some(size) => {
            let label = format!("{} in reserve for each pool", size.value);
            evidence.input_as(name, size, label)
        }
        None if is_capped => evidence.plain_input(name, PGBOUNCER_RESERVE.value),
        None => {
            let default = PGBOUNCER_RESERVE;
            evidence.default_input(name, default.value, default.assumption)
        }
    };
    (pool, reserve, most)
}

/// The users that log in; `None` if every lease is one.
fn users(pooler: &Pooler, evidence: &mut Evidence) -> Option<u32> {
    if let Some(dynamic) = &pooler.dynamic_credentials {
        evidence.note(dynamic, "each lease is a separate user");
        return None;
    }
    Some(match &pooler.users {
        Some(users) => {
            let label = count(users.value.into(), "user");
            evidence.input_as("pooler: users", users, label)
        }
        None => evidence.default_input("pooler: users", 1, "one user logs in through the pooler"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Limits = Limits {
        replicas: 3,
        replicas_known: true,
        users: Some(1),
        databases: 1,
        pool: 25,
        reserve: 0,
        most: 100,
    };

    #[test]
    fn three_replicas_with_one_user_open_75_and_with_four_or_more_300() {
        // 3 × 25; 3 × min(100, 4 × 25); 3 × min(100, 400 × 25).
        assert_eq!(THREE.at_most(), Some(75));
        assert_eq!(THREE.with_users(4), 300);
        assert_eq!(THREE.with_users(400), 300);
        let leases = Limits { users: None, ..THREE };
        assert_eq!(leases.at_most(), Some(300));
        assert_eq!(Limits { most: 0, ..leases }.at_most(), None);
        // Two databases, 5 in reserve: 3 × 2 × min(100, 30).
        let two = Limits {
            databases: 2,
            reserve: 5,
            ..THREE
        };
        assert_eq!(two.at_most(), Some(180));
    }

    #[test]
    fn a_limit_is_divided_by_replicas_and_databases_and_never_is_zero_which_would_be_no_limit() {
        assert_eq!(THREE.fits(100), Some(33));
        assert_eq!(
            Limits {
                databases: 4,
                ..THREE
            }
            .fits(100),
            Some(8)
        );
        assert_eq!(THREE.fits(2), None);
    }
}
