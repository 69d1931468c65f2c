//! Members of consumer groups and the partitions that they get.
//!
//! A service adds `replicas × processes × consumers a process` members. A worker thread is no member unless something
//! shows that each builds a consumer. Which members get partitions depends on the assignor: range assigns each topic
//! separately, always beginning with the same member, so that as many members have work as the largest topic has
//! partitions; round robin and the sticky assignors assign the partitions of all topics together. Source: Apache Kafka
//! documentation, `partition.assignment.strategy`, and the Javadoc of its assignors.

use crate::evidence::{Evidence, Need};
use cofferdam_model::kafka::{Assignor, Consumer, KafkaClient, WorkerSetting};
use cofferdam_model::registry::topics;
use cofferdam_model::units::count;
use cofferdam_model::{Environment, Service};

/// Members that one replica of a service adds to its consumer group: processes × consumers a process. A
/// worker setting counts only if there is evidence that each worker builds a consumer.
#[must_use]
pub fn per_replica(consumer: &Consumer, service: &Service, evidence: &mut Evidence) -> u32 {
    let processes = service.processes.as_ref().map_or(1, |processes| {
        evidence.input_as("processes of a replica", processes, "processes in each replica")
    });
    let of_process = of_process(consumer, evidence);
    processes.saturating_mul(of_process)
}

/// Consumers that one process builds.
fn of_process(consumer: &Consumer, evidence: &mut Evidence) -> u32 {
    let name = "consumers of a process";
    if let Some(stated) = &consumer.consumers_per_process {
        return evidence.input_as(name, stated, "consumers in each process");
    }
    if let Some((worker, builds)) = building(consumer) {
        evidence.note(builds, "each worker builds a consumer");
        return evidence.input_as(name, &worker.count, format!("`{}`", worker.name));
    }
    if let Some(worker) = consumer.workers.first() {
        let known = worker
            .builds_consumer
            .as_ref()
            .is_some_and(|builds| !builds.value);
        if !known {
            evidence.assume(format!(
                "one consumer a process: nothing shows that each of the {} `{}` builds its own consumer",
                worker.count.value, worker.name
            ));
        }
    }
    1
}

/// The worker setting whose workers each build a consumer, if there is one.
fn building(consumer: &Consumer) -> Option<(&WorkerSetting, &cofferdam_model::Fact<bool>)> {
    consumer.workers.iter().find_map(|worker| {
        let builds = worker.builds_consumer.as_ref().filter(|builds| builds.value)?;
        Some((worker, builds))
    })
}

/// Threads that share the messages of one member, each of which works on one at a time.
#[must_use]
pub fn threads(consumer: &Consumer, evidence: &mut Evidence) -> u32 {
    if consumer.consumers_per_process.is_none() && building(consumer).is_some() {
        return 1;
    }
    let workers = consumer.workers.iter().max_by_key(|worker| worker.count.value);
    workers
        .map_or(1, |worker| {
            let name = format!("threads that work (`{}`)", worker.name);
            evidence.input(name, &worker.count)
        })
        .max(1)
}

/// The first worker setting whose workers could be members but are not counted as such: the alternative
/// reading, and whether the code rules it out.
#[must_use]
pub fn other_reading(consumer: &Consumer) -> Option<(&WorkerSetting, bool)> {
    if building(consumer).is_some() {
        return None;
    }
    let worker = consumer.workers.iter().find(|worker| worker.count.value > 1)?;
    let ruled_out = consumer.consumers_per_process.is_some() || worker.builds_consumer.is_some();
    Some((worker, ruled_out))
}

/// The assignor of a group: the first that is set, or the client's default, as an assumption. Sources: the configuration
/// references of the clients.
#[must_use]
pub fn assignor(consumer: &Consumer, evidence: &mut Evidence) -> Assignor {
    if let Some(first) = consumer.assignors.first() {
        evidence.note(first, "the assignor");
        let named = first.clone().map(|assignor| format!("{assignor:?}"));
        evidence.input("assignor", &named);
        return first.value;
    }
    if is_assigned_by_broker(consumer) {
        evidence.depend(&consumer.protocol);
        return Assignor::CooperativeSticky;
    }
    let (assignor, why) = default_assignor(consumer.client.as_ref().map(|client| client.value));
    evidence.assume(why);
    assignor
}

