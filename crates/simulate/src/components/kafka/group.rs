//! A consumer group second by second: who owns which partitions, what waits in the broker and in memory, and
//! which members have died.
//!
//! A member that leaves says so, and the group rebalances. A member that dies counts until its session ends,
//! and so do its partitions, which nobody reads meanwhile. In a rebalance each member of an eager group gives
//! up all its partitions when it learns of it, with its next heartbeat, and waits until the slowest has
//! learned of it and come back. A cooperative group continues with partitions that do not move, and needs a
//! second rebalance for those that do. A static member that comes back within its session gets its partitions
//! again without any rebalance. Source: Kafka's documentation of the consumer group protocol, KIP-345 (static
//! membership), KIP-429 (incremental rebalance).

use std::collections::BTreeMap;
use std::time::Duration;

use cofferdam_formulas::members::Partitions;
use cofferdam_model::kafka::Assignor;
use cofferdam_policy::{Random, Time};

use super::assign::{Member as Joining, TopicPartition, Topics, assign};
use crate::chance::Chance;
use crate::components::crash_loop::{CrashLoop, CrashLoopConfig};

/// A group and what it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupConfig {
    /// Partitions of each of its topics.
    pub topics: Vec<u32>,
    /// How they are assigned.
    pub assignor: Assignor,
    /// A member without a heartbeat for this time is removed.
    pub session: Duration,
    /// Time between heartbeats, through which members learn of a rebalance.
    pub heartbeat: Duration,
    /// Whether members keep their identity after a restart.
    pub statics: bool,
    /// Messages a second, spread evenly over the partitions.
    pub rate: f64,
    /// Messages a second that one member processes.
    pub each: f64,
    /// Messages that a member's memory holds before it is killed; `None` if it fetches no more than it works
    /// on.
    pub memory: Option<u64>,
    /// Whether the messages in the memory of a dead member are read again, as they are if offsets are
    /// committed after the work; otherwise they are lost.
    pub comes_again: bool,
    /// From the start of a process until it has joined.
    pub start_up: Duration,
}

impl GroupConfig {
    /// Partitions of all topics, which have numbers from 0, topic after topic.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.topics.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Its topics as they are assigned.
    #[must_use]
    pub fn assigned(&self) -> Partitions {
        Partitions {
            topics: self
                .topics
                .iter()
                .map(|partitions| (String::new(), *partitions))
                .collect(),
            assignor: self.assignor,
        }
    }

    /// The partition of a number.
    fn partition(&self, mut number: u32) -> TopicPartition {
        let last = self.topics.len().saturating_sub(1);
        for (topic, partitions) in self.topics.iter().enumerate() {
            if number < *partitions || topic == last {
                return TopicPartition {
                    topic,
                    partition: number,
                };
            }
            number -= partitions;
        }
        TopicPartition {
            topic: 0,
            partition: number,
        }
    }

    /// The number of a partition.
    fn number(&self, of: TopicPartition) -> u32 {
        self.topics
            .iter()
            .take(of.topic)
            .fold(of.partition, |sum, n| sum.saturating_add(*n))
    }
}

/// What happened in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Second {
    /// Messages worked off.
    pub done: u64,
    /// Members that ran out of memory.
    pub killed: u32,
    /// Rebalances that began.
    pub rebalances: u32,
    /// Share of the partitions' time in which they were not read, from 0 to 1.
    pub unread: f64,
}

#[derive(Debug, Clone)]
struct Member {
    id: String,
    /// Whether its process runs.
    up: bool,
    /// Whether the coordinator counts it.
    counted: bool,
    owned: Vec<u32>,
    /// Messages in its memory.
    queue: u64,
    /// When it learns of the current rebalance, or learned of the last, in seconds.
    hears_at: f64,
    /// Without heartbeats since.
    silent_since: u64,
    /// When its process has started and joins.
    joins_at: Option<u64>,
    crashes: CrashLoop,
}

/// A consumer group.
#[derive(Debug)]
pub struct Group {
    config: GroupConfig,
    topics: Topics,
    members: Vec<Member>,
    /// Messages in the broker, by partition.
    backlog: Vec<f64>,
    /// Until when the rebalance runs, in seconds.
    busy_until: f64,
    /// Partitions that move in it, and since when nobody reads them.
    moving: BTreeMap<u32, f64>,
    /// Whether another rebalance must follow.
    again: bool,
    second: u64,
    /// Messages that were in the memory of members that died.
    in_dead_memory: u64,
}

