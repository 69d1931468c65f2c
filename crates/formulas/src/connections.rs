//! Connections to a database: how many its services and poolers may open, and how many it has.
//!
//! - A service opens `replicas × processes × (pool size + overflow)`, over all its pools. While a rollout overlaps old
//!   and new pods, its surge counts as well. What a person states (`connections_per_pod`) is for all pools of a replica.
//! - A pooler opens as many as its own limits allow ([`crate::pooler`]), and no more than its clients open to it.
//! - A server has `max_connections` less those reserved. Source: PostgreSQL documentation, *Connections and
//!   Authentication*; Amazon RDS User Guide; MySQL Reference Manual, *Too many connections*.

use crate::defaults::{Default, MYSQL_RESERVED, POSTGRESQL_RESERVED, RDS_RESERVED, SQL_SERVER_RESERVED};
use crate::evidence::{Evidence, Need};
use cofferdam_model::database::{Database, Engine, Pool, PoolTarget, Reached};
use cofferdam_model::registry::{databases, services};
use cofferdam_model::units::count;
use cofferdam_model::{DatabaseId, Environment, Fact, Service, ServiceId};
use std::collections::{BTreeMap, BTreeSet};

/// One service's connections by one way: to the server, or to one pooler.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Service.
    pub id: ServiceId,
    /// Its name; two of one name in two deployments are two.
    pub service: String,
    /// Index of the pooler that they go through, in [`cofferdam_model::Parts::poolers`].
    pub pooler: Option<usize>,
    /// Connections of one replica at most: processes × (pool + overflow), over all its pools.
    pub each: u32,
    /// Processes of a replica that have pools of their own, at least 1.
    pub processes: u32,
    /// Whether a person states the sum of a replica, so that it is not known how processes share it.
    pub is_stated: bool,
    /// Fewest replicas.
    pub least: u32,
    /// Most replicas.
    pub most: u32,
    /// Additional replicas during a rollout.
    pub surge: u32,
}

impl Share {
    /// Connections at full scale.
    #[must_use]
    pub fn full(&self) -> u64 {
        u64::from(self.each) * u64::from(self.most)
    }

    /// Connections at full scale while old and new pods of a rollout overlap.
    #[must_use]
    pub fn in_rollout(&self) -> u64 {
        u64::from(self.each) * (u64::from(self.most) + u64::from(self.surge))
    }

    /// Connections when the services have grown to `replicas`: never fewer than the minimum nor more than the maximum.
    fn at(&self, replicas: u32) -> u64 {
        u64::from(self.each) * u64::from(replicas.clamp(self.least.min(self.most), self.most))
    }
}

/// What services open.
#[derive(Debug, Clone, PartialEq, std::default::Default)]
pub struct Wanted {
    /// The known shares, in the order of the pools.
    pub shares: Vec<Share>,
    /// What is missing to know the others.
    pub unknown: Vec<Need>,
}

/// When more connections are wanted than exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begins {
    /// With so many replicas of each service, as far as its limits allow; its minimum does not count if `at_once`.
    pub at: u32,
    /// Whether the fewest replicas already want too many.
    pub at_once: bool,
}

/// The largest size of pools with which all connections fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fits {
    /// Connections, at least 1.
    pub each: u64,
    /// Of what.
    pub of: Unit,
}

/// What has pools of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A process.
    Process,
    /// A replica, where it is not known how its processes share what a person states.
    Replica,
}

impl Wanted {
    /// Connections at full scale.
    #[must_use]
    pub fn full(&self) -> u64 {
        self.shares.iter().map(Share::full).sum()
    }

    /// Connections at full scale while rollouts of all services overlap.
    #[must_use]
    pub fn in_rollout(&self) -> u64 {
        self.shares.iter().map(Share::in_rollout).sum()
    }

    /// Replicas at full scale.
    #[must_use]
    pub fn replicas(&self) -> u64 {
        self.shares.iter().map(|share| u64::from(share.most)).sum()
    }

