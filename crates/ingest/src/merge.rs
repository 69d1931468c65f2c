//! Merges the parts of several documents by declared precedence: later documents override earlier ones, and
//! documents for one environment are read after documents for all. A claim that is overridden by one of equal
//! rank is kept as [`LostClaim`], so that a contradiction between files stays visible.

use crate::parts::same_owner;
use cofferdam_model::settings::LostClaim;
use cofferdam_model::{Fact, Owner, Parts, Span};
use std::collections::{HashMap, HashSet};

/// The precedence of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// It applies to every environment.
    Shared,
    /// It is for one environment.
    Specific,
}

/// Merges documents, in the order of their precedence within each rank.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    shared: Level,
    specific: Level,
}

/// The merged parts of one rank, with an index to find the part that a later document describes.
#[derive(Debug, Default)]
struct Level {
    parts: Parts,
    /// The place of each kind of part: producers, consumers, and so on.
    by_name: HashMap<(Kind, String), Vec<usize>>,
    literals: HashSet<Span>,
}

/// Kinds of parts that several documents can describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Service,
    Producer,
    Consumer,
    Pool,
    Delivery,
    Database,
    Breaker,
    Topic,
    KafkaCluster,
    Cell,
    MetricSource,
    LogStore,
    AdmissionPolicy,
    Description,
}

/// What happens to values that two documents set.
struct Over<'a> {
    subject: &'a dyn Fn() -> String,
    /// Whether the later document is only the nearer one.
    is_nearer: bool,
    lost: &'a mut Vec<LostClaim>,
}

impl Over<'_> {
    /// Overrides the earlier value by the later one.
    fn set<T: PartialEq>(
        &mut self,
        attribute: &'static str,
        slot: &mut Option<Fact<T>>,
        later: Option<Fact<T>>,
    ) {
        let Some(later) = later else { return };
        if let Some(earlier) = slot
            && let (Some(kept), Some(lost)) = (later.span(), earlier.span())
            && !self.is_nearer
            && kept.file != lost.file
            && earlier.value != later.value
        {
            self.lost.push(LostClaim {
                subject: (self.subject)(),
                attribute,
                kept,
                lost,
            });
        }
        *slot = Some(later);
    }

    /// Overrides an earlier list by a later one, unless that is empty.
    fn list<T>(slot: &mut Vec<T>, later: Vec<T>) {
        if !later.is_empty() {
            *slot = later;
        }
    }
}

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

fn show(owner: &Owner) -> String {
    match (&owner.name, &owner.directory) {
        (Some(name), _) => name.clone(),
        (None, Some(directory)) => directory.display().to_string(),
        (None, None) => "no service".to_owned(),
    }
}

impl Merger {
    /// Adds the statements of one document.
    pub(crate) fn add(&mut self, later: Parts, rank: Rank) {
        let level = match rank {
            Rank::Shared => &mut self.shared,
            Rank::Specific => &mut self.specific,
        };
        level.add(later, false);
    }

    /// All parts: those for one environment override those for all.
    pub(crate) fn finish(self) -> Parts {
        let mut all = self.shared;
        all.add(self.specific.parts, true);
        all.parts
    }
}

