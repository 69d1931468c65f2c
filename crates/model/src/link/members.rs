//! Joins the code and settings of one consumer, producer or pool that each describe a part of it.
//!
//! Code shows that it exists and how it behaves by default; settings (variables, ConfigMaps, deployment
//! files) set its numbers. Settings override the defaults of code. Two that code builds stay two, even if
//! they share settings: each opens its own connections.

use super::facts::{fill, prefer};
use crate::cells::{LocalCache, LocalCacheKind};
use crate::database::{Pool, PoolTarget};
use crate::kafka::{Consumer, Producer, ProducerRole};
use crate::owner::ServiceId;
use crate::platform::Environment;
use crate::source::{Fact, Source};
use cofferdam_syntax::{FileId, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Joins the parts of [`crate::Parts::consumers`], [`crate::Parts::producers`] and [`crate::Parts::pools`].
pub(super) fn merge(env: &mut Environment) {
    env.consumers = merged(std::mem::take(&mut env.consumers));
    env.producers = merged(std::mem::take(&mut env.producers));
    env.pools = merged(std::mem::take(&mut env.pools));
    merge_caches(env);
    keep_real_members(env);
    for consumer in &mut env.consumers {
        for worker in &mut consumer.workers {
            prefer(
                &mut worker.builds_consumer,
                consumer.workers_build_consumers.clone(),
            );
        }
    }
}

/// A variable that a whole project shares reaches every service. If the code of a service was read, its
/// clients are those that the code builds: it has no client that only such a shared line suggests and that
/// code builds in another service.
fn keep_real_members(env: &mut Environment) {
    let mut coded: BTreeSet<ServiceId> = BTreeSet::new();
    coded.extend(owners_in_code(&env.consumers));
    coded.extend(owners_in_code(&env.producers));
    coded.extend(owners_in_code(&env.pools));
    drop_shared(&mut env.consumers, &coded);
    drop_shared(&mut env.producers, &coded);
    drop_shared(&mut env.pools, &coded);
}

fn owners_in_code<M: Member>(all: &[M]) -> impl Iterator<Item = ServiceId> + '_ {
    all.iter().filter(|m| m.in_code()).filter_map(Member::service)
}

fn drop_shared<M: Member>(all: &mut Vec<M>, coded: &BTreeSet<ServiceId>) {
    let shown: Vec<(Span, Option<ServiceId>)> = all
        .iter()
        .filter(|m| m.in_code())
        .flat_map(|m| m.lines().into_iter().map(|line| (line, m.service())))
        .collect();
    all.retain(|member| {
        let elsewhere = || {
            let lines = member.lines();
            shown
                .iter()
                .any(|(line, service)| lines.contains(line) && *service != member.service())
        };
        member.in_code() || !member.service().is_some_and(|id| coded.contains(&id)) || !elsewhere()
    });
}

/// A cache in code and one of the same kind in the settings of its service are one: the settings define its
/// lifetime.
fn merge_caches(env: &mut Environment) {
    let in_code = |c: &LocalCache| inferred(&c.medium);
    let key =
        |c: &LocalCache| Some((c.owner.service?, c.kind)).filter(|(_, kind)| *kind != LocalCacheKind::Other);
    let described: BTreeSet<_> = (env.local_caches.iter())
        .filter(|c| !in_code(c))
        .filter_map(key)
        .collect();
    env.local_caches
        .retain(|c| !in_code(c) || key(c).is_none_or(|k| !described.contains(&k)));
}

/// Something that code and settings describe together.
trait Member: Sized {
    /// Members with different keys are never the same.
    type Key: Ord;
    /// `None` if it belongs to no service: it is not joined with anything.
    fn key(&self) -> Option<Self::Key>;
    /// Whether both can be the same (their names agree, if they have any).
    fn may_be(&self, other: &Self) -> bool;
    /// Whether a number is set on both and differs.
    fn conflicts(&self, other: &Self) -> bool;
    fn span(&self) -> Span;
    /// Whether code builds it.
    fn in_code(&self) -> bool;
    /// The service it belongs to.
    fn service(&self) -> Option<ServiceId>;
    /// Lines of settings that prove that it exists.
    fn lines(&self) -> Vec<Span>;
    /// Takes the values of `other`. `choose` decides between two values.
    fn take(&mut self, other: &Self, choose: Choose);
    /// Whether it only adds to a member that another source shows, and is not a member by itself.
    fn is_addition(&self) -> bool;
}

/// How one of two values is chosen.
#[derive(Clone, Copy)]
enum Choose {
    /// By precedence.
    Better,
    /// Only if nothing is known, or if a person declares it.
    Missing,
}

impl Choose {
    fn apply<T: Clone>(self, into: &mut Option<Fact<T>>, other: &Option<Fact<T>>) {
        match self {
            Choose::Better => prefer(into, other.clone()),
            Choose::Missing if other.as_ref().is_some_and(is_stated) => prefer(into, other.clone()),
            Choose::Missing => fill(into, other.clone()),
        }
    }
}