    /// When more than `slots` connections are wanted, if all services grow equally from their minimum up to their
    /// maximum; `None` if never.
    #[must_use]
    pub fn begins(&self, slots: u64) -> Option<Begins> {
        let most = self.shares.iter().map(|share| share.most).max()?;
        let wanted = |replicas: u32| -> u64 { self.shares.iter().map(|share| share.at(replicas)).sum() };
        if wanted(most) <= slots {
            return None;
        }
        let at_once = wanted(0) > slots;
        let below = |replicas: u32| -> u64 {
            let each = self.shares.iter();
            each.map(|share| u64::from(share.each) * u64::from(replicas.min(share.most)))
                .sum()
        };
        let at = match at_once {
            true => first(most, |replicas| below(replicas) > slots),
            false => first(most, |replicas| wanted(replicas) > slots),
        };
        Some(Begins { at, at_once })
    }

    /// The largest number of connections of a process, or of a replica where the processes are not known, with which
    /// all fit into `slots`, also while rollouts overlap: pools that are smaller keep their size. `None` if not even one
    /// each does.
    #[must_use]
    pub fn fits(&self, slots: u64) -> Option<Fits> {
        self.fits_with(slots, |share| u64::from(share.most) + u64::from(share.surge))
    }

    /// The same without the pods that a rollout adds.
    #[must_use]
    pub fn fits_without_rollout(&self, slots: u64) -> Option<Fits> {
        self.fits_with(slots, |share| u64::from(share.most))
    }

    fn fits_with(&self, slots: u64, replicas: impl Fn(&Share) -> u64) -> Option<Fits> {
        let of = match self.shares.iter().any(|share| share.is_stated) {
            true => Unit::Replica,
            false => Unit::Process,
        };
        let unit = |share: &Share| match of {
            Unit::Process => u64::from(share.processes.max(1)),
            Unit::Replica => 1,
        };
        let now = |share: &Share| u64::from(share.each).div_ceil(unit(share));
        let wanted = |each: u64| -> u64 {
            let shares = self.shares.iter();
            shares
                .map(|share| replicas(share) * unit(share) * each.min(now(share)))
                .sum()
        };
        let largest = u32::try_from(self.shares.iter().map(now).max()?).unwrap_or(u32::MAX);
        if wanted(1) > slots {
            return None;
        }
        let each = match wanted(u64::from(largest)) > slots {
            true => u64::from(first(largest, |each| wanted(u64::from(each)) > slots) - 1),
            false => u64::from(largest),
        };
        (each > 0).then_some(Fits { each, of })
    }

    /// Its shares and unknown ones by the name of the service.
    #[must_use]
    pub fn by_name(mut self) -> Self {
        self.shares
            .sort_by(|a, b| (&a.service, a.id).cmp(&(&b.service, b.id)));
        self.unknown.sort_by_key(Need::path);
        self.unknown.dedup_by_key(|need| need.path());
        self
    }
}