impl Level {
    /// Adds the statements of a document. If it is nearer, overriding is not a contradiction.
    fn add(&mut self, later: Parts, is_nearer: bool) {
        // Indices into lists are set by linking, which comes later.
        debug_assert!(
            later
                .pools
                .iter()
                .all(|p| p.database.is_none() && p.pooler.is_none())
        );
        debug_assert!(later.autoscalers.iter().all(|a| a.workload.is_none()));
        let Parts {
            services,
            producers,
            consumers,
            pools,
            deliveries,
            databases,
            breakers,
            topics,
            kafka_clusters,
            cells,
            metric_sources,
            log_stores,
            admission_policies,
            descriptions,
            alert_defaults,
            default_priority,
            secret_literals,
            rate_limits,
            workloads,
            autoscalers,
            disruption_budgets,
            container_defaults,
            service_ports,
            config_objects,
            namespaces,
            network_policies,
            foreign_policies,
            poolers,
            caches,
            connectors,
            calls,
            deadlines,
            routings,
            local_caches,
            secret_uses,
            secret_stores,
            alerts,
            slos,
            defects,
            references,
            dangling,
            variable_uses,
            open_settings,
            lost_claims,
        } = later;
        self.services(services, is_nearer);
        self.producers(producers, is_nearer);
        self.consumers(consumers, is_nearer);
        self.pools(pools, is_nearer);
        self.deliveries(deliveries, is_nearer);
        self.databases(databases, is_nearer);
        self.breakers(breakers, is_nearer);
        self.topics(topics, is_nearer);
        self.clusters(kafka_clusters, is_nearer);
        self.cells(cells, is_nearer);
        self.metric_sources(metric_sources);
        self.log_stores(log_stores);
        self.admission_policies(admission_policies);
        self.descriptions(descriptions, is_nearer);
        let mine = &mut self.parts;
        let defaults = &mut mine.alert_defaults;
        defaults.scrape = alert_defaults.scrape.or(defaults.scrape.take());
        defaults.evaluation = alert_defaults.evaluation.or(defaults.evaluation.take());
        defaults.routes.extend(alert_defaults.routes);
        mine.default_priority = default_priority.or(mine.default_priority.take());
        let literals = &mut self.literals;
        mine.secret_literals
            .extend(secret_literals.into_iter().filter(|l| literals.insert(l.span)));
        mine.rate_limits.retain(|known| {
            !rate_limits
                .iter()
                .any(|later| later.name == known.name && same_owner(&later.owner, &known.owner))
        });
        mine.rate_limits.extend(rate_limits);
        mine.workloads.extend(workloads);
        mine.autoscalers.extend(autoscalers);
        mine.disruption_budgets.extend(disruption_budgets);
        mine.container_defaults.extend(container_defaults);
        mine.service_ports.extend(service_ports);
        mine.config_objects.extend(config_objects);
        mine.namespaces.extend(namespaces);
        mine.network_policies.extend(network_policies);
        mine.foreign_policies.extend(foreign_policies);
        mine.poolers.extend(poolers);
        mine.caches.extend(caches);
        mine.connectors.extend(connectors);
        mine.calls.extend(calls);
        mine.deadlines.extend(deadlines);
        mine.routings.extend(routings);
        mine.local_caches.extend(local_caches);
        mine.secret_uses.extend(secret_uses);
        mine.secret_stores.extend(secret_stores);
        mine.alerts.extend(alerts);
        mine.slos.extend(slos);
        mine.defects.extend(defects);
        mine.references.extend(references);
        mine.dangling.extend(dangling);
        mine.variable_uses.extend(variable_uses);
        mine.open_settings.extend(open_settings);
        mine.lost_claims.extend(lost_claims);
    }

    /// The known part that a later one describes: the first with its name that `is_same` accepts and that no
    /// other part of the same document was merged with.
    fn find(
        &self,
        kind: Kind,
        name: &str,
        taken: &HashSet<usize>,
        is_same: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let candidates = self.by_name.get(&(kind, name.to_owned()))?;
        candidates
            .iter()
            .copied()
            .find(|at| !taken.contains(at) && is_same(*at))
    }

    fn remember(&mut self, kind: Kind, name: String, at: usize) {
        self.by_name.entry((kind, name)).or_default().push(at);
    }
}

