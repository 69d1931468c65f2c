//! Brokers, partitions and their replicas: which messages were acknowledged, and which of them are lost with
//! a leader.
//!
//! A follower has the messages that its leader had one replication lag ago. With `acks=1` the leader
//! acknowledges at once, so the messages of the last lag exist only once. When the leader fails, a follower
//! leads without them, and the old leader removes them when it comes back. With `acks=all` a message is
//! acknowledged when all replicas in sync have it, and refused while fewer than `min.insync.replicas` are.
//! Sources: Apache Kafka documentation, *Replication*, `acks`, `min.insync.replicas`,
//! `unclean.leader.election.enable`, `broker.session.timeout.ms`.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_model::kafka::Acks;
use cofferdam_policy::Time;

/// Where the preferred leaders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaders {
    /// Spread over the brokers.
    Spread,
    /// All on the first broker.
    OnOne,
}

/// A cluster and one kind of topic in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Brokers.
    pub brokers: u32,
    /// Partitions of all simulated topics.
    pub partitions: u32,
    /// Replicas of each partition.
    pub replication_factor: u32,
    /// `min.insync.replicas`.
    pub min_in_sync: u32,
    /// `unclean.leader.election.enable`: whether a replica that is not in sync may lead if there is no other.
    pub unclean_election: bool,
    /// How far followers are behind.
    pub lag: Duration,
    /// How long a dead broker is not noticed.
    pub session: Duration,
    /// Where leaders are.
    pub leaders: Leaders,
    /// The acknowledgement for which producers wait.
    pub acks: Acks,
}

impl Default for ClusterConfig {
    /// Three brokers, factor 3, two in sync, and Kafka's own defaults.
    fn default() -> Self {
        Self {
            brokers: 3,
            partitions: 12,
            replication_factor: 3,
            min_in_sync: 2,
            unclean_election: false,
            lag: Duration::from_millis(50),
            session: Duration::from_secs(9),
            leaders: Leaders::Spread,
            acks: Acks::All,
        }
    }
}

/// Why a cluster cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// There is no broker or no partition.
    #[error("a cluster without brokers or partitions")]
    Empty,
    /// A partition's replicas are on different brokers.
    #[error("{factor} replicas on {brokers} brokers")]
    Factor {
        /// Replicas asked for.
        factor: u32,
        /// The number of brokers.
        brokers: u32,
    },
}

/// How a broker stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It dies; the controller notices only after the session timeout.
    Killed,
    /// It hands its partitions over first (`controlled.shutdown.enable`, the default).
    Controlled,
}

/// Results of sent messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The leader has them.
    Taken,
    /// The partition has no leader; the producer keeps the messages and tries again. With `acks=0` the loss
    /// is never noticed.
    NoLeader,
    /// Fewer replicas are in sync than `acks=all` needs; the producer keeps them and tries again.
    TooFewInSync,
}

/// The counts of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that producers consider sent.
    pub acknowledged: u64,
    /// Those of them that no leader has any more.
    pub lost: u64,
    /// Messages that were not acknowledged when their leader failed and must be sent again.
    pub again: u64,
}

#[derive(Debug)]
struct Replica {
    broker: u32,
    end: u64,
    in_sync: bool,
}

#[derive(Debug)]
struct Partition {
    /// In order of preference.
    replicas: Vec<Replica>,
    leader: Option<usize>,
    /// The leader's log ends in the recent past, for followers that are behind.
    ends: VecDeque<(Time, u64)>,
    acknowledged: u64,
}

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    config: ClusterConfig,
    up: Vec<bool>,
    /// Deaths that the controller has not noticed yet, and when it will.
    unnoticed: Vec<(Time, u32)>,
    partitions: Vec<Partition>,
    counters: Counters,
}

impl Cluster {
    /// A cluster with all brokers up and all replicas in sync.
    ///
    /// # Errors
    ///
    /// No brokers or partitions, or more replicas than brokers.
    pub fn new(config: ClusterConfig) -> Result<Self, ClusterError> {
        let (brokers, factor) = (config.brokers, config.replication_factor);
        if brokers == 0 || config.partitions == 0 {
            return Err(ClusterError::Empty);
        }
        if factor == 0 || factor > brokers {
            return Err(ClusterError::Factor { factor, brokers });
        }
        let partition = |number: u32| {
            let first = match config.leaders {
                Leaders::Spread => number % brokers,
                Leaders::OnOne => 0,
            };
            let replica = |next: u32| Replica {
                broker: (first + next) % brokers,
                end: 0,
                in_sync: true,
            };
            Partition {
                replicas: (0..factor).map(replica).collect(),
                leader: Some(0),
                ends: VecDeque::new(),
                acknowledged: 0,
            }
        };
        Ok(Self {
            up: vec![true; brokers as usize],
            unnoticed: Vec::new(),
            partitions: (0..config.partitions).map(partition).collect(),
            counters: Counters::default(),
            config,
        })
    }