/// The first number from 1 to `most` for which `is_too_much` holds; it holds for `most`, and for all after the first.
fn first(most: u32, is_too_much: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (0, most);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match is_too_much(middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    high
}

/// The pools that reach a database, directly or through a pooler.
pub fn pools_of(env: &Environment, id: DatabaseId) -> impl Iterator<Item = &Pool> {
    let reaches = move |pool: &&Pool| pool.target == PoolTarget::Sql && pool.database == Some(id);
    env.pools.iter().filter(reaches)
}

/// The connections that services open to a database without a pooler.
#[must_use]
pub fn direct(env: &Environment, id: DatabaseId, evidence: &mut Evidence) -> Wanted {
    wanted(env, pools_of(env, id), |pooler| pooler.is_none(), evidence)
}

/// The connections that services open to a pooler.
#[must_use]
pub fn through(env: &Environment, pooler: usize, evidence: &mut Evidence) -> Wanted {
    let pools = env.pools.iter().filter(|pool| pool.target == PoolTarget::Sql);
    wanted(
        env,
        pools.filter(|pool| pool.pooler == Some(pooler)),
        |_| true,
        evidence,
    )
}

/// The connections of `pools` that go a way. A stated sum of a replica counts once, for the way of the first pool of its
/// service.
#[must_use]
pub fn wanted<'a>(
    env: &'a Environment,
    pools: impl Iterator<Item = &'a Pool>,
    is_way: impl Fn(Option<usize>) -> bool,
    evidence: &mut Evidence,
) -> Wanted {
    let mut wanted = Wanted::default();
    let mut known: BTreeMap<(ServiceId, Option<usize>), usize> = BTreeMap::new();
    let mut stated: BTreeSet<ServiceId> = BTreeSet::new();
    let mut used: Vec<&Pool> = Vec::new();
    let pooled: BTreeMap<DatabaseId, &str> = (env.poolers.iter())
        .filter_map(|pooler| Some((pooler.database?, pooler.name.as_str())))
        .collect();
    for pool in pools {
        let Some(id) = pool.owner.service else {
            continue;
        };
        let service = env.service(id);
        if service.connections_per_pod.is_some() && !stated.insert(id) {
            continue;
        }
        if !is_way(pool.pooler) {
            continue;
        }
        if let Some(pooler) = unknown_way(pool, &pooled) {
            let why = format!("whether it connects through {pooler} or to the database itself");
            let need = Need::of(&services::DATABASE, &service.name);
            wanted.unknown.push(need.because(why).such_as(pooler));
            continue;
        }
        used.push(pool);
        evidence.owner(&pool.owner);
        let there = known.get(&(id, pool.pooler)).copied();
        let Some(share) = share_of(
            (id, service),
            pool,
            there.is_none(),
            &mut wanted.unknown,
            evidence,
        ) else {
            continue;
        };
        match there {
            Some(at) => wanted.shares[at].each = wanted.shares[at].each.saturating_add(share.each),
            None => {
                known.insert((id, pool.pooler), wanted.shares.len());
                wanted.shares.push(share);
            }
        }
    }
    reached(env, &used, evidence);
    wanted
}

/// The pooler that a pool may go through, if nothing says where it connects: its address is in a secret, for example.
fn unknown_way<'a>(pool: &Pool, pooled: &BTreeMap<DatabaseId, &'a str>) -> Option<&'a str> {
    let is_open = pool.pooler.is_none() && pool.host.is_none() && pool.reached == Reached::Only;
    pool.database
        .filter(|_| is_open)
        .and_then(|id| pooled.get(&id))
        .copied()
}

/// The share of one pool; `None`, with a need, if it is not known. The replicas are an input once, with the first pool.
fn share_of(
    (id, service): (ServiceId, &Service),
    pool: &Pool,
    is_first: bool,
    unknown: &mut Vec<Need>,
    evidence: &mut Evidence,
) -> Option<Share> {
    let (name, scale) = (&service.name, &service.scale);
    let stated = service.connections_per_pod.as_ref();
    if stated.is_none() && pool.size.is_none() {
        unknown.push(Need::of(&services::CONNECTIONS_PER_POD, name));
        return None;
    }
    let Some(most) = scale.max.as_ref().or(scale.current.as_ref()) else {
        unknown.push(Need::of(&services::REPLICAS, name));
        return None;
    };
    // What a person states leads the places of a result.
    let all = stated.map(|stated| {
        let label = format!("{} each", count(stated.value.into(), "connection"));
        evidence.input_as(format!("{name}: connections of a replica"), stated, label)
    });
    if is_first {
        let label = format!("at most {}", count(most.value.into(), "replica"));
        evidence.input_as(format!("{name}: maximum replicas"), most, label);
    }
    let (each, processes) = match all {
        Some(all) => (all, 1),
        None => of_pool(service, pool, evidence),
    };
    let least = scale.min.as_ref().or(scale.current.as_ref());
    Some(Share {
        id,
        service: name.clone(),
        pooler: pool.pooler,
        each,
        processes,
        is_stated: stated.is_some(),
        least: least.map_or(0, |least| least.value),
        most: most.value,
        surge: scale.surge.as_ref().map_or(0, |surge| surge.value),
    })
}