/// Writes the method that merges one kind of part: how it is found again, and which of its values a later
/// document sets.
macro_rules! merge_kind {
    ($method:ident, $kind:ident, $list:ident, $type:ty,
     name: |$named:ident| $name:expr,
     same: |$known_one:ident, $later_one:ident| $same:expr,
     subject: |$shown:ident| $subject:expr,
     over: |$over:ident, $known:ident, $later:ident| $body:block) => {
        impl Level {
            fn $method(&mut self, later: Vec<$type>, is_nearer: bool) {
                let mut taken = HashSet::new();
                for $later in later {
                    let name: String = {
                        let $named = &$later;
                        $name
                    };
                    let found = self.find(Kind::$kind, &name, &taken, |at| {
                        let ($known_one, $later_one) = (&self.parts.$list[at], &$later);
                        $same
                    });
                    match found {
                        Some(at) => {
                            taken.insert(at);
                            let subject = || {
                                let $shown = &$later;
                                $subject
                            };
                            let subject = subject();
                            let mut lost = Vec::new();
                            let mut $over = Over {
                                subject: &|| subject.clone(),
                                is_nearer,
                                lost: &mut lost,
                            };
                            let $known = &mut self.parts.$list[at];
                            $body
                            self.parts.lost_claims.extend(lost);
                        }
                        None => {
                            let at = self.parts.$list.len();
                            taken.insert(at);
                            self.parts.$list.push($later);
                            self.remember(Kind::$kind, name, at);
                        }
                    }
                }
            }
        }
    };
}

merge_kind!(services, Service, services, cofferdam_model::Service,
    name: |s| s.name.clone(),
    same: |a, b| a.home().is_related(b.home()),
    subject: |s| format!("service {}", s.name),
    over: |over, known, later| {
        known.namespace = known.namespace.take().or(later.namespace);
        known.deployment = known.deployment.or(later.deployment);
        for span in later.declared {
            if !known.declared.contains(&span) {
                known.declared.push(span);
            }
        }
        for directory in later.directories {
            if !known.directories.contains(&directory) {
                known.directories.push(directory);
            }
        }
        over.set("replicas", &mut known.scale.current, later.scale.current);
        over.set("min replicas", &mut known.scale.min, later.scale.min);
        over.set("max replicas", &mut known.scale.max, later.scale.max);
        over.set("surge", &mut known.scale.surge, later.scale.surge);
        set_all!(over, known, later: processes, peak_rate, priority, connections_per_pod, start_up_time,
            request_time, service_time, transaction_time, capacity_per_pod, cpu_per_request,
            memory_per_message);
        over.set("callers' timeout", &mut known.callers.timeout, later.callers.timeout);
        over.set("callers' attempts", &mut known.callers.attempts, later.callers.attempts);
        over.set("callers' backoff", &mut known.callers.backoff, later.callers.backoff);
        known.variables.extend(later.variables);
    }
);

merge_kind!(producers, Producer, producers, cofferdam_model::kafka::Producer,
    name: |p| key_of(&p.owner),
    same: |a, b| a.role == b.role && same_owner(&a.owner, &b.owner),
    subject: |p| format!("producer of {}", show(&p.owner)),
    over: |over, known, later| {
        Over::list(&mut known.topics, later.topics);
        set_all!(over, known, later: client, client_version, acks, idempotence, max_in_flight, retries,
            delivery_timeout, linger, peak_rate);
    }
);

merge_kind!(consumers, Consumer, consumers, cofferdam_model::kafka::Consumer,
    name: |c| key_of(&c.owner),
    same: |a, b| same_owner(&a.owner, &b.owner)
        && match (&a.group, &b.group) {
            (Some(x), Some(y)) => x.value == y.value || a.owner.name.is_none() || a.span.file != b.span.file,
            _ => true,
        },
    subject: |c| format!("consumer of {}", show(&c.owner)),
    over: |over, known, later| {
        Over::list(&mut known.topics, later.topics);
        Over::list(&mut known.assignors, later.assignors);
        for worker in later.workers {
            known.workers.retain(|w| w.name != worker.name);
            known.workers.push(worker);
        }
        for buffer in later.buffers {
            known.buffers.retain(|b| b.name != buffer.name);
            known.buffers.push(buffer);
        }
        set_all!(over, known, later: group, client, client_version, consumers_per_process,
            workers_build_consumers, instance_id, protocol, session_timeout, heartbeat, max_poll_interval,
            max_poll_records, time_per_record, auto_commit, commit_order, dead_letter);
    }
);