impl Group {
    /// A group of this many members that have their assigned partitions.
    #[must_use]
    pub fn new(config: GroupConfig, members: u32) -> Self {
        let names = config
            .topics
            .iter()
            .enumerate()
            .map(|(n, partitions)| (format!("{n:09}"), *partitions));
        let topics = Topics::new(names);
        let mut group = Self {
            topics,
            members: Vec::new(),
            backlog: vec![0.0; config.partitions() as usize],
            busy_until: 0.0,
            moving: BTreeMap::new(),
            again: false,
            second: 0,
            in_dead_memory: 0,
            config,
        };
        for number in 0..members {
            group.members.push(group.member(number));
        }
        for member in &mut group.members {
            (member.up, member.counted) = (true, true);
        }
        group.deal();
        group
    }

    fn member(&self, number: u32) -> Member {
        Member {
            id: format!("member-{number:05}"),
            up: false,
            counted: false,
            owned: Vec::new(),
            queue: 0,
            hears_at: 0.0,
            silent_since: 0,
            joins_at: None,
            crashes: CrashLoop::new(CrashLoopConfig::default()),
        }
    }

    /// Members in total, running or not.
    #[must_use]
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// Members that run and have at least one partition.
    #[must_use]
    pub fn working(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.up && !member.owned.is_empty())
            .count()
    }

    /// Members that run and have none.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.up && member.owned.is_empty())
            .count()
    }

    /// Members whose process runs.
    #[must_use]
    pub fn up(&self) -> usize {
        self.members.iter().filter(|member| member.up).count()
    }

    /// Partitions of each member.
    #[must_use]
    pub fn shares(&self) -> Vec<usize> {
        self.members.iter().map(|member| member.owned.len()).collect()
    }

    /// Messages that wait, in the broker and in memory.
    #[must_use]
    pub fn lag(&self) -> f64 {
        self.backlog.iter().sum::<f64>() + self.members.iter().map(|member| member.queue as f64).sum::<f64>()
    }

    /// Messages that were in the memory of members when they died: lost, or fetched again, depending on when
    /// offsets are committed.
    #[must_use]
    pub const fn in_dead_memory(&self) -> u64 {
        self.in_dead_memory
    }

    /// One more member, which joins when it has started.
    pub fn add(&mut self) {
        let mut member = self.member(self.members.len() as u32);
        member.joins_at = Some(self.second + self.config.start_up.as_secs());
        self.members.push(member);
    }

    /// A member is restarted cleanly: it leaves (a static one does not), and joins when it has started.
    pub fn restart(&mut self, number: usize, chance: &mut Chance) -> Second {
        let mut second = Second::default();
        let joins_at = self.second + self.config.start_up.as_secs();
        let Some(member) = self.members.get_mut(number) else {
            return second;
        };
        member.up = false;
        member.silent_since = self.second;
        member.joins_at = Some(joins_at);
        // It processes the messages in its memory before it leaves.
        member.queue = 0;
        if !self.config.statics {
            member.counted = false;
            self.rebalance(self.now(), chance, &mut second);
        }
        second
    }

    /// One second, in which a member processes `speed` times its usual number.
    pub fn tick(&mut self, speed: f64, chance: &mut Chance) -> Second {
        self.second += 1;
        let mut second = Second::default();
        let each = self.config.rate / f64::from(self.config.partitions().max(1));
        for backlog in &mut self.backlog {
            *backlog += each;
        }
        self.come_and_go(chance, &mut second);
        let now = self.now() - 1.0;
        if self.again && now >= self.busy_until {
            self.again = false;
            self.deal();
            self.stand(now, chance, &mut second);
        }
        if now >= self.busy_until {
            self.moving.clear();
        }
        self.work(speed, &mut second);
        second
    }

    /// Whether every member runs and there is no rebalance.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.again && self.now() >= self.busy_until && self.members.iter().all(|member| member.up)
    }

    const fn now(&self) -> f64 {
        self.second as f64
    }

    /// Members that have started join, and members that were silent for a session are removed.
    fn come_and_go(&mut self, chance: &mut Chance, second: &mut Second) {
        let mut changed = false;
        for member in &mut self.members {
            if member.joins_at.is_some_and(|at| at <= self.second) {
                member.joins_at = None;
                member.up = true;
                // A static member that the coordinator still counts has its partitions as before.
                changed |= !(self.config.statics && member.counted);
                member.counted = true;
            } else if !member.up
                && member.counted
                && self.second - member.silent_since >= self.config.session.as_secs()
            {
                member.counted = false;
                changed = true;
            }
        }
        if changed {
            self.rebalance(self.now() - 1.0, chance, second);
        }
    }

    fn rebalance(&mut self, now: f64, chance: &mut Chance, second: &mut Second) {
        let mut owner: BTreeMap<u32, usize> = BTreeMap::new();
        for (number, member) in self.members.iter().enumerate() {
            owner.extend(member.owned.iter().map(|partition| (*partition, number)));
        }
        self.deal();
        let moved: Vec<(u32, Option<usize>)> = self
            .members
            .iter()
            .enumerate()
            .flat_map(|(number, member)| member.owned.iter().map(move |partition| (*partition, number)))
            .map(|(partition, number)| (partition, owner.get(&partition).copied(), number))
            .filter(|(_, before, number)| *before != Some(*number))
            .map(|(partition, before, _)| (partition, before))
            .collect();
        // A cooperative group needs a second round for partitions that another member must give up first.
        self.again = !self.config.assignor.is_eager() && !moved.is_empty();
        if now >= self.busy_until {
            // The last rebalance is over, so nothing moves any more.
            self.moving.clear();
        }
        self.stand(now, chance, second);
        for (partition, before) in moved {
            // Its former owner, if still running, reads it until it learns of the rebalance.
            let before = before
                .map(|number| &self.members[number])
                .filter(|member| member.up);
            let since = before.map_or(now, |member| member.hears_at);
            self.moving.entry(partition).or_insert(since);
        }
    }

    /// A rebalance lasts until the slowest member has learned of it and come back; each reads until it learns
    /// of it.
    fn stand(&mut self, now: f64, chance: &mut Chance, second: &mut Second) {
        second.rebalances += 1;
        let running = now < self.busy_until;
        let mut last = now;
        for member in self.members.iter_mut().filter(|member| member.up) {
            let hears = now + chance.unit() * self.config.heartbeat.as_secs_f64();
            if !running {
                member.hears_at = hears;
            }
            last = last.max(hears);
        }
        self.busy_until = self.busy_until.max(last);
    }

    /// Part of the current second in which the partition's owner reads it.
    fn reads(&self, member: &Member, partition: u32) -> f64 {
        let to = self.now();
        let since = match self.moving.get(&partition) {
            Some(since) => *since,
            None if self.config.assignor.is_eager() => member.hears_at,
            None => return 1.0,
        };
        1.0 - (self.busy_until.min(to) - since.max(to - 1.0)).clamp(0.0, 1.0)
    }

    fn deal(&mut self) {
        let counted: Vec<usize> = (0..self.members.len())
            .filter(|n| self.members[*n].counted)
            .collect();
        let joining: Vec<Joining> = counted
            .iter()
            .map(|n| Joining {
                id: self.members[*n].id.clone(),
                topics: (0..self.config.topics.len()).collect(),
                owned: self.members[*n]
                    .owned
                    .iter()
                    .map(|number| self.config.partition(*number))
                    .collect(),
                ..Joining::default()
            })
            .collect();
        for member in &mut self.members {
            member.owned.clear();
        }
        for (number, dealt) in counted
            .into_iter()
            .zip(assign(self.config.assignor, &self.topics, &joining))
        {
            self.members[number].owned = dealt.into_iter().map(|of| self.config.number(of)).collect();
        }
    }

    fn work(&mut self, speed: f64, second: &mut Second) {
        let can = self.config.each * speed;
        let mut read = 0.0;
        for number in 0..self.members.len() {
            let member = &self.members[number];
            if !member.up {
                continue;
            }
            let readable: Vec<(u32, f64)> = member
                .owned
                .iter()
                .map(|partition| (*partition, self.reads(member, *partition)))
                .filter(|(_, part)| *part > 0.0)
                .collect();
            read += readable.iter().map(|(_, part)| part).sum::<f64>();
            let most = readable.iter().map(|(_, part)| *part).fold(0.0, f64::max);
            let member = &mut self.members[number];
            match self.config.memory {
                // It takes everything that the broker has and processes it from memory, also while the group
                // is stopped.
                Some(memory) => {
                    for (partition, _) in readable {
                        let taken = libm::floor(self.backlog[partition as usize]);
                        self.backlog[partition as usize] -= taken;
                        member.queue += taken as u64;
                    }
                    let done = (can as u64).min(member.queue);
                    member.queue -= done;
                    second.done += done;
                    if member.queue > memory {
                        // It is killed at its limit: messages that it had not fetched yet stay in the broker,
                        // and those in its memory come again if offsets are committed after the work.
                        self.in_dead_memory += memory;
                        let again = if self.config.comes_again {
                            member.queue
                        } else {
                            member.queue - memory
                        };
                        let all: Vec<u32> = (0..self.config.partitions()).collect();
                        let of = if member.owned.is_empty() {
                            &all
                        } else {
                            &member.owned
                        };
                        for partition in of {
                            self.backlog[*partition as usize] += again as f64 / of.len() as f64;
                        }
                        second.killed += 1;
                        let back = member
                            .crashes
                            .ended(Time::from_nanos(self.second * 1_000_000_000));
                        member.queue = 0;
                        member.up = false;
                        member.silent_since = self.second;
                        member.joins_at =
                            Some(back.as_nanos() / 1_000_000_000 + self.config.start_up.as_secs());
                    }
                }
                None => {
                    let mut left = can * most;
                    for (partition, part) in readable {
                        let done = libm::floor(self.backlog[partition as usize].min(left).min(can * part));
                        self.backlog[partition as usize] -= done;
                        left -= done;
                        second.done += done as u64;
                    }
                }
            }
        }
        second.unread = 1.0 - read / f64::from(self.config.partitions().max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;

    fn config() -> GroupConfig {
        GroupConfig {
            topics: vec![12],
            assignor: Assignor::Range,
            session: Duration::from_secs(45),
            heartbeat: Duration::from_secs(3),
            statics: false,
            rate: 1200.0,
            each: 300.0,
            memory: None,
            comes_again: true,
            start_up: Duration::from_secs(10),
        }
    }

    fn chance() -> Chance {
        Streams::new(1, 0).stream("group", "test")
    }

    #[test]
    fn as_many_members_have_partitions_as_the_formula_says() {
        let all = [
            Assignor::Range,
            Assignor::RoundRobin,
            Assignor::Sticky,
            Assignor::CooperativeSticky,
        ];
        for (assignor, topics, members) in all.iter().flat_map(|assignor| {
            [
                (vec![12, 6], 20),
                (vec![3, 3, 3], 5),
                (vec![12], 50),
                (vec![7, 4], 3),
            ]
            .into_iter()
            .map(|(topics, members)| (*assignor, topics, members))
        }) {
            let config = GroupConfig {
                topics,
                assignor,
                ..config()
            };
            let assigned = config.assigned();
            let group = Group::new(config, members);
            let owned: Vec<u32> = group.members.iter().map(|m| m.owned.len() as u32).collect();
            assert_eq!(owned.iter().sum::<u32>(), assigned.all(), "{assigned:?}");
            let idle = owned.iter().filter(|n| **n == 0).count() as u32;
            assert_eq!(idle, assigned.idle(members), "{assigned:?} over {members}");
            let shares = assigned.over(members);
            assert_eq!(
                owned.iter().max(),
                Some(&shares.busiest),
                "{assigned:?} over {members}"
            );
            assert_eq!(
                owned.iter().min(),
                Some(&shares.least),
                "{assigned:?} over {members}"
            );
            let busiest = owned.iter().filter(|n| **n == shares.busiest).count() as u32;
            assert_eq!(busiest, shares.busiest_members, "{assigned:?} over {members}");
        }
    }

    #[test]
    fn seven_members_on_twelve_partitions_have_the_capacity_of_six() {
        let mut group = Group::new(config(), 7);
        assert_eq!(group.shares(), [2, 2, 2, 2, 2, 1, 1]);
        // Each can process 180; the busiest have 200 a second each: only those with one partition keep up.
        group.config.each = 180.0;
        let mut chance = chance();
        let done: u64 = (0..1000).map(|_| group.tick(1.0, &mut chance).done).sum();
        // 5 × 180 + 2 × 100 = 1,100 of 1,200 a second; with all even, the same load needs 6 members of 200 and more.
        assert!((done as f64 / 1000.0 - 1100.0).abs() < 2.0, "{done}");
    }

    #[test]
    fn of_fifty_members_38_have_nothing() {
        assert_eq!(Group::new(config(), 50).idle(), 38);
    }

    #[test]
    fn a_rolling_restart_stops_an_eager_group_and_never_a_static_one() {
        let stop = |config: GroupConfig| {
            let mut group = Group::new(config, 6);
            let mut chance = chance();
            let (mut rebalances, mut unread) = (0, 0.0);
            for number in 0..6 {
                rebalances += group.restart(number, &mut chance).rebalances;
                for _ in 0..20 {
                    let second = group.tick(1.0, &mut chance);
                    rebalances += second.rebalances;
                    unread += second.unread;
                }
            }
            (rebalances, unread)
        };
        let (rebalances, eager) = stop(config());
        // Each restart leaves and joins. A stop is the time from when a member hears to when the slowest of five or six
        // has heard: 3 s × (5/6 − 1/2) = 1 s on average, 2.5 s for the two partitions of the one that left; 1.07 s when it
        // joins. 6 × (1.25 + 1.07) = 14 s.
        assert_eq!(rebalances, 12);
        assert!((9.0..=19.0).contains(&eager), "{eager}");
        // A static member's partitions wait for its 10 s to start: 6 × 10 × 2/12 = 10 s.
        let (rebalances, waiting) = stop(GroupConfig {
            statics: true,
            ..config()
        });
        assert_eq!(rebalances, 0);
        assert!((9.0..=11.0).contains(&waiting), "{waiting}");
        let cooperative = GroupConfig {
            assignor: Assignor::CooperativeSticky,
            ..config()
        };
        assert!(stop(cooperative).1 < eager);
    }

    #[test]
    fn the_partitions_of_a_dead_member_wait_for_its_session_to_end() {
        // Memory for 1,000 messages, all members too slow: they die, and come back after their start-up.
        let mut group = Group::new(
            GroupConfig {
                memory: Some(1000),
                ..config()
            },
            4,
        );
        let mut chance = chance();
        let killed: u32 = (0..40).map(|_| group.tick(0.1, &mut chance).killed).sum();
        assert!(killed >= 4);
        // No member holds more than its memory when it dies.
        assert_eq!(group.in_dead_memory(), u64::from(killed) * 1000);
    }

    #[test]
    fn commits_after_the_work_lose_nothing_and_commits_before_it_lose_the_buffer_at_each_crash() {
        for comes_again in [true, false] {
            let mut group = Group::new(
                GroupConfig {
                    memory: Some(1000),
                    comes_again,
                    ..config()
                },
                4,
            );
            let mut chance = chance();
            let (mut done, mut killed) = (0, 0);
            for second in 0..600 {
                let speed = if second < 120 { 0.1 } else { 1.0 };
                let happened = group.tick(speed, &mut chance);
                done += happened.done;
                killed += happened.killed;
            }
            assert!(killed > 0);
            // 1,200 a second came in: they are processed, wait, or were lost in the memory of a dead member.
            let lost = if comes_again { 0 } else { 1000 * u64::from(killed) };
            let found = (done + lost) as f64 + group.lag();
            assert!((found - 1200.0 * 600.0).abs() < 1.0, "{found}");
        }
    }

    #[test]
    fn every_partition_has_exactly_one_owner_while_members_are_counted() {
        let mut group = Group::new(config(), 5);
        let mut chance = chance();
        for second in 0..300 {
            if second % 37 == 0 {
                group.restart(second % 5, &mut chance);
            }
            if second == 100 {
                group.add();
            }
            group.tick(1.0, &mut chance);
            let mut owned: Vec<u32> = group
                .members
                .iter()
                .flat_map(|member| member.owned.clone())
                .collect();
            owned.sort_unstable();
            assert_eq!(owned, (0..12).collect::<Vec<_>>());
        }
    }
}