/// Joins settings with settings, then with the members that code builds. Keeps the order.
fn merged<M: Member>(all: Vec<M>) -> Vec<M> {
    let mut groups: BTreeMap<M::Key, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (at, member) in all.iter().enumerate() {
        if let Some(key) = member.key() {
            let (code, settings) = groups.entry(key).or_default();
            if member.in_code() { code } else { settings }.push(at);
        }
    }
    let mut slots: Vec<Option<M>> = all.into_iter().map(Some).collect();
    for (code, settings) in groups.into_values() {
        let settings = join_settings(&mut slots, settings);
        for at in settings {
            let Some(setting) = slots[at].take() else { continue };
            let same: Vec<usize> = (code.iter().copied())
                .filter(|c| slots[*c].as_ref().is_some_and(|m| m.may_be(&setting)))
                .collect();
            let choose = if same.len() == 1 {
                Choose::Better
            } else {
                Choose::Missing
            };
            for c in &same {
                if let Some(member) = &mut slots[*c] {
                    member.take(&setting, choose);
                }
            }
            if same.is_empty() && !setting.is_addition() {
                slots[at] = Some(setting);
            }
        }
    }
    slots.into_iter().flatten().collect()
}

/// Joins settings of the same member. If two in one file contradict each other, they are two members.
fn join_settings<M: Member>(slots: &mut [Option<M>], settings: Vec<usize>) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    for at in settings {
        let Some(setting) = slots[at].take() else { continue };
        let same = kept.iter().copied().find(|k| {
            slots[*k].as_ref().is_some_and(|m| {
                m.may_be(&setting) && (file(m.span()) != file(setting.span()) || !m.conflicts(&setting))
            })
        });
        match same.and_then(|k| slots[k].as_mut()) {
            Some(member) => member.take(&setting, Choose::Better),
            None => {
                slots[at] = Some(setting);
                kept.push(at);
            }
        }
    }
    kept
}

fn file(span: Span) -> FileId {
    span.file
}

fn inferred<T>(fact: &Option<Fact<T>>) -> bool {
    matches!(fact, Some(f) if matches!(f.source, Source::Inferred { .. }))
}

fn agree<T: PartialEq>(a: &Option<Fact<T>>, b: &Option<Fact<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.value == b.value,
        _ => true,
    }
}

fn add_all<T: PartialEq + Clone>(into: &mut Vec<Fact<T>>, other: &[Fact<T>]) {
    for fact in other {
        if !into.iter().any(|f| f.value == fact.value) {
            into.push(fact.clone());
        }
    }
}

macro_rules! take_each {
    ($self:ident, $other:ident, $choose:ident, $($field:ident),*) => {
        $( $choose.apply(&mut $self.$field, &$other.$field); )*
    };
}

macro_rules! any_differs {
    ($self:ident, $other:ident, $($field:ident),*) => {
        $( !agree(&$self.$field, &$other.$field) )||*
    };
}

impl Member for Consumer {
    type Key = ServiceId;

    fn key(&self) -> Option<ServiceId> {
        self.owner.service
    }

    fn may_be(&self, other: &Self) -> bool {
        agree(&self.group, &other.group)
    }

    fn conflicts(&self, other: &Self) -> bool {
        any_differs!(
            self,
            other,
            max_poll_interval,
            max_poll_records,
            session_timeout,
            dead_letter
        ) || (!self.topics.is_empty()
            && !other.topics.is_empty()
            && !self
                .topics
                .iter()
                .any(|t| other.topics.iter().any(|o| o.value == t.value)))
    }

    fn span(&self) -> Span {
        self.span
    }

    fn service(&self) -> Option<ServiceId> {
        self.owner.service
    }

    fn lines(&self) -> Vec<Span> {
        self.group.iter().filter_map(Fact::span).collect()
    }

    fn in_code(&self) -> bool {
        inferred(&self.client)
            || inferred(&self.group)
            || self
                .topics
                .iter()
                .any(|t| matches!(t.source, Source::Inferred { .. }))
            || inferred(&self.commit_order)
            || inferred(&self.consumers_per_process)
            || !self.buffers.is_empty()
    }

    fn take(&mut self, other: &Self, choose: Choose) {
        take_each!(
            self,
            other,
            choose,
            group,
            client,
            client_version,
            consumers_per_process,
            workers_build_consumers,
            instance_id,
            protocol,
            session_timeout,
            heartbeat,
            max_poll_interval,
            max_poll_records,
            time_per_record,
            auto_commit,
            commit_order,
            dead_letter
        );
        if self.topics.is_empty() || matches!(choose, Choose::Better) {
            add_all(&mut self.topics, &other.topics);
        }
        // Assignors are one setting, a list in order: a joined list would mean something else.
        let better = matches!(choose, Choose::Better) && self.assignors.iter().any(is_inferred);
        if self.assignors.is_empty() || (better && !other.assignors.is_empty()) {
            self.assignors.clone_from(&other.assignors);
        }
        for worker in &other.workers {
            match self.workers.iter_mut().find(|w| w.name == worker.name) {
                Some(known) if is_inferred(&known.count) => {
                    known.count = worker.count.clone();
                    fill(&mut known.builds_consumer, worker.builds_consumer.clone());
                }
                Some(_) => {}
                None => self.workers.push(worker.clone()),
            }
        }
        for buffer in &other.buffers {
            if !self.buffers.contains(buffer) {
                self.buffers.push(buffer.clone());
            }
        }
    }