/// Whether the group uses the protocol of Kafka 4, in which the broker assigns all partitions together and moves only those
/// that must move (KIP-848, `group.consumer.assignors`: uniform).
fn is_assigned_by_broker(consumer: &Consumer) -> bool {
    let protocol = consumer.protocol.as_ref();
    protocol.is_some_and(|protocol| protocol.value.eq_ignore_ascii_case("consumer"))
}

/// What a client uses where nothing is set, and the sentence that names it.
#[must_use]
pub fn default_assignor(client: Option<KafkaClient>) -> (Assignor, &'static str) {
    match client {
        Some(KafkaClient::Java) => (
            Assignor::Range,
            "no assignor is set; the Java client's default is range, which is eager",
        ),
        Some(KafkaClient::Librdkafka) => (
            Assignor::Range,
            "no assignor is set; librdkafka's default is range,roundrobin, both eager",
        ),
        Some(KafkaClient::KafkaPython) => (
            Assignor::Range,
            "no assignor is set; kafka-python's default is range, which is eager",
        ),
        Some(KafkaClient::AioKafka) => (
            Assignor::RoundRobin,
            "no assignor is set; aiokafka's default is roundrobin, which is eager",
        ),
        Some(KafkaClient::Sarama) => (
            Assignor::Range,
            "no strategy is set; Sarama's default is range, which is eager",
        ),
        Some(KafkaClient::KafkaJs) => (
            Assignor::RoundRobin,
            "KafkaJS assigns round robin, which is eager",
        ),
        None => (
            Assignor::Range,
            "no assignor is set; the default of most clients is range, which is eager",
        ),
    }
}

/// The partitions of all topics that a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// Each topic with its number of partitions, at least one topic.
    pub topics: Vec<(String, u32)>,
    /// How they are assigned.
    pub assignor: Assignor,
}

impl Partitions {
    /// Partitions of all topics.
    #[must_use]
    pub fn all(&self) -> u32 {
        self.topics.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// The largest number of members of which each gets a partition.
    #[must_use]
    pub fn most_members(&self) -> u32 {
        match self.assignor {
            Assignor::Range => self.topics.iter().map(|(_, n)| *n).max().unwrap_or(0),
            Assignor::RoundRobin | Assignor::Sticky | Assignor::CooperativeSticky => self.all(),
        }
    }

    /// Of so many members, those that get no partition.
    #[must_use]
    pub fn idle(&self, members: u32) -> u32 {
        members.saturating_sub(self.most_members())
    }

    /// What is dealt out together: each topic by range, all of them otherwise.
    fn dealt(&self) -> Vec<u32> {
        match self.assignor {
            Assignor::Range => self.topics.iter().map(|(_, n)| *n).collect(),
            Assignor::RoundRobin | Assignor::Sticky | Assignor::CooperativeSticky => vec![self.all()],
        }
    }

    /// How so many members share the partitions.
    #[must_use]
    pub fn over(&self, members: u32) -> Shares {
        let members = members.max(1);
        let dealt = self.dealt();
        // The first members get what is left over of each.
        let rests = || dealt.iter().map(|n| n % members).filter(|rest| *rest > 0);
        Shares {
            busiest: dealt.iter().map(|n| n.div_ceil(members)).sum(),
            busiest_members: rests().min().unwrap_or(members),
            least: dealt.iter().map(|n| n / members).sum(),
            least_members: members - rests().max().unwrap_or(0),
        }
    }

    /// The numbers of members up to `most` that all get the same number of partitions.
    pub fn even(&self, most: u32) -> impl Iterator<Item = u32> {
        let dealt = self.dealt();
        let largest = most.min(self.most_members());
        (1..=largest).filter(move |members| dealt.iter().all(|n| n.is_multiple_of(*members)))
    }
}

/// How the members of a group share its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Partitions of the busiest member.
    pub busiest: u32,
    /// How many members have as many.
    pub busiest_members: u32,
    /// Partitions of the member with the fewest.
    pub least: u32,
    /// How many members have as few.
    pub least_members: u32,
}