merge_kind!(pools, Pool, pools, cofferdam_model::database::Pool,
    name: |p| key_of(&p.owner),
    same: |a, b| a.target == b.target && same_owner(&a.owner, &b.owner),
    subject: |p| format!("pool of {}", show(&p.owner)),
    over: |over, known, later| {
        set_all!(over, known, later: host, database_name, driver, size, overflow, pool_timeout,
            connect_timeout, recycle, statement_cache);
        known.unpooled |= later.unpooled;
        known.constructed |= later.constructed;
    }
);

merge_kind!(deliveries, Delivery, deliveries, cofferdam_model::delivery::Delivery,
    name: |d| key_of(&d.owner),
    same: |a, b| same_owner(&a.owner, &b.owner),
    subject: |d| format!("delivery of {}", d.name),
    over: |over, known, later| {
        if let (Some(a), Some(b)) = (known.windows.first(), later.windows.first())
            && !over.is_nearer && a.span.file != b.span.file && !same_windows(&known.windows, &later.windows)
        {
            over.lost.push(LostClaim {
                subject: (over.subject)(),
                attribute: "deploy windows",
                kept: b.span,
                lost: a.span,
            });
        }
        Over::list(&mut known.windows, later.windows);
        Over::list(&mut known.holidays, later.holidays);
        set_all!(over, known, later: override_path, rollback, canary);
        known.declarable |= later.declarable;
    }
);

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

merge_kind!(databases, Database, databases, cofferdam_model::database::Database,
    name: |d| d.name.clone(),
    same: |_a, _b| true,
    subject: |d| format!("database {}", d.name),
    over: |over, known, later| {
        known.span = known.span.or(later.span);
        set_all!(over, known, later: engine, version, tier, memory, max_connections, reserved_connections,
            shared_buffers, work_mem, multi_zone, public, tls_required, deletion_protection);
        let backup = &mut known.backup;
        let said = later.backup;
        backup.declarable |= said.declarable;
        set_all!(over, backup, said: retention, interval, point_in_time, other_region, restore_tested, detection);
        known.stated_limits.extend(later.stated_limits);
        known.hosts.extend(later.hosts);
    }
);

merge_kind!(breakers, Breaker, breakers, cofferdam_model::calls::Breaker,
    name: |b| format!("{} {}", b.name, key_of(&b.owner)),
    same: |a, b| same_owner(&a.owner, &b.owner),
    subject: |b| format!("breaker {} of {}", b.name, show(&b.owner)),
    over: |over, known, later| {
        known.protects = later.protects.or(known.protects.take());
        set_all!(over, known, later: consecutive_failures, failure_rate, minimum_calls, window, open_time,
            half_open_calls, used);
    }
);

merge_kind!(topics, Topic, topics, cofferdam_model::kafka::Topic,
    name: |t| t.name.value.clone(),
    same: |_a, _b| true,
    subject: |t| format!("topic {}", t.name.value),
    over: |over, known, later| {
        set_all!(over, known, later: partitions, replication_factor, min_insync_replicas, retention, peak_rate);
    }
);

merge_kind!(clusters, KafkaCluster, kafka_clusters, cofferdam_model::kafka::KafkaCluster,
    name: |c| c.name.clone(),
    same: |_a, _b| true,
    subject: |c| format!("Kafka cluster {}", c.name),
    over: |over, known, later| {
        set_all!(over, known, later: brokers, replication_lag, version);
    }
);

merge_kind!(cells, Cell, cells, cofferdam_model::cells::Cell,
    name: |c| c.name.value.clone(),
    same: |_a, _b| true,
    subject: |c| format!("cell {}", c.name.value),
    over: |over, known, later| {
        set_all!(over, known, later: weight, capacity_share, capacity, traffic, region, failover_to);
    }
);

