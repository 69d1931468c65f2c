//! The sticky assignor: as balanced as subscriptions allow, and among such assignments as close to the
//! current owners as its greedy search finds (KIP-54, KIP-341).
//!
//! 1. Partitions that members own and may keep stay; of two claims the later generation wins, equal ones
//!    cancel out.
//! 2. Each remaining partition goes to the subscribed member with the fewest partitions (by identifier among
//!    equals).
//! 3. While some member could take a partition from one that has at least two more, partitions are tried in
//!    an order that moves new ones and those of the fullest members first. If a partition would move back to
//!    a former owner, the one that moved the other way is exchanged for it.
//! 4. If that did not reduce the sum of differences between all members, it is undone.

use std::collections::BTreeMap;

use super::{Assignment, Member, TopicPartition, Topics};

pub(super) fn assign(topics: &Topics, members: &[Member]) -> Assignment {
    let mut by_id: Vec<usize> = (0..members.len()).collect();
    by_id.sort_by(|a, b| members[*a].id.cmp(&members[*b].id));
    let sorted: Vec<&Member> = by_id.iter().map(|&place| &members[place]).collect();
    let mut table = Table::new(topics, &sorted);
    let revoked = table.keep_owned(&sorted);
    let candidates = table.candidates();
    table.balance(candidates, revoked);
    let mut assignment = vec![Vec::new(); members.len()];
    for (partition, owner) in table.partitions.iter().zip(&table.owner) {
        if let Some(owner) = owner {
            assignment[by_id[*owner]].push(*partition);
        }
    }
    assignment
}

/// Members by place in the order of identifiers, partitions by place in the order of topic and number.
struct Table {
    partitions: Vec<TopicPartition>,
    /// Whether a member subscribes to a topic, by member and topic.
    subscribed: Vec<Vec<bool>>,
    /// How many members subscribe to a topic.
    audience: Vec<usize>,
    /// How many partitions a member could have.
    most: Vec<usize>,
    /// The owner of a partition.
    owner: Vec<Option<usize>>,
    /// The former owner, if two members of different generations claim it.
    before: Vec<Option<usize>>,
    /// How many partitions a member has.
    count: Vec<usize>,
    /// Members that can gain or lose, by count and identifier.
    order: Vec<usize>,
    moves: Moves,
}

/// Partitions in the order in which they are tried.
struct Candidates {
    all: Vec<usize>,
    unassigned: Vec<usize>,
}

impl Table {
    fn new(topics: &Topics, members: &[&Member]) -> Self {
        let subscribed: Vec<Vec<bool>> = members
            .iter()
            .map(|member| (0..topics.len()).map(|t| member.topics.contains(&t)).collect())
            .collect();
        let audience = (0..topics.len())
            .map(|topic| subscribed.iter().filter(|own| own[topic]).count())
            .collect::<Vec<_>>();
        let partitions: Vec<_> = topics.iter().filter(|p| audience[p.topic] > 0).collect();
        let most = subscribed
            .iter()
            .map(|own| partitions.iter().filter(|p| own[p.topic]).count())
            .collect();
        Self {
            owner: vec![None; partitions.len()],
            before: vec![None; partitions.len()],
            count: vec![0; members.len()],
            order: (0..members.len()).collect(),
            moves: Moves::default(),
            partitions,
            subscribed,
            audience,
            most,
        }
    }

    fn may_have(&self, member: usize, partition: usize) -> bool {
        self.subscribed[member][self.partitions[partition].topic]
    }

    /// Whether any other member could have the partition.
    fn is_shared(&self, partition: usize) -> bool {
        self.audience[self.partitions[partition].topic] >= 2
    }

    fn sort(&mut self) {
        let count = &self.count;
        self.order.sort_by_key(|&member| (count[member], member));
    }

    /// Takes over the current owners; returns whether a member loses a partition because it ended its
    /// subscription.
    fn keep_owned(&mut self, members: &[&Member]) -> bool {
        let mut claims: BTreeMap<TopicPartition, Vec<(i32, usize)>> = BTreeMap::new();
        for (place, member) in members.iter().enumerate() {
            for &partition in &member.owned {
                claims
                    .entry(partition)
                    .or_default()
                    .push((member.generation, place));
            }
        }
        let mut revoked = false;
        for (partition, mut claimed) in claims {
            claimed.sort_unstable();
            let contested = claimed.windows(2).any(|pair| pair[0].0 == pair[1].0);
            let (false, Ok(place)) = (contested, self.partitions.binary_search(&partition)) else {
                continue;
            };
            let mut latest_first = claimed.iter().rev();
            let Some(&(_, owner)) = latest_first.next() else {
                continue;
            };
            self.before[place] = latest_first.next().map(|(_, member)| *member);
            if self.may_have(owner, place) {
                self.owner[place] = Some(owner);
                self.count[owner] += 1;
            } else {
                revoked = true;
            }
        }
        revoked
    }

    fn candidates(&mut self) -> Candidates {
        let alike = self.subscribed.windows(2).all(|pair| pair[0] == pair[1]);
        let all = if alike {
            self.fullest_first()
        } else {
            let mut all: Vec<usize> = (0..self.partitions.len()).collect();
            all.sort_by_key(|&p| (self.audience[self.partitions[p].topic], p));
            all
        };
        let unassigned = all.iter().copied().filter(|&p| self.owner[p].is_none());
        Candidates {
            unassigned: unassigned.collect(),
            all,
        }
    }

