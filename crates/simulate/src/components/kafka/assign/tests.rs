use proptest::prelude::*;

use super::*;

fn topics(partitions: &[u32]) -> Topics {
    Topics::new(
        partitions
            .iter()
            .enumerate()
            .map(|(place, n)| (format!("t{place}"), *n)),
    )
}

fn member(name: usize, topics: impl IntoIterator<Item = usize>) -> Member {
    Member {
        id: format!("m{name:02}"),
        topics: topics.into_iter().collect(),
        ..Member::default()
    }
}

fn group(members: usize, topics: usize) -> Vec<Member> {
    (0..members).map(|name| member(name, 0..topics)).collect()
}

fn sizes(assignment: &Assignment) -> Vec<usize> {
    assignment.iter().map(Vec::len).collect()
}

/// Partitions of topic `topic`.
fn of(topic: usize, partitions: impl IntoIterator<Item = u32>) -> Vec<TopicPartition> {
    let of_topic = |partition| TopicPartition { topic, partition };
    partitions.into_iter().map(of_topic).collect()
}

/// The members' partitions after an assignment.
fn owning(members: &[Member], assignment: &Assignment) -> Vec<Member> {
    members
        .iter()
        .zip(assignment)
        .map(|(member, owned)| Member {
            owned: owned.clone(),
            ..member.clone()
        })
        .collect()
}

#[test]
fn seven_members_share_twelve_partitions_two_or_one_each() {
    // 12 = 5 × 2 + 2 × 1.
    for assignor in [
        Assignor::Range,
        Assignor::RoundRobin,
        Assignor::Sticky,
        Assignor::CooperativeSticky,
    ] {
        let shared = assign(assignor, &topics(&[12]), &group(7, 1));
        assert_eq!(sizes(&shared), [2, 2, 2, 2, 2, 1, 1], "{assignor:?}");
    }
}

#[test]
fn fifty_members_leave_thirty_eight_idle() {
    let shared = assign(Assignor::Range, &topics(&[12]), &group(50, 1));
    assert_eq!(sizes(&shared).iter().filter(|n| **n == 0).count(), 38);
}

#[test]
fn range_gives_the_first_members_more_of_every_topic() {
    // Three partitions for two members, twice: 2 + 2 and 1 + 1.
    let shared = assign(Assignor::Range, &topics(&[3, 3]), &group(2, 2));
    assert_eq!(shared[0], [of(0, 0..2), of(1, 0..2)].concat());
    assert_eq!(shared[1], [of(0, 2..3), of(1, 2..3)].concat());
}

#[test]
fn round_robin_continues_over_the_topics() {
    let shared = assign(Assignor::RoundRobin, &topics(&[3, 3]), &group(2, 2));
    assert_eq!(shared[0], [of(0, [0, 2]), of(1, [1])].concat());
    assert_eq!(shared[1], [of(0, [1]), of(1, [0, 2])].concat());
}

#[test]
fn round_robin_skips_members_that_do_not_subscribe() {
    let members = [member(0, [0]), member(1, [0, 1]), member(2, [1])];
    let shared = assign(Assignor::RoundRobin, &topics(&[2, 3]), &members);
    assert_eq!(shared[0], of(0, [0]));
    assert_eq!(shared[1], [of(0, [1]), of(1, [1])].concat());
    assert_eq!(shared[2], of(1, [0, 2]));
}

#[test]
fn static_members_keep_their_range_with_any_member_id() {
    let mut members = group(3, 1);
    for (member, instance) in members.iter_mut().zip(["c", "b", "a"]) {
        member.instance = Some(instance.to_owned());
    }
    let shared = assign(Assignor::Range, &topics(&[4]), &members);
    assert_eq!(shared, [of(0, [3]), of(0, [2]), of(0, [0, 1])]);
}

#[test]
fn a_topic_that_nobody_subscribes_to_is_not_assigned() {
    for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky] {
        let shared = assign(assignor, &topics(&[2, 2]), &[member(0, [1]), member(1, [7])]);
        assert_eq!(shared, [of(1, [0, 1]), Vec::new()]);
    }
}

#[test]
fn a_partition_claimed_twice_belongs_to_the_later_generation() {
    let mut members = group(2, 1);
    members[0].owned = of(0, [0, 1]);
    members[0].generation = 3;
    members[1].owned = of(0, [1, 2]);
    members[1].generation = 4;
    // Kept: 0 with the first; 1 and 2 with the second; 3 goes to the first, which has fewer.
    let shared = assign(Assignor::Sticky, &topics(&[4]), &members);
    assert_eq!(shared, [of(0, [0, 3]), of(0, [1, 2])]);
}