impl Level {
    fn metric_sources(&mut self, later: Vec<cofferdam_model::alerts::MetricSource>) {
        for source in later {
            // Groups of rules are not limited in number; a section of settings has one for its owner.
            let of_settings =
                source.metrics.is_empty() && source.reads.is_empty() && source.name.starts_with("metrics ");
            let known = of_settings
                .then(|| self.find(Kind::MetricSource, &source.name, &HashSet::new(), |_| true))
                .flatten();
            match known {
                Some(at) if source.interval.is_some() => self.parts.metric_sources[at] = source,
                Some(_) => {}
                None => {
                    let at = self.parts.metric_sources.len();
                    self.remember(Kind::MetricSource, source.name.clone(), at);
                    self.parts.metric_sources.push(source);
                }
            }
        }
    }

    fn log_stores(&mut self, later: Vec<cofferdam_model::alerts::LogStore>) {
        for store in later {
            match self.find(Kind::LogStore, &store.name, &HashSet::new(), |_| true) {
                Some(at) => {
                    let known = &mut self.parts.log_stores[at];
                    known.retention = store.retention.or(known.retention.take());
                }
                None => {
                    let at = self.parts.log_stores.len();
                    self.remember(Kind::LogStore, store.name.clone(), at);
                    self.parts.log_stores.push(store);
                }
            }
        }
    }

    /// A policy and the binding that enforces it are two objects with one name; two policies with one name
    /// are two.
    fn admission_policies(&mut self, later: Vec<cofferdam_model::images::AdmissionPolicy>) {
        let is_binding = |p: &cofferdam_model::images::AdmissionPolicy| {
            p.allowed_images.is_empty()
                && p.verified_images.is_empty()
                && p.message.is_none()
                && p.verifies_signatures.is_none()
        };
        for policy in later {
            let known = self.find(Kind::AdmissionPolicy, &policy.name, &HashSet::new(), |at| {
                is_binding(&self.parts.admission_policies[at]) || is_binding(&policy)
            });
            match known {
                Some(at) => {
                    let known = &mut self.parts.admission_policies[at];
                    if is_binding(&policy) {
                        known.enforced = known.enforced.take().or(policy.enforced);
                    } else {
                        let enforced = policy.enforced.clone().or(known.enforced.take());
                        *known = policy;
                        known.enforced = enforced;
                    }
                }
                None => {
                    let at = self.parts.admission_policies.len();
                    self.remember(Kind::AdmissionPolicy, policy.name.clone(), at);
                    self.parts.admission_policies.push(policy);
                }
            }
        }
    }