    /// Owned partitions, one at a time from the member with the most left, those with a former owner first;
    /// then those without owner, the last first. This is the order of librdkafka's list of map entries.
    fn fullest_first(&self) -> Vec<usize> {
        let mut left: Vec<Vec<usize>> = vec![Vec::new(); self.count.len()];
        for (partition, owner) in self.owner.iter().enumerate() {
            if let Some(owner) = owner {
                left[*owner].push(partition);
            }
        }
        let mut all = Vec::with_capacity(self.partitions.len());
        while let Some((_, own)) = left
            .iter_mut()
            .enumerate()
            .filter(|(_, own)| !own.is_empty())
            .max_by_key(|(member, own)| (own.len(), *member))
        {
            let next = own.iter().position(|&p| self.before[p].is_some()).unwrap_or(0);
            all.push(own.remove(next));
        }
        let unowned = (0..self.partitions.len()).filter(|&p| self.owner[p].is_none());
        if all.is_empty() {
            all.extend(unowned);
        } else {
            all.extend(unowned.rev());
        }
        all
    }

    fn balance(&mut self, candidates: Candidates, revoked: bool) {
        self.sort();
        let starting = self.count.iter().all(|&count| count == 0);
        for &partition in &candidates.unassigned {
            let taker = self.order.iter().copied().find(|&m| self.may_have(m, partition));
            if let Some(member) = taker {
                self.owner[partition] = Some(member);
                self.count[member] += 1;
                self.sort();
            }
        }
        let shared =
            |list: Vec<usize>| -> Vec<usize> { list.into_iter().filter(|&p| self.is_shared(p)).collect() };
        let (all, unassigned) = (shared(candidates.all), shared(candidates.unassigned));
        let owns_shared = |member: usize| {
            let mut own = self.owner.iter().enumerate();
            own.any(|(p, owner)| *owner == Some(member) && self.is_shared(p))
        };
        let order = self.order.iter().copied();
        self.order = order
            .filter(|&member| self.count[member] < self.most[member] || owns_shared(member))
            .collect();
        let saved = (self.owner.clone(), self.count.clone());
        if !revoked && !unassigned.is_empty() {
            self.reassign(&unassigned);
        }
        let score = self.score(&saved.1);
        if self.reassign(&all) && !starting && self.score(&self.count) >= score {
            (self.owner, self.count) = saved;
        }
    }

    /// Moves partitions of the list while that makes the assignment more even; returns whether any moved.
    fn reassign(&mut self, list: &[usize]) -> bool {
        let mut any = false;
        loop {
            let mut moved = false;
            for &partition in list {
                if self.is_even() {
                    break;
                }
                let Some(owner) = self.owner[partition] else {
                    continue;
                };
                let fewer = |member: usize| self.count[owner] > self.count[member] + 1;
                let former = self.before[partition].filter(|&m| self.may_have(m, partition) && fewer(m));
                let taker = former.or_else(|| {
                    let takers = || {
                        self.order
                            .iter()
                            .copied()
                            .filter(|&m| self.may_have(m, partition))
                    };
                    let worthwhile = takers().any(|m| m != owner && fewer(m));
                    takers().next().filter(|_| worthwhile)
                });
                if let Some(taker) = taker {
                    let partition = self
                        .moves
                        .instead_of(self.topic(partition), partition, owner, taker);
                    self.give(partition, taker);
                    moved = true;
                }
            }
            any |= moved;
            if !moved {
                return any;
            }
        }
    }

    fn topic(&self, partition: usize) -> usize {
        self.partitions[partition].topic
    }

    fn give(&mut self, partition: usize, taker: usize) {
        if let Some(owner) = self.owner[partition].replace(taker) {
            self.moves.moved(self.topic(partition), partition, owner, taker);
            self.count[owner] -= 1;
        }
        self.count[taker] += 1;
        self.sort();
    }

    /// Whether no member could take a partition from one that has more of them, or all differ by one at most.
    fn is_even(&self) -> bool {
        let (Some(&least), Some(&most)) = (self.order.first(), self.order.last()) else {
            return true;
        };
        if self.count[least] + 1 >= self.count[most] {
            return true;
        }
        !self.order.iter().any(|&member| {
            self.count[member] < self.most[member]
                && self.owner.iter().enumerate().any(|(partition, owner)| {
                    self.may_have(member, partition)
                        && owner
                            .is_some_and(|o| self.order.contains(&o) && self.count[member] < self.count[o])
                })
        })
    }

    /// The sum of differences between all pairs of members that can gain or lose.
    fn score(&self, count: &[usize]) -> usize {
        let pairs = self.order.iter().enumerate();
        pairs
            .flat_map(|(place, &a)| {
                self.order[place + 1..]
                    .iter()
                    .map(move |&b| count[a].abs_diff(count[b]))
            })
            .sum()
    }
}

/// Moves so far (from, to), by topic: two members need not exchange partitions of a topic.
#[derive(Default)]
struct Moves {
    of: BTreeMap<usize, (usize, usize)>,
    between: BTreeMap<(usize, usize, usize), Vec<usize>>,
}

impl Moves {
    /// The partition to move from `owner` to `taker` instead of the given one, if one moved the other way.
    fn instead_of(&self, topic: usize, partition: usize, owner: usize, taker: usize) -> usize {
        let reverse = self.between.get(&(topic, taker, owner));
        reverse
            .and_then(|list| list.first())
            .copied()
            .unwrap_or(partition)
    }

    fn moved(&mut self, topic: usize, partition: usize, owner: usize, taker: usize) {
        let first = match self.of.remove(&partition) {
            None => owner,
            Some((first, last)) => {
                if let Some(list) = self.between.get_mut(&(topic, first, last)) {
                    list.retain(|&p| p != partition);
                }
                first
            }
        };
        if first != taker {
            self.of.insert(partition, (first, taker));
            self.between
                .entry((topic, first, taker))
                .or_default()
                .push(partition);
        }
    }
}
