//! Which member of a group gets which partitions: range, round robin and sticky, eager or cooperative.
//!
//! The algorithms are those of Kafka's Java client and of librdkafka (`rdkafka_range_assignor.c`,
//! `rdkafka_roundrobin_assignor.c`, `rdkafka_sticky_assignor.c`; KIP-54, KIP-341, KIP-429), without racks. If
//! the two differ in the order of equals, librdkafka's order is used, so that its own assignors can be
//! compared with these on the same inputs.

mod sticky;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use cofferdam_model::kafka::Assignor;

/// The topics of a group with their partitions, in order of name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topics(Vec<(String, u32)>);

impl Topics {
    /// Topics with their numbers of partitions; if a name occurs twice the last number counts.
    pub fn new(topics: impl IntoIterator<Item = (String, u32)>) -> Self {
        let by_name: BTreeMap<_, _> = topics.into_iter().collect();
        Self(by_name.into_iter().collect())
    }

    /// The number of topics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of a topic in the order of names.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name)).ok()
    }

    /// The name of the topic at a place; empty beyond the last.
    #[must_use]
    pub fn name(&self, topic: usize) -> &str {
        self.0.get(topic).map_or("", |(name, _)| name.as_str())
    }

    /// The partitions of the topic at a place; 0 beyond the last.
    #[must_use]
    pub fn partitions(&self, topic: usize) -> u32 {
        self.0.get(topic).map_or(0, |(_, partitions)| *partitions)
    }

    /// Every partition of every topic, in order.
    pub fn iter(&self) -> impl Iterator<Item = TopicPartition> {
        (0..self.len()).flat_map(|topic| {
            (0..self.partitions(topic)).map(move |partition| TopicPartition { topic, partition })
        })
    }
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Place of its topic in [`Topics`].
    pub topic: usize,
    /// Its number within the topic, from 0.
    pub partition: u32,
}

/// What a member sends to the group's leader when it joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// Identifier that the coordinator gave it.
    pub id: String,
    /// `group.instance.id`, if it is a static member.
    pub instance: Option<String>,
    /// Places of the topics that it subscribes to.
    pub topics: BTreeSet<usize>,
    /// Partitions that it still owns; only the sticky assignors use them.
    pub owned: Vec<TopicPartition>,
    /// Generation in which it got those; if two members claim a partition the later generation wins.
    pub generation: i32,
}

/// What each member gets, in the order of the members, each in order of partition.
pub type Assignment = Vec<Vec<TopicPartition>>;

/// The assignment by the group's leader.
///
/// Under [`Assignor::CooperativeSticky`] this is the assignment after every member has given up the
/// partitions it must; [`withhold`] removes those that must be given up first. A topic that is subscribed to
/// but does not exist has no partitions.
#[must_use]
pub fn assign(assignor: Assignor, topics: &Topics, members: &[Member]) -> Assignment {
    let mut assignment = match assignor {
        Assignor::Range => range(topics, members),
        Assignor::RoundRobin => round_robin(topics, members),
        Assignor::Sticky | Assignor::CooperativeSticky => sticky::assign(topics, members),
    };
    for partitions in &mut assignment {
        partitions.sort_unstable();
    }
    assignment
}

/// Removes from a cooperative assignment each partition that another member still owns. It must be revoked
/// there first, and is assigned in the following rebalance (KIP-429).
///
/// Returns whether there was one, so that a second rebalance follows.
pub fn withhold(members: &[Member], assignment: &mut Assignment) -> bool {
    let mut owners: BTreeMap<TopicPartition, (i32, usize)> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        for &partition in &member.owned {
            let claim = owners.entry(partition).or_insert((member.generation, place));
            if member.generation > claim.0 {
                *claim = (member.generation, place);
            }
        }
    }
    let mut withheld = false;
    for (place, partitions) in assignment.iter_mut().enumerate() {
        partitions.retain(|partition| {
            let free = owners.get(partition).is_none_or(|(_, owner)| *owner == place);
            withheld |= !free;
            free
        });
    }
    withheld
}

/// Static members are ordered by instance, so that a restart changes nothing; the others by identifier.
fn by_name(a: &Member, b: &Member) -> Ordering {
    match (&a.instance, &b.instance) {
        (Some(a), Some(b)) => a.cmp(b),
        _ => a.id.cmp(&b.id),
    }
}

fn in_order(members: &[Member]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    // With both instances and plain members this is not a total order; with insertion any comparison gives
    // some order.
    for end in 1..order.len() {
        let mut at = end;
        while at > 0 && by_name(&members[order[at]], &members[order[at - 1]]) == Ordering::Less {
            order.swap(at, at - 1);
            at -= 1;
        }
    }
    order
}

/// Each topic separately: consecutive ranges, the first `partitions mod members` members get one more.
fn range(topics: &Topics, members: &[Member]) -> Assignment {
    let mut assignment = vec![Vec::new(); members.len()];
    let order = in_order(members);
    for topic in 0..topics.len() {
        let subscribed: Vec<usize> = order
            .iter()
            .copied()
            .filter(|&member| members[member].topics.contains(&topic))
            .collect();
        let Ok(count) = u32::try_from(subscribed.len()) else {
            continue;
        };
        if count == 0 {
            continue;
        }
        let (each, more) = (topics.partitions(topic) / count, topics.partitions(topic) % count);
        let mut next = 0;
        for (place, member) in (0u32..).zip(subscribed) {
            let end = next + each + u32::from(place < more);
            assignment[member].extend((next..end).map(|partition| TopicPartition { topic, partition }));
            next = end;
        }
    }
    assignment
}

/// All partitions of all topics in turn, each to the next member that subscribes to its topic.
fn round_robin(topics: &Topics, members: &[Member]) -> Assignment {
    let mut assignment = vec![Vec::new(); members.len()];
    let order = in_order(members);
    let mut turn = order.iter().copied().cycle();
    for partition in topics.iter() {
        let wanted = |member: &usize| members[*member].topics.contains(&partition.topic);
        if let Some(member) = turn.by_ref().take(order.len()).find(wanted) {
            assignment[member].push(partition);
        }
    }
    assignment
}
