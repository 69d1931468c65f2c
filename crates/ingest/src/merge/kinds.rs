//! What merging means for each kind of part: its name, when two are the same thing, and which values a later document
//! sets.

use super::{Kind, Merged, Over};
use crate::parts::same_owner;
use cofferdam_model::settings::LostClaim;
use cofferdam_model::{Owner, Parts};

/// Calls `$over.set` for each of these fields.
macro_rules! set_all {
    ($over:ident, $known:ident, $later:ident: $($field:ident),* $(,)?) => {
        $( $over.set(stringify!($field), &mut $known.$field, $later.$field); )*
    };
}

fn key_of(owner: &Owner) -> String {
    match (&owner.name, &owner.directory) {
        (Some(name), _) => name.clone(),
        (None, Some(directory)) => format!("/{}", directory.display()),
        (None, None) => String::new(),
    }
}

/// The namespace of what an owner has. Parts that have only a directory in common are compared without it.
fn namespace_of(owner: &Owner) -> Option<&str> {
    owner
        .name
        .is_some()
        .then_some(owner.namespace.as_deref())
        .flatten()
}

fn show(owner: &Owner) -> String {
    match (&owner.name, &owner.directory) {
        (Some(name), _) => name.clone(),
        (None, Some(directory)) => directory.display().to_string(),
        (None, None) => "no service".to_owned(),
    }
}

impl Merged for cofferdam_model::Service {
    const KIND: Kind = Kind::Service;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.services
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn is_same(&self, later: &Self) -> bool {
        self.home().is_related(later.home())
    }

    fn subject(&self) -> String {
        format!("service {}", self.name)
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        self.namespace = self.namespace.take().or(later.namespace);
        self.deployment = self.deployment.or(later.deployment);
        for span in later.declared {
            if !self.declared.contains(&span) {
                self.declared.push(span);
            }
        }
        for directory in later.directories {
            if !self.directories.contains(&directory) {
                self.directories.push(directory);
            }
        }
        over.set("replicas", &mut self.scale.current, later.scale.current);
        over.set("min replicas", &mut self.scale.min, later.scale.min);
        over.set("max replicas", &mut self.scale.max, later.scale.max);
        over.set("surge", &mut self.scale.surge, later.scale.surge);
        set_all!(over, self, later: processes, peak_rate, priority, connections_per_pod, start_up_time,
            request_time, service_time, transaction_time, capacity_per_pod, cpu_per_request,
            memory_per_message);
        over.set(
            "callers' timeout",
            &mut self.callers.timeout,
            later.callers.timeout,
        );
        over.set(
            "callers' attempts",
            &mut self.callers.attempts,
            later.callers.attempts,
        );
        over.set(
            "callers' backoff",
            &mut self.callers.backoff,
            later.callers.backoff,
        );
        self.variables.extend(later.variables);
    }
}

impl Merged for cofferdam_model::kafka::Producer {
    const KIND: Kind = Kind::Producer;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.producers
    }

    fn name(&self) -> String {
        key_of(&self.owner)
    }

    fn namespace(&self) -> Option<&str> {
        namespace_of(&self.owner)
    }

    fn is_same(&self, later: &Self) -> bool {
        self.role == later.role && same_owner(&self.owner, &later.owner)
    }

    fn subject(&self) -> String {
        format!("producer of {}", show(&self.owner))
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        Over::list(&mut self.topics, later.topics);
        set_all!(over, self, later: client, client_version, acks, idempotence, max_in_flight, retries,
            delivery_timeout, linger, peak_rate);
    }
}

impl Merged for cofferdam_model::kafka::Consumer {
    const KIND: Kind = Kind::Consumer;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.consumers
    }

    fn name(&self) -> String {
        key_of(&self.owner)
    }

    fn namespace(&self) -> Option<&str> {
        namespace_of(&self.owner)
    }

    fn is_same(&self, later: &Self) -> bool {
        same_owner(&self.owner, &later.owner)
            && match (&self.group, &later.group) {
                (Some(x), Some(y)) => {
                    x.value == y.value || self.owner.name.is_none() || self.span.file != later.span.file
                }
                _ => true,
            }
    }

    fn subject(&self) -> String {
        format!("consumer of {}", show(&self.owner))
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        Over::list(&mut self.topics, later.topics);
        Over::list(&mut self.assignors, later.assignors);
        for worker in later.workers {
            self.workers.retain(|w| w.name != worker.name);
            self.workers.push(worker);
        }
        for buffer in later.buffers {
            self.buffers.retain(|b| b.name != buffer.name);
            self.buffers.push(buffer);
        }
        set_all!(over, self, later: group, client, client_version, consumers_per_process,
            workers_build_consumers, instance_id, protocol, session_timeout, heartbeat, max_poll_interval,
            max_poll_records, time_per_record, auto_commit, commit_order, dead_letter);
    }
}