    /// What was counted so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Partitions that cannot be written to now.
    #[must_use]
    pub fn unwritable(&self) -> usize {
        let partitions = 0..self.partitions.len();
        partitions.filter(|n| self.answer(*n) != Answer::Taken).count()
    }

    /// The result of sending to a partition now; one that does not exist has no leader.
    #[must_use]
    pub fn answer(&self, partition: usize) -> Answer {
        let Some(partition) = self.partitions.get(partition) else {
            return Answer::NoLeader;
        };
        let alive = |place: usize| self.up[partition.replicas[place].broker as usize];
        if !partition.leader.is_some_and(alive) {
            return Answer::NoLeader;
        }
        let in_sync = partition.replicas.iter().filter(|r| r.in_sync).count();
        if self.config.acks == Acks::All && in_sync < self.config.min_in_sync as usize {
            return Answer::TooFewInSync;
        }
        Answer::Taken
    }

    /// Messages are sent to a partition.
    pub fn send(&mut self, number: usize, count: u64, now: Time) -> Answer {
        let answer = self.answer(number);
        if self.config.acks == Acks::None {
            self.counters.acknowledged += count;
            if answer != Answer::Taken {
                self.counters.lost += count;
            }
        }
        let Some(partition) = self.partitions.get_mut(number) else {
            return answer;
        };
        if let (Answer::Taken, Some(leader)) = (answer, partition.leader) {
            let leader = &mut partition.replicas[leader];
            leader.end += count;
            partition.ends.push_back((now, leader.end));
            match self.config.acks {
                Acks::All => {}
                Acks::Leader => {
                    partition.acknowledged = leader.end;
                    self.counters.acknowledged += count;
                }
                Acks::None => partition.acknowledged = leader.end,
            }
        }
        answer
    }

    /// Followers copy, deaths are noticed, and messages that all replicas in sync have are acknowledged.
    pub fn tick(&mut self, now: Time) {
        self.replicate(now);
        let due: Vec<u32> = self
            .unnoticed
            .extract_if(.., |(at, _)| *at <= now)
            .map(|(_, broker)| broker)
            .collect();
        for broker in due {
            self.fence(broker);
        }
        for partition in &mut self.partitions {
            let in_sync = partition.replicas.iter().filter(|r| r.in_sync);
            let common = in_sync.map(|r| r.end).min().unwrap_or(0);
            if self.config.acks == Acks::All && common > partition.acknowledged {
                self.counters.acknowledged += common - partition.acknowledged;
                partition.acknowledged = common;
            }
        }
    }

    fn replicate(&mut self, now: Time) {
        for partition in &mut self.partitions {
            let Some(leader) = partition.leader else { continue };
            if !self.up[partition.replicas[leader].broker as usize] {
                continue;
            }
            let mut copied = None;
            while let Some(&(at, end)) = partition.ends.front()
                && at + self.config.lag <= now
            {
                copied = Some(end);
                partition.ends.pop_front();
            }
            let end = partition.replicas[leader].end;
            // Without messages in flight every follower has all of them.
            let reached = match (copied, partition.ends.is_empty()) {
                (_, true) => Some(end),
                (copied, false) => copied,
            };
            for replica in &mut partition.replicas {
                if self.up[replica.broker as usize]
                    && let Some(reached) = reached
                {
                    // A replica that was down is in sync again when it has caught up.
                    replica.end = replica.end.max(reached);
                    replica.in_sync = true;
                }
            }
        }
    }

    /// A broker stops.
    pub fn stop(&mut self, broker: u32, how: Stop, now: Time) {
        let Some(up) = self.up.get_mut(broker as usize) else {
            return;
        };
        if !std::mem::replace(up, false) {
            return;
        }
        match how {
            Stop::Killed => self.unnoticed.push((now + self.config.session, broker)),
            Stop::Controlled => self.fence(broker),
        }
    }

    /// A broker comes back. Its replicas, truncated to where their leaders began, follow; partitions without
    /// a leader may get one.
    pub fn start(&mut self, broker: u32) {
        let Some(up) = self.up.get_mut(broker as usize) else {
            return;
        };
        *up = true;
        self.unnoticed.retain(|(_, unnoticed)| *unnoticed != broker);
        for number in 0..self.partitions.len() {
            if self.partitions[number].leader.is_none() {
                self.elect(number);
            }
        }
    }