/// The connections of one replica by one pool, and its processes.
fn of_pool(service: &Service, pool: &Pool, evidence: &mut Evidence) -> (u32, u32) {
    let name = &service.name;
    let size = pool.size.as_ref().map_or(0, |size| {
        let label = format!("{} each", count(size.value.into(), "connection"));
        evidence.input_as(format!("{name}: size of a pool"), size, label)
    });
    let overflow = pool.overflow.as_ref().map_or(0, |more| {
        let label = format!("and {} more", more.value);
        evidence.input_as(format!("{name}: overflow of a pool"), more, label)
    });
    let processes = service.processes.as_ref().map_or(1, |processes| {
        let label = count(processes.value.into(), "process");
        evidence.input_as(format!("{name}: processes"), processes, label)
    });
    (processes.saturating_mul(size.saturating_add(overflow)), processes)
}

/// Records how the pools were found to reach their database.
fn reached(env: &Environment, pools: &[&Pool], evidence: &mut Evidence) {
    let mut users: BTreeMap<(DatabaseId, Reached), BTreeSet<&str>> = BTreeMap::new();
    for pool in pools {
        if let (Some(database), Some(service)) = (pool.database, env.owner_service(&pool.owner)) {
            users
                .entry((database, pool.reached))
                .or_default()
                .insert(&service.name);
        }
    }
    for ((database, reached), users) in users {
        if let Some(database) = env.databases.get(database.0) {
            let users: Vec<&str> = users.into_iter().collect();
            evidence.reached(reached, &database.name, &users);
        }
    }
}

/// Records the assumptions about the pods that a rollout adds. They are facts of the services in `wanted`.
pub fn note_surge(env: &Environment, wanted: &Wanted, evidence: &mut Evidence) {
    for share in &wanted.shares {
        if let Some(surge) = &env.service(share.id).scale.surge {
            evidence.note(
                surge,
                format!("{} more in a rollout", count(surge.value.into(), "replica")),
            );
        }
    }
}

/// What a server has for ordinary users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// `max_connections`.
    pub limit: u32,
    /// Those of it that ordinary users cannot have.
    pub reserved: u32,
}

impl Slots {
    /// Connections that ordinary users can have.
    #[must_use]
    pub fn free(self) -> u32 {
        self.limit.saturating_sub(self.reserved)
    }
}

/// The connections of a server; `None`, with a need, if its limit is not known.
#[must_use]
pub fn slots(database: &Database, evidence: &mut Evidence) -> Option<Slots> {
    let Some(limit) = &database.max_connections else {
        evidence
            .needs
            .push(Need::of(&databases::MAX_CONNECTIONS, &database.name));
        return None;
    };
    let limit = evidence.input_as(
        "max_connections",
        limit,
        format!("max_connections {}", limit.value),
    );
    let reserved = reserved(database, evidence);
    Some(Slots { limit, reserved })
}

/// What an engine reserves by default.
#[must_use]
pub fn reserved_by_default(engine: Option<Engine>) -> Default<u32> {
    match engine {
        Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql) => RDS_RESERVED,
        Some(Engine::MySql) => MYSQL_RESERVED,
        Some(Engine::SqlServer) => SQL_SERVER_RESERVED,
        Some(Engine::PostgreSql) | None => POSTGRESQL_RESERVED,
    }
}

/// Connections that ordinary users of a database cannot have.
fn reserved(database: &Database, evidence: &mut Evidence) -> u32 {
    let name = "reserved connections";
    match &database.reserved_connections {
        Some(known) => evidence.input_as(name, known, format!("{} reserved", known.value)),
        None => {
            let default = reserved_by_default(engine(database));
            evidence.default_input(name, default.value, default.assumption)
        }
    }
}

/// The engine of a database, if it is known.
#[must_use]
pub fn engine(database: &Database) -> Option<Engine> {
    database.engine.as_ref().map(|engine: &Fact<Engine>| engine.value)
}

#[cfg(test)]
mod tests;
