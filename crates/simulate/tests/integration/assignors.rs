//! Equality with librdkafka's own assignors: `tests/peers/assignors.py` lets groups of its consumers settle
//! after each join and leave, and their partitions must be what the assignors here give for the same members.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_model::kafka::Assignor;
use cofferdam_simulate::components::kafka::assign::{Member, TopicPartition, Topics, assign, withhold};
use serde_json::Value;

/// The interpreter of the virtual environment that `make servers` builds.
fn python() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers/python/bin/python");
    let python = std::env::var_os("COFFERDAM_TEST_PYTHON").map_or(built, PathBuf::from);
    assert!(
        python.is_file(),
        "{} is not there: run `make servers`",
        python.display()
    );
    python
}

fn play() -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/assignors.py");
    let output = Command::new(python()).arg(script).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn partitions(topics: &Topics, list: &Value) -> Vec<TopicPartition> {
    let read = |pair: &Value| TopicPartition {
        topic: topics.index(pair[0].as_str().unwrap()).unwrap(),
        partition: u32::try_from(pair[1].as_u64().unwrap()).unwrap(),
    };
    list.as_array().unwrap().iter().map(read).collect()
}

/// The group's partitions after it has settled: an eager one after one rebalance, a cooperative one after as
/// many as needed until nothing must be given up first.
fn settled(assignor: Assignor, topics: &Topics, members: &mut [Member]) -> Vec<Vec<TopicPartition>> {
    loop {
        let mut given = assign(assignor, topics, members);
        if assignor.is_eager() || !withhold(members, &mut given) {
            return given;
        }
        for (member, owned) in members.iter_mut().zip(given) {
            member.owned = owned;
        }
    }
}

#[test]
fn assignments_equal_those_of_librdkafka() {
    let mut owned: BTreeMap<String, Vec<TopicPartition>> = BTreeMap::new();
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    let mut group = Value::Null;
    for line in play() {
        if line["group"] != group {
            group = line["group"].clone();
            owned.clear();
        }
        let counts = line["topics"].as_object().unwrap();
        let topics = Topics::new(counts.iter().map(|(name, count)| {
            let count = u32::try_from(count.as_u64().unwrap()).unwrap();
            (name.clone(), count)
        }));
        let rows = line["members"].as_array().unwrap();
        let mut members: Vec<Member> = rows
            .iter()
            .map(|row| {
                let subscribed = row["topics"].as_array().unwrap();
                Member {
                    id: text(&row["id"]),
                    topics: subscribed
                        .iter()
                        .map(|name| topics.index(name.as_str().unwrap()).unwrap())
                        .collect(),
                    owned: owned.get(&text(&row["name"])).cloned().unwrap_or_default(),
                    ..Member::default()
                }
            })
            .collect();
        let name = text(&line["assignor"]);
        let before = members.clone();
        let ours = settled(Assignor::parse(&name).unwrap(), &topics, &mut members);
        owned.clear();
        for ((row, ours), before) in rows.iter().zip(ours).zip(before) {
            let theirs = partitions(&topics, &row["assignment"]);
            assert_eq!(
                ours, theirs,
                "{} had {:?}; the group is {line}",
                row["name"], before.owned
            );
            owned.insert(text(&row["name"]), theirs);
        }
        *compared.entry(name).or_default() += 1;
    }
    // Two groups with 9 and 6 steps and five with 9: 60 for each assignor.
    let expected = ["cooperative-sticky", "range", "roundrobin"].map(|name| (name.to_owned(), 60));
    assert_eq!(compared, BTreeMap::from(expected));
}