    /// Leaders move back to their preferred brokers, if those are in sync and no message is in flight.
    pub fn prefer(&mut self) {
        for partition in &mut self.partitions {
            let first = &partition.replicas[0];
            if first.in_sync && self.up[first.broker as usize] && partition.ends.is_empty() {
                partition.leader = Some(0);
            }
        }
    }

    /// The controller knows that a broker is down: it leads nothing and is in sync with nothing, except as
    /// the last one that was.
    fn fence(&mut self, broker: u32) {
        for number in 0..self.partitions.len() {
            let partition = &mut self.partitions[number];
            let Some(place) = partition.replicas.iter().position(|r| r.broker == broker) else {
                continue;
            };
            if partition.leader == Some(place) {
                partition.leader = None;
            }
            if partition.replicas.iter().filter(|r| r.in_sync).count() > 1 {
                partition.replicas[place].in_sync = false;
            }
            if partition.leader.is_none() {
                self.elect(number);
            }
        }
    }

    /// The first replica that is in sync and alive leads; messages that others had beyond its end are
    /// removed.
    fn elect(&mut self, number: usize) {
        let partition = &mut self.partitions[number];
        let alive = |replica: &Replica| self.up[replica.broker as usize];
        let clean = partition.replicas.iter().position(|r| r.in_sync && alive(r));
        let unclean = || {
            let any = partition.replicas.iter().position(alive);
            any.filter(|_| self.config.unclean_election)
        };
        let Some(leader) = clean.or_else(unclean) else {
            return;
        };
        let end = partition.replicas[leader].end;
        let before = partition.replicas.iter().map(|r| r.end).max().unwrap_or(end);
        let lost = partition.acknowledged.saturating_sub(end);
        self.counters.lost += lost;
        self.counters.again += (before - end).saturating_sub(lost);
        partition.acknowledged = partition.acknowledged.min(end);
        partition.leader = Some(leader);
        partition.ends.clear();
        for (place, replica) in partition.replicas.iter_mut().enumerate() {
            replica.end = replica.end.min(end);
            replica.in_sync &= self.up[replica.broker as usize] || place == leader;
        }
        partition.replicas[leader].in_sync = true;
    }
}

/// Messages that a producer has taken from its program and the brokers have not acknowledged: they are only
/// in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buffer {
    waiting: u64,
    lost: u64,
}

impl Buffer {
    /// The program sends messages; the call returns at once.
    pub const fn add(&mut self, count: u64) {
        self.waiting += count;
    }

    /// Takes out all waiting messages, to send them.
    pub const fn drain(&mut self) -> u64 {
        std::mem::replace(&mut self.waiting, 0)
    }