    /// A declaration about a service's consumers has no effect if it has none; nor do worker settings beside
    /// Kafka's settings.
    fn is_addition(&self) -> bool {
        let stated = self.time_per_record.as_ref().is_some_and(is_stated)
            || self.consumers_per_process.as_ref().is_some_and(is_stated)
            || self.workers_build_consumers.as_ref().is_some_and(is_stated);
        let only_workers = self.assignors.is_empty()
            && self.instance_id.is_none()
            && self.protocol.is_none()
            && self.session_timeout.is_none()
            && self.heartbeat.is_none()
            && self.max_poll_interval.is_none()
            && self.max_poll_records.is_none()
            && self.auto_commit.is_none()
            && self.dead_letter.is_none()
            && self.buffers.is_empty();
        self.group.is_none()
            && self.topics.is_empty()
            && self.client.is_none()
            && ((stated && self.workers.is_empty()) || (!self.workers.is_empty() && only_workers))
    }
}

fn is_stated<T>(fact: &Fact<T>) -> bool {
    matches!(fact.source, Source::Stated(_))
}

fn is_inferred<T>(fact: &Fact<T>) -> bool {
    matches!(fact.source, Source::Inferred { .. })
}

impl Member for Producer {
    type Key = (ServiceId, bool);

    fn key(&self) -> Option<Self::Key> {
        Some((self.owner.service?, self.role == ProducerRole::DeadLetter))
    }

    fn may_be(&self, _: &Self) -> bool {
        true
    }

    fn conflicts(&self, other: &Self) -> bool {
        any_differs!(
            self,
            other,
            acks,
            idempotence,
            max_in_flight,
            retries,
            delivery_timeout,
            linger
        )
    }

    fn span(&self) -> Span {
        self.span
    }

    fn service(&self) -> Option<ServiceId> {
        self.owner.service
    }

    fn lines(&self) -> Vec<Span> {
        self.acks.iter().filter_map(Fact::span).collect()
    }

    fn in_code(&self) -> bool {
        inferred(&self.client) || inferred(&self.acks) || self.topics.iter().any(is_inferred)
    }

    fn take(&mut self, other: &Self, choose: Choose) {
        take_each!(
            self,
            other,
            choose,
            client,
            client_version,
            acks,
            idempotence,
            max_in_flight,
            retries,
            delivery_timeout,
            linger,
            peak_rate
        );
        if self.topics.is_empty() || matches!(choose, Choose::Better) {
            add_all(&mut self.topics, &other.topics);
        }
    }

    fn is_addition(&self) -> bool {
        false
    }
}

impl Member for Pool {
    type Key = (ServiceId, bool);

    fn key(&self) -> Option<Self::Key> {
        Some((self.owner.service?, self.target == PoolTarget::Redis))
    }

    fn may_be(&self, other: &Self) -> bool {
        agree(&self.host, &other.host)
    }

    fn conflicts(&self, other: &Self) -> bool {
        any_differs!(
            self,
            other,
            size,
            overflow,
            pool_timeout,
            connect_timeout,
            recycle
        )
    }

    fn span(&self) -> Span {
        self.span
    }

    fn service(&self) -> Option<ServiceId> {
        self.owner.service
    }

    fn lines(&self) -> Vec<Span> {
        self.host.iter().filter_map(Fact::span).collect()
    }

    fn in_code(&self) -> bool {
        self.constructed
    }

    fn take(&mut self, other: &Self, choose: Choose) {
        let before = self.size.as_ref().map(|s| s.value);
        take_each!(self, other, choose, size);
        let theirs = other.size.as_ref().map(|s| s.value);
        // Size and overflow are set together: if two places disagree on the size, the overflow of the
        // overridden place is not added to the other's size.
        if before.is_none() || theirs.is_none() || before == theirs {
            take_each!(self, other, choose, overflow);
        } else if self.size.as_ref().map(|s| s.value) == theirs {
            self.overflow.clone_from(&other.overflow);
        }
        take_each!(
            self,
            other,
            choose,
            host,
            database_name,
            driver,
            pool_timeout,
            connect_timeout,
            recycle,
            statement_cache
        );
        // Settings of a pool prove that there is one.
        self.unpooled &= other.unpooled || other.size.is_none();
    }

    fn is_addition(&self) -> bool {
        false
    }
}