/// The partitions of all topics that a consumer subscribes to, with its assignor, which matters only where there are several
/// topics and is an assumption only then. `None`, with a need, if a topic's number is not known; `None` without a need if
/// nothing says which topics it reads.
#[must_use]
pub fn partitions(consumer: &Consumer, env: &Environment, evidence: &mut Evidence) -> Option<Partitions> {
    let known = consumer.topic_ids.iter().map(|id| &env.topics[id.0]);
    let unknown: Vec<&str> = (consumer.topics.iter().map(|topic| topic.value.as_str()))
        .filter(|name| {
            let mut declared = known.clone().filter(|topic| topic.partitions.is_some());
            !declared.any(|topic| topic.name.value == *name)
        })
        .collect();
    if let Some(first) = unknown.first() {
        evidence.needs.push(Need::of(&topics::PARTITIONS, *first));
        return None;
    }
    let mut topics = Vec::new();
    for topic in known {
        let partitions = topic.partitions.as_ref()?;
        let words = format!(
            "{} of {}",
            count(partitions.value.into(), "partition"),
            topic.name.value
        );
        let name = format!("partitions of {}", topic.name.value);
        topics.push((
            topic.name.value.clone(),
            evidence.input_as(name, partitions, words),
        ));
    }
    let assignor = match topics.len() {
        0 => return None,
        1 => (consumer.assignors.first()).map_or(Assignor::RoundRobin, |first| first.value),
        _ => assignor(consumer, evidence),
    };
    Some(Partitions { topics, assignor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(assignor: Assignor, topics: &[u32]) -> Partitions {
        let topics = topics.iter().enumerate();
        Partitions {
            topics: topics
                .map(|(n, partitions)| (format!("t{n}"), *partitions))
                .collect(),
            assignor,
        }
    }

    #[test]
    fn range_uses_as_many_members_as_the_largest_topic_has_partitions_and_the_others_as_all_have() {
        // Two topics of 12 and 6 on 20 members.
        assert_eq!(of(Assignor::Range, &[12, 6]).idle(20), 8);
        for assignor in [
            Assignor::RoundRobin,
            Assignor::Sticky,
            Assignor::CooperativeSticky,
        ] {
            assert_eq!(of(assignor, &[12, 6]).idle(20), 2);
        }
        assert_eq!(of(Assignor::Range, &[12]).idle(50), 38);
    }

    #[test]
    fn the_first_members_of_range_have_the_larger_part_of_each_topic() {
        let busiest = |assignor, topics: &[u32], members| of(assignor, topics).over(members).busiest;
        // 12 over 7: two; and two topics of 12: two and two, where round robin has 24 over 7: four.
        assert_eq!(busiest(Assignor::Range, &[12], 7), 2);
        assert_eq!(busiest(Assignor::Range, &[12, 12], 7), 4);
        // Three topics of one partition all go to the first of three members.
        assert_eq!(busiest(Assignor::Range, &[1, 1, 1], 3), 3);
        assert_eq!(busiest(Assignor::RoundRobin, &[1, 1, 1], 3), 1);
        // 12 and 8 over 5: 3 + 2 for two, 3 + 2 … : rests 2 and 3, so two have 5 and two have 3.
        assert_eq!(
            of(Assignor::Range, &[12, 8]).over(5),
            Shares {
                busiest: 5,
                busiest_members: 2,
                least: 3,
                least_members: 2
            }
        );
        let even: Vec<u32> = of(Assignor::Range, &[12, 8]).even(100).collect();
        assert_eq!(even, [1, 2, 4]);
    }
}
