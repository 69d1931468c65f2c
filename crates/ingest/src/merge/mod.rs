//! Merges the parts of several documents by declared precedence: later documents override earlier ones, and
//! documents for one environment are read after documents for all. A claim that is overridden by one of equal
//! rank is kept as [`LostClaim`], so that a contradiction between files stays visible.

mod kinds;

use crate::parts::same_owner;
use cofferdam_model::settings::LostClaim;
use cofferdam_model::{ByHome, Fact, Home, Parts, Span};
use cofferdam_syntax::hash::{HashMap, HashSet};

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
    /// The places of the parts of each kind with each name.
    by_name: HashMap<(Kind, String), ByHome<usize>>,
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
    subject: &'a str,
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
                subject: self.subject.to_owned(),
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

impl Merger {
    /// With room for these parts: lists that grow with every document are copied again and again.
    pub(crate) fn for_parts<'p>(all: impl Iterator<Item = (Rank, &'p Parts)>) -> Merger {
        let (mut shared, mut specific) = (Vec::new(), Vec::new());
        for (rank, parts) in all {
            // Those for one environment are added to the others at the end.
            shared.push(parts);
            if rank == Rank::Specific {
                specific.push(parts);
            }
        }
        let mut merger = Merger::default();
        make_room(&mut merger.shared.parts, &shared);
        make_room(&mut merger.specific.parts, &specific);
        merger
    }

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

/// A place of which only the namespace may be known.
fn in_namespace(namespace: Option<&str>) -> Home<'_> {
    Home {
        namespace,
        deployment: None,
    }
}

/// Makes room for the lists that objects fill. Those whose parts are merged by name get few more entries than they have.
fn make_room(parts: &mut Parts, all: &[&Parts]) {
    fn room<T>(list: &mut Vec<T>, all: &[&Parts], of: fn(&Parts) -> &Vec<T>) {
        list.reserve_exact(all.iter().map(|parts| of(parts).len()).sum());
    }
    room(&mut parts.workloads, all, |parts| &parts.workloads);
    room(&mut parts.autoscalers, all, |parts| &parts.autoscalers);
    room(&mut parts.disruption_budgets, all, |parts| {
        &parts.disruption_budgets
    });
    room(&mut parts.service_ports, all, |parts| &parts.service_ports);
    room(&mut parts.config_objects, all, |parts| &parts.config_objects);
    room(&mut parts.network_policies, all, |parts| &parts.network_policies);
    room(&mut parts.secret_uses, all, |parts| &parts.secret_uses);
    room(&mut parts.defects, all, |parts| &parts.defects);
    room(&mut parts.references, all, |parts| &parts.references);
    room(&mut parts.dangling, all, |parts| &parts.dangling);
    room(&mut parts.variable_uses, all, |parts| &parts.variable_uses);
    room(&mut parts.open_settings, all, |parts| &parts.open_settings);
    room(&mut parts.descriptions, all, |parts| &parts.descriptions);
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
            image_streams,
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
            set_images,
        } = later;
        self.merge(services, is_nearer);
        self.merge(producers, is_nearer);
        self.merge(consumers, is_nearer);
        self.merge(pools, is_nearer);
        self.merge(deliveries, is_nearer);
        self.merge(databases, is_nearer);
        self.merge(breakers, is_nearer);
        self.merge(topics, is_nearer);
        self.merge(kafka_clusters, is_nearer);
        self.merge(cells, is_nearer);
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
        mine.image_streams.extend(image_streams);
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
        mine.set_images.extend(set_images);
    }

    /// The known part that a later one describes: the first with its name that `is_same` accepts.
    fn find(&self, kind: Kind, name: &str, is_same: impl Fn(usize) -> bool) -> Option<usize> {
        let places = self.by_name.get(&(kind, name.to_owned()))?;
        places.iter().copied().find(|at| is_same(*at))
    }

    fn remember(&mut self, kind: Kind, name: String, at: usize) {
        self.by_name
            .entry((kind, name))
            .or_default()
            .push(in_namespace(None), at);
    }
}

/// A kind of part that several documents can describe: how it is found again, and which of its values a later
/// document sets.
trait Merged: Sized {
    const KIND: Kind;

    /// The list of all parts of this kind.
    fn list(parts: &mut Parts) -> &mut Vec<Self>;

    /// The name under which it is found again.
    fn name(&self) -> String;

    /// Its namespace, if it has a known one and parts of two known namespaces are never the same thing.
    fn namespace(&self) -> Option<&str> {
        None
    }

    /// Whether a later part with the same name is the same thing.
    fn is_same(&self, later: &Self) -> bool;

    /// Its name in messages.
    fn subject(&self) -> String;

    /// Takes the values that a later part of the same thing sets.
    fn lay_over(&mut self, later: Self, over: &mut Over<'_>);
}

impl Level {
    /// Merges the parts of one kind in one document. Two parts of one document stay two.
    fn merge<T: Merged>(&mut self, later: Vec<T>, is_nearer: bool) {
        let mut taken = HashSet::default();
        for part in later {
            let key = (T::KIND, part.name());
            let list = T::list(&mut self.parts);
            let places = self.by_name.entry(key).or_default();
            let found = (places.near(part.namespace()).copied())
                .find(|at| !taken.contains(at) && list[*at].is_same(&part));
            match found {
                Some(at) => {
                    taken.insert(at);
                    let mut lost = Vec::new();
                    let subject = part.subject();
                    let mut over = Over {
                        subject: &subject,
                        is_nearer,
                        lost: &mut lost,
                    };
                    list[at].lay_over(part, &mut over);
                    self.parts.lost_claims.extend(lost);
                }
                None => {
                    let at = list.len();
                    taken.insert(at);
                    places.push(in_namespace(part.namespace()), at);
                    list.push(part);
                }
            }
        }
    }
}

impl Level {
    fn metric_sources(&mut self, later: Vec<cofferdam_model::alerts::MetricSource>) {
        for source in later {
            // Groups of rules are not limited in number; a section of settings has one for its owner.
            let of_settings =
                source.metrics.is_empty() && source.reads.is_empty() && source.name.starts_with("metrics ");
            let known = of_settings
                .then(|| self.find(Kind::MetricSource, &source.name, |_| true))
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
            match self.find(Kind::LogStore, &store.name, |_| true) {
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
            let known = self.find(Kind::AdmissionPolicy, &policy.name, |at| {
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
        let mut taken = HashSet::default();
        for description in later {
            let parts: [&str; 3] = [&description.subject, &description.attribute, &description.by];
            let key = parts.join("\n");
            let file = |fact: &Fact<String>| fact.span().map(|s| s.file);
            let is_same = |known: &cofferdam_model::delivery::Description| {
                known.home().may_meet(description.home())
                    && (is_nearer || file(&known.value) == file(&description.value))
            };
            // A nearer file overrides every statement for all.
            let places = self.by_name.entry((Kind::Description, key)).or_default();
            let namespace = description.namespace.as_deref();
            let known: Vec<usize> = (places.near(namespace).copied())
                .filter(|at| !taken.contains(at) && is_same(&self.parts.descriptions[*at]))
                .collect();
            taken.extend(&known);
            match known.as_slice() {
                [_, ..] => {
                    for at in known {
                        let known = &mut self.parts.descriptions[at];
                        let namespace = known.namespace.take();
                        *known = description.clone();
                        // It stays where it is found again.
                        known.namespace = namespace.or(known.namespace.take());
                    }
                }
                [] => {
                    let at = self.parts.descriptions.len();
                    taken.insert(at);
                    places.push(in_namespace(namespace), at);
                    self.parts.descriptions.push(description);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