    /// Messages in memory.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Messages lost with processes.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The process ends: without `flush` or `close` before, the waiting messages are lost. Returns their
    /// number.
    pub const fn end(&mut self, flushed: bool) -> u64 {
        let waiting = self.drain();
        if flushed {
            return 0;
        }
        self.lost += waiting;
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    fn config(acks: Acks) -> ClusterConfig {
        ClusterConfig {
            acks,
            // So that 7,000 messages a second are 7 a millisecond, one to each partition.
            partitions: 7,
            ..ClusterConfig::default()
        }
    }

    /// Sends one message a millisecond to each partition from `from` for `millis`.
    fn send(cluster: &mut Cluster, from: u64, millis: u64) -> Time {
        let mut now = Time::ZERO;
        for milli in from..from + millis {
            now = Time::ZERO + TICK * u32::try_from(milli).unwrap();
            cluster.tick(now);
            for partition in 0..cluster.partitions.len() {
                cluster.send(partition, 1, now);
            }
        }
        now
    }

    #[test]
    fn the_loss_of_the_only_leader_loses_rate_times_lag() {
        // 7,000/s × 50 ms = 350.
        let mut cluster = Cluster::new(ClusterConfig {
            leaders: Leaders::OnOne,
            ..config(Acks::Leader)
        })
        .unwrap();
        let now = send(&mut cluster, 0, 1000);
        cluster.stop(0, Stop::Controlled, now);
        assert_eq!(cluster.counters().lost, 350);
        assert_eq!(cluster.counters().acknowledged, 7000);
    }

    #[test]
    fn one_of_three_brokers_loses_a_third_and_all_in_turn_lose_everything() {
        // 21 partitions at 333.3/s each would be 7,000/s; 21 at 1,000/s × 50 ms = 1,050, a third of that each.
        let spread = ClusterConfig {
            partitions: 21,
            ..config(Acks::Leader)
        };
        let mut cluster = Cluster::new(spread).unwrap();
        for broker in 0..3 {
            let from = u64::from(broker) * 1000;
            let now = send(&mut cluster, from, 900);
            cluster.stop(broker, Stop::Controlled, now);
            assert_eq!(cluster.counters().lost, 350 * u64::from(broker + 1));
            cluster.start(broker);
            // No message is sent until all have caught up and the leaders are back.
            cluster.tick(now + Duration::from_millis(60));
            cluster.prefer();
        }
    }

    #[test]
    fn nothing_acknowledged_by_all_is_lost_and_the_rest_is_sent_again() {
        let mut cluster = Cluster::new(config(Acks::All)).unwrap();
        let now = send(&mut cluster, 0, 1000);
        cluster.stop(0, Stop::Killed, now);
        let fenced = now + Duration::from_secs(9);
        cluster.tick(fenced);
        assert_eq!(cluster.counters().lost, 0);
        // Broker 0 leads partitions 0, 3 and 6: 3 × 50 messages were in flight.
        assert_eq!(cluster.counters().again, 150);
        assert_eq!(cluster.unwritable(), 0);
        // With one more broker down there is one replica in sync, and two are required.
        cluster.stop(1, Stop::Controlled, fenced);
        assert_eq!(cluster.answer(2), Answer::TooFewInSync);
        assert_eq!(cluster.counters().lost, 0);
    }

    #[test]
    fn a_dead_leader_is_detected_after_the_session_timeout() {
        let mut cluster = Cluster::new(config(Acks::Leader)).unwrap();
        let now = send(&mut cluster, 0, 100);
        cluster.stop(0, Stop::Killed, now);
        cluster.tick(now + Duration::from_millis(8_999));
        assert_eq!((cluster.unwritable(), cluster.counters().lost), (3, 0));
        assert_eq!(
            cluster.send(0, 1, now + Duration::from_millis(8_999)),
            Answer::NoLeader
        );
        cluster.tick(now + Duration::from_secs(9));
        assert_eq!((cluster.unwritable(), cluster.counters().lost), (0, 150));
    }

    #[test]
    fn the_loss_of_the_only_replica_in_sync_loses_the_partition_or_its_messages() {
        for unclean_election in [false, true] {
            let mut cluster = Cluster::new(ClusterConfig {
                min_in_sync: 1,
                unclean_election,
                ..config(Acks::All)
            })
            .unwrap();
            let now = send(&mut cluster, 0, 100);
            cluster.stop(1, Stop::Controlled, now);
            cluster.stop(2, Stop::Controlled, now);
            // Broker 0 leads all and acknowledges alone.
            let now = send(&mut cluster, 101, 100);
            cluster.tick(now);
            let acknowledged = cluster.counters().acknowledged;
            cluster.stop(0, Stop::Controlled, now);
            cluster.start(1);
            if unclean_election {
                assert_eq!(cluster.unwritable(), 0);
                assert!(cluster.counters().lost >= 700, "{:?}", cluster.counters());
            } else {
                assert_eq!((cluster.unwritable(), cluster.counters().lost), (7, 0));
                cluster.start(0);
                assert_eq!((cluster.unwritable(), cluster.counters().lost), (0, 0));
                assert_eq!(cluster.counters().acknowledged, acknowledged);
            }
        }
    }

    #[test]
    fn messages_lost_without_acknowledgement_cause_no_error() {
        let mut cluster = Cluster::new(config(Acks::None)).unwrap();
        cluster.stop(0, Stop::Killed, Time::ZERO);
        send(&mut cluster, 0, 100);
        // 3 of 7 partitions have no leader for those 100 ms.
        assert_eq!(cluster.counters().lost, 300);
        assert_eq!(cluster.counters().acknowledged, 700);
    }

    #[test]
    fn a_process_that_ends_without_a_flush_loses_its_buffer() {
        let mut buffer = Buffer::default();
        buffer.add(20);
        assert_eq!(buffer.end(true), 0);
        buffer.add(30);
        assert_eq!(buffer.end(false), 30);
        assert_eq!((buffer.lost(), buffer.waiting()), (30, 0));
    }

    #[test]
    fn each_replica_needs_its_own_broker() {
        let many = ClusterConfig {
            replication_factor: 4,
            ..ClusterConfig::default()
        };
        let error = ClusterError::Factor {
            factor: 4,
            brokers: 3,
        };
        assert_eq!(Cluster::new(many).map(|_| ()), Err(error));
    }
}
