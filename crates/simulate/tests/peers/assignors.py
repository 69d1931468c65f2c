#!/usr/bin/env python3
"""Lets librdkafka assign partitions to consumers of a group, and prints the result.

Consumers of confluent-kafka, which bundles librdkafka, join and leave groups on librdkafka's own mock cluster. After
each step, once the group has settled, one JSON line tells who is in the group and who has what:

    {"group": 0, "assignor": "range", "topics": {"t0": 5},
     "members": [{"name": "a", "id": "a-0x1", "topics": ["t0"], "assignment": [["t0", 0]]}]}

Lines of a group follow each other, so that what the members of one line have is what they own in the next. Needs
the Python package confluent-kafka.
"""

import concurrent.futures
import ctypes
import glob
import json
import os
import random
import sys
import time

import confluent_kafka

DEADLINE = 40
# More than the half second for which the coordinator waits for members to join.
CALM = 0.8
# How often a group is repeated when its members are removed.
TRIES = 8


class Cluster:
    """librdkafka's mock cluster. The Python package has no function that gives a topic a number of partitions, so
    the library is called directly."""

    def __init__(self):
        package = os.path.dirname(confluent_kafka.__file__)
        bundled = glob.glob(os.path.join(package, "..", "confluent_kafka.libs", "librdkafka*.so*"))
        bundled += glob.glob(os.path.join(package, ".dylibs", "librdkafka*.dylib"))
        if not bundled:
            sys.exit(f"no librdkafka beside {package}")
        self.library = ctypes.CDLL(bundled[0])
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(self.library, name).restype = ctypes.c_void_p
        self.library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        error = ctypes.create_string_buffer(512)
        configuration = self.library.rd_kafka_conf_new()
        client = self.library.rd_kafka_new(0, ctypes.c_void_p(configuration), error, len(error))
        if not client:
            sys.exit(error.value.decode())
        self.handle = ctypes.c_void_p(self.library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1))
        self.servers = self.library.rd_kafka_mock_cluster_bootstraps(self.handle).decode()
        self.library.rd_kafka_mock_group_initial_rebalance_delay_ms(self.handle, 100)

    def create(self, topic, partitions):
        failed = self.library.rd_kafka_mock_topic_create(self.handle, topic.encode(), partitions, 1)
        if failed:
            sys.exit(f"topic {topic}: error {failed}")


class Member:
    def __init__(self, cluster, group, assignor, name, topics):
        self.name, self.topics = name, topics
        # How many assignments it got: one at each rebalance, an empty one too.
        self.assignments = 0
        # Whether others got its partitions before it gave them up.
        self.lost = False
        self.consumer = confluent_kafka.Consumer(
            {
                "bootstrap.servers": cluster.servers,
                "group.id": group,
                "partition.assignment.strategy": assignor,
                "heartbeat.interval.ms": 50,
                # The mock coordinator waits for those that still have to join until a second before this.
                "session.timeout.ms": 1500,
                "topic.metadata.refresh.interval.ms": -1,
            }
        )
        self.consumer.subscribe(topics, on_assign=self.assigned, on_lost=self.has_lost)

    def assigned(self, _consumer, _partitions):
        self.assignments += 1

    def has_lost(self, _consumer, _partitions):
        self.lost = True

    def state(self):
        self.consumer.poll(0.002)
        assigned = sorted((p.topic, p.partition) for p in self.consumer.assignment())
        return self.consumer.memberid(), assigned

    def leave(self):
        self.consumer.close()


def settle(topics, members, had):
    """Polls until every member has learned of the rebalance, every partition has exactly one member, and nothing has
    changed for a while. `had` is how many assignments each had got before."""
    start = time.monotonic()
    before, since = None, start
    while time.monotonic() - start < DEADLINE:
        states = [member.state() for member in members]
        now = time.monotonic()
        if states != before:
            before, since = states, now
            continue
        wanted = sorted(
            (topic, partition)
            for topic, count in topics.items()
            if any(topic in member.topics for member in members)
            for partition in range(count)
        )
        dealt = sorted(partition for _, assigned in states for partition in assigned)
        heard = all(member.assignments > had.get(member, 0) for member in members)
        if heard and dealt == wanted and all(identifier for identifier, _ in states) and now - since > CALM:
            return states
    raise TimeoutError(f"the group did not settle within {DEADLINE} s: {before}")


def scenarios(chance):
    """Group by group: assignor, partitions of each topic, and steps: which member joins with which topics, or leaves."""
    for assignor in ("range", "roundrobin", "cooperative-sticky"):
        yield assignor, [12], [("join", f"m{n}", [0]) for n in range(7)] + [("leave", "m3"), ("leave", "m0")]
        yield assignor, [3], [("join", f"m{n}", [0]) for n in range(5)] + [("leave", "m1")]
        for alike in (True, True, False, False, False):
            counts = [chance.randint(1, 9) for _ in range(chance.randint(1, 3))]
            names = [f"{letter}{chance.randint(0, 99)}" for letter in "qbzakf"]
            chance.shuffle(names)
            present, steps = [], []
            for _ in range(9):
                if names and (len(present) < 2 or chance.random() < 0.65):
                    wanted = [t for t in range(len(counts)) if alike or chance.random() < 0.6]
                    present.append(names.pop())
                    steps.append(("join", present[-1], wanted or [0]))
                else:
                    steps.append(("leave", present.pop(chance.randrange(len(present)))))
            yield assignor, counts, steps


class Dropped(Exception):
    """A member was removed and came back as another, or missed a rebalance, because this machine was too busy for its
    heartbeats: what it had was given to others, and its partitions are not those of the last line."""


def play(cluster, group, assignor, counts, steps):
    """The lines of one group; repeated, under another name, if a member was removed."""
    for again in range(TRIES):
        try:
            return attempt(cluster, f"g{group}" + "x" * again, group, assignor, counts, steps)
        except Dropped:
            continue
    raise TimeoutError(f"group {group}: members were thrown out {TRIES} times; this machine is too busy")


def attempt(cluster, name, group, assignor, counts, steps):
    topics = {f"{name}-t{place}": count for place, count in enumerate(counts)}
    for topic, count in topics.items():
        cluster.create(topic, count)
    names, members, lines, known = list(topics), [], [], {}
    try:
        for step in steps:
            had = {member: member.assignments for member in members}
            if step[0] == "join":
                wanted = [names[place] for place in step[2]]
                members.append(Member(cluster, name, assignor, step[1], wanted))
            else:
                leaving = next(member for member in members if member.name == step[1])
                members.remove(leaving)
                leaving.leave()
            states = settle(topics, members, had)
            for member, (identifier, _) in zip(members, states):
                if member.lost or known.setdefault(member, identifier) != identifier:
                    raise Dropped
            rows = [
                {"name": member.name, "id": identifier, "topics": member.topics, "assignment": assigned}
                for member, (identifier, assigned) in zip(members, states)
            ]
            lines.append(json.dumps({"group": group, "assignor": assignor, "topics": topics, "members": rows}))
    finally:
        for member in members:
            member.leave()
    return lines


def main():
    cluster = Cluster()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        played = [
            threads.submit(play, cluster, group, *scenario)
            for group, scenario in enumerate(scenarios(random.Random(20)))
        ]
        for group in played:
            print("\n".join(group.result()), flush=True)


if __name__ == "__main__":
    main()