    /// An environment's file overrides statements for all. Two files of equal rank contradict each other, and
    /// both statements stay.
    fn descriptions(&mut self, later: Vec<cofferdam_model::delivery::Description>, is_nearer: bool) {
        let mut taken = HashSet::new();
        for description in later {
            let key = format!(
                "{}\n{}\n{}",
                description.subject, description.attribute, description.by
            );
            let file = |fact: &Fact<String>| fact.span().map(|s| s.file);
            let is_same = |known: &cofferdam_model::delivery::Description| {
                known.home().may_meet(description.home())
                    && (is_nearer || file(&known.value) == file(&description.value))
            };
            // A nearer file overrides every statement for all.
            let mut known = Vec::new();
            while let Some(at) = self.find(Kind::Description, &key, &taken, |at| {
                is_same(&self.parts.descriptions[at])
            }) {
                taken.insert(at);
                known.push(at);
            }
            match known.as_slice() {
                [_, ..] => {
                    for at in known {
                        self.parts.descriptions[at] = description.clone();
                    }
                }
                [] => {
                    let at = self.parts.descriptions.len();
                    taken.insert(at);
                    self.remember(Kind::Description, key, at);
                    self.parts.descriptions.push(description);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_model::FileId;
    use cofferdam_model::kafka::{Acks, Producer, ProducerRole};

    fn span(file: u32, at: usize) -> Span {
        Span::new(FileId(file), at, at + 1)
    }

    fn producer(file: u32, acks: Acks) -> Parts {
        let mut one = Producer::at(span(file, 0), Owner::named("orders"), ProducerRole::Main);
        one.acks = Some(Fact::declared(acks, span(file, 1)));
        Parts {
            producers: vec![one],
            ..Parts::default()
        }
    }

    #[test]
    fn a_later_document_of_equal_rank_counts_and_the_other_claim_is_kept() {
        let mut merger = Merger::default();
        merger.add(producer(0, Acks::Leader), Rank::Shared);
        merger.add(producer(1, Acks::All), Rank::Shared);
        let parts = merger.finish();
        assert_eq!(parts.producers.len(), 1);
        assert_eq!(parts.producers[0].acks.as_ref().unwrap().value, Acks::All);
        assert_eq!(
            parts.lost_claims,
            [LostClaim {
                subject: "producer of orders".to_owned(),
                attribute: "acks",
                kept: span(1, 1),
                lost: span(0, 1),
            }]
        );
    }

    #[test]
    fn an_environments_document_overrides_without_a_contradiction() {
        let mut merger = Merger::default();
        merger.add(producer(0, Acks::Leader), Rank::Shared);
        merger.add(producer(1, Acks::All), Rank::Specific);
        let parts = merger.finish();
        assert_eq!(parts.producers[0].acks.as_ref().unwrap().value, Acks::All);
        assert_eq!(parts.lost_claims, []);
    }

    #[test]
    fn a_nearer_description_overrides_all_that_were_made_for_every_environment() {
        let described = |value: &str, file| Parts {
            descriptions: vec![cofferdam_model::delivery::Description {
                subject: "service api".to_owned(),
                attribute: "replicas".to_owned(),
                value: Fact::declared(value.to_owned(), span(file, 0)),
                by: "Grand Central".to_owned(),
                namespace: None,
                deployment: None,
            }],
            ..Parts::default()
        };
        let values = |documents: &[(&str, u32, Rank)]| {
            let mut merger = Merger::default();
            for (value, file, rank) in documents {
                merger.add(described(value, *file), *rank);
            }
            let mut values: Vec<String> = merger
                .finish()
                .descriptions
                .into_iter()
                .map(|d| d.value.value)
                .collect();
            values.dedup();
            values
        };
        let shared = [("2", 0, Rank::Shared), ("3", 1, Rank::Shared)];
        assert_eq!(values(&shared), ["2", "3"]);
        assert_eq!(
            values(&[&shared[..], &[("5", 2, Rank::Specific)]].concat()),
            ["5"]
        );
    }

    #[test]
    fn whatever_comes_between_an_environments_document_overrides_what_is_for_all() {
        let mut other = producer(1, Acks::All);
        other.producers[0].owner = Owner::named("billing");
        let mut merger = Merger::default();
        merger.add(producer(0, Acks::Leader), Rank::Shared);
        merger.add(other, Rank::Specific);
        merger.add(producer(2, Acks::All), Rank::Specific);
        let parts = merger.finish();
        let orders = parts
            .producers
            .iter()
            .find(|p| p.owner.name.as_deref() == Some("orders"))
            .unwrap();
        assert_eq!(orders.acks.as_ref().unwrap().value, Acks::All);
        assert_eq!(parts.lost_claims, []);
    }

    #[test]
    fn two_parts_of_one_document_stay_two() {
        let mut two = producer(0, Acks::All);
        two.producers.extend(producer(0, Acks::Leader).producers);
        let mut merger = Merger::default();
        merger.add(two, Rank::Shared);
        assert_eq!(merger.finish().producers.len(), 2);
    }
}