#[test]
fn a_partition_that_moves_is_assigned_only_after_its_owner_gave_it_up() {
    let all = topics(&[4]);
    let mut members = group(1, 1);
    members[0].owned = of(0, 0..4);
    members.push(member(1, [0]));
    let goal = assign(Assignor::CooperativeSticky, &all, &members);
    assert_eq!(sizes(&goal), [2, 2]);
    let mut first = goal.clone();
    assert!(withhold(&members, &mut first));
    assert_eq!(sizes(&first), [2, 0]);
    let members = owning(&members, &first);
    let mut second = assign(Assignor::CooperativeSticky, &all, &members);
    assert!(!withhold(&members, &mut second));
    assert_eq!(second, goal);
}

prop_compose! {
    /// Up to four topics of up to twenty partitions, and up to twelve members that subscribe to some of them.
    fn any_group()(
        partitions in prop::collection::vec(0u32..20, 1..5),
        subscriptions in prop::collection::vec(1u32..16, 1..13),
    ) -> (Topics, Vec<Member>) {
        let count = partitions.len();
        let members = subscriptions.iter().enumerate().map(|(name, wanted)| {
            member(name, (0..count).filter(|topic| wanted & (1 << topic) != 0))
        });
        (topics(&partitions), members.collect())
    }
}

fn assert_once(topics: &Topics, members: &[Member], assignment: &Assignment) {
    let mut dealt: Vec<TopicPartition> = assignment.concat();
    dealt.sort_unstable();
    let wanted: Vec<_> = topics
        .iter()
        .filter(|p| members.iter().any(|m| m.topics.contains(&p.topic)))
        .collect();
    assert_eq!(dealt, wanted);
    for (member, own) in members.iter().zip(assignment) {
        assert!(own.iter().all(|p| member.topics.contains(&p.topic)));
    }
}

fn assert_even(assignment: &Assignment) {
    let sizes = sizes(assignment);
    let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    assert!(most - least <= 1, "{sizes:?}");
}

proptest! {
    #[test]
    fn every_partition_has_one_member_that_subscribes((topics, members) in any_group()) {
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky] {
            assert_once(&topics, &members, &assign(assignor, &topics, &members));
        }
    }

    #[test]
    fn equal_subscriptions_are_assigned_evenly(partitions in prop::collection::vec(0u32..20, 1..5), count in 1usize..13) {
        let (all, members) = (topics(&partitions), group(count, partitions.len()));
        assert_even(&assign(Assignor::RoundRobin, &all, &members));
        assert_even(&assign(Assignor::Sticky, &all, &members));
        // Range is even only within each topic.
        let one = topics(&partitions[..1]);
        assert_even(&assign(Assignor::Range, &one, &members));
    }

    #[test]
    fn members_that_leave_move_only_their_partitions(
        partitions in prop::collection::vec(0u32..20, 1..4),
        count in 2usize..10,
        leaving in prop::collection::vec(any::<bool>(), 10),
    ) {
        let (all, members) = (topics(&partitions), group(count, partitions.len()));
        let members = owning(&members, &assign(Assignor::Sticky, &all, &members));
        let left: Vec<Member> = members.into_iter().zip(leaving).filter(|(_, gone)| !gone).map(|(m, _)| m).collect();
        prop_assume!(!left.is_empty());
        let shared = assign(Assignor::Sticky, &all, &left);
        assert_once(&all, &left, &shared);
        assert_even(&shared);
        for (member, now) in left.iter().zip(&shared) {
            prop_assert!(member.owned.iter().all(|p| now.contains(p)));
        }
    }

    #[test]
    fn a_joining_member_gets_its_share_and_no_other_member_gains(
        partitions in prop::collection::vec(0u32..20, 1..4),
        count in 1usize..10,
    ) {
        let (all, members) = (topics(&partitions), group(count, partitions.len()));
        let mut members = owning(&members, &assign(Assignor::Sticky, &all, &members));
        members.push(member(count, 0..partitions.len()));
        let shared = assign(Assignor::Sticky, &all, &members);
        assert_once(&all, &members, &shared);
        assert_even(&shared);
        let moved = shared[count].len();
        for (member, now) in members[..count].iter().zip(&shared) {
            prop_assert!(now.iter().all(|p| member.owned.contains(p)));
        }
        let total: usize = partitions.iter().map(|n| *n as usize).sum();
        prop_assert!(moved == total / (count + 1) || moved == total / (count + 1) + 1);
    }

    #[test]
    fn a_cooperative_group_settles_after_two_rebalances((topics, members) in any_group(), cut in 0usize..12) {
        let first = assign(Assignor::CooperativeSticky, &topics, &members[..cut.min(members.len())]);
        let mut members: Vec<Member> = members;
        for (member, owned) in members.iter_mut().zip(first) {
            member.owned = owned;
        }
        let mut rounds = 0;
        loop {
            let mut given = assign(Assignor::CooperativeSticky, &topics, &members);
            let again = withhold(&members, &mut given);
            members = owning(&members, &given);
            rounds += 1;
            if !again {
                assert_once(&topics, &members, &given);
                break;
            }
            prop_assert!(rounds < 4, "still moving after {rounds} rebalances");
        }
    }
}