impl Merged for cofferdam_model::database::Pool {
    const KIND: Kind = Kind::Pool;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.pools
    }

    fn name(&self) -> String {
        key_of(&self.owner)
    }

    fn namespace(&self) -> Option<&str> {
        namespace_of(&self.owner)
    }

    fn is_same(&self, later: &Self) -> bool {
        self.target == later.target && same_owner(&self.owner, &later.owner)
    }

    fn subject(&self) -> String {
        format!("pool of {}", show(&self.owner))
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        set_all!(over, self, later: host, database_name, driver, size, overflow, pool_timeout,
            connect_timeout, recycle, statement_cache);
        self.unpooled |= later.unpooled;
        self.constructed |= later.constructed;
    }
}

impl Merged for cofferdam_model::delivery::Delivery {
    const KIND: Kind = Kind::Delivery;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.deliveries
    }

    fn name(&self) -> String {
        key_of(&self.owner)
    }

    fn namespace(&self) -> Option<&str> {
        namespace_of(&self.owner)
    }

    fn is_same(&self, later: &Self) -> bool {
        same_owner(&self.owner, &later.owner)
    }

    fn subject(&self) -> String {
        format!("delivery of {}", self.name)
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        if let (Some(a), Some(b)) = (self.windows.first(), later.windows.first())
            && !over.is_nearer
            && a.span.file != b.span.file
            && !same_windows(&self.windows, &later.windows)
        {
            over.lost.push(LostClaim {
                subject: over.subject.to_owned(),
                attribute: "deploy windows",
                kept: b.span,
                lost: a.span,
            });
        }
        Over::list(&mut self.windows, later.windows);
        Over::list(&mut self.holidays, later.holidays);
        set_all!(over, self, later: override_path, rollback, canary);
        self.declarable |= later.declarable;
    }
}

impl Merged for cofferdam_model::database::Database {
    const KIND: Kind = Kind::Database;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.databases
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn is_same(&self, later: &Self) -> bool {
        self.home().is_related(later.home())
    }

    fn subject(&self) -> String {
        format!("database {}", self.name)
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        self.namespace = self.namespace.take().or(later.namespace);
        self.deployment = self.deployment.or(later.deployment);
        self.span = self.span.or(later.span);
        set_all!(over, self, later: engine, version, tier, memory, max_connections, reserved_connections,
            shared_buffers, work_mem, multi_zone, public, open_to_all, tls_required, deletion_protection, on_delete);
        let backup = &mut self.backup;
        let said = later.backup;
        backup.declarable |= said.declarable;
        set_all!(over, backup, said: retention, interval, point_in_time, other_region, restore_tested, detection);
        self.stated_limits.extend(later.stated_limits);
        self.hosts.extend(later.hosts);
        self.aliases.extend(later.aliases);
    }
}

impl Merged for cofferdam_model::calls::Breaker {
    const KIND: Kind = Kind::Breaker;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.breakers
    }

    fn name(&self) -> String {
        format!("{} {}", self.name, key_of(&self.owner))
    }

    fn namespace(&self) -> Option<&str> {
        namespace_of(&self.owner)
    }

    fn is_same(&self, later: &Self) -> bool {
        same_owner(&self.owner, &later.owner)
    }

    fn subject(&self) -> String {
        format!("breaker {} of {}", self.name, show(&self.owner))
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        self.protects = later.protects.or(self.protects.take());
        set_all!(over, self, later: consecutive_failures, failure_rate, minimum_calls, window, open_time,
            half_open_calls, used);
    }
}

impl Merged for cofferdam_model::kafka::Topic {
    const KIND: Kind = Kind::Topic;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.topics
    }

    fn name(&self) -> String {
        self.name.value.clone()
    }

    fn is_same(&self, _later: &Self) -> bool {
        true
    }

    fn subject(&self) -> String {
        format!("topic {}", self.name.value)
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        set_all!(over, self, later: partitions, replication_factor, min_insync_replicas, retention, peak_rate);
    }
}

impl Merged for cofferdam_model::kafka::KafkaCluster {
    const KIND: Kind = Kind::KafkaCluster;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.kafka_clusters
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_same(&self, _later: &Self) -> bool {
        true
    }

    fn subject(&self) -> String {
        format!("Kafka cluster {}", self.name)
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        set_all!(over, self, later: brokers, replication_lag, version, min_insync_replicas);
    }
}

impl Merged for cofferdam_model::cells::Cell {
    const KIND: Kind = Kind::Cell;

    fn list(parts: &mut Parts) -> &mut Vec<Self> {
        &mut parts.cells
    }

    fn name(&self) -> String {
        self.name.value.clone()
    }

    fn is_same(&self, _later: &Self) -> bool {
        true
    }

    fn subject(&self) -> String {
        format!("cell {}", self.name.value)
    }

    fn lay_over(&mut self, later: Self, over: &mut Over<'_>) {
        set_all!(over, self, later: weight, capacity_share, capacity, traffic, region, failover_to);
    }
}

fn same_windows(
    a: &[cofferdam_model::delivery::DeployWindow],
    b: &[cofferdam_model::delivery::DeployWindow],
) -> bool {
    let zone = |w: &cofferdam_model::delivery::DeployWindow| w.timezone.as_ref().map(|t| t.value.clone());
    a.len() == b.len()
        && a.iter().zip(b).all(|(x, y)| {
            (x.start.value, x.end.value, x.days, zone(x)) == (y.start.value, y.end.value, y.days, zone(y))
        })
}
