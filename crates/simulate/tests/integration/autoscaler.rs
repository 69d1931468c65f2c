//! The autoscaler against the tables of Kubernetes' own controller tests (`pkg/controller/podautoscaler`,
//! `replica_calculator_test.go` and `horizontal_test.go`): the same figures go in, the same replicas come out.

use std::time::Duration;

use cofferdam_policy::Time;
use cofferdam_simulate::components::autoscaler::behaviour::{
    Entry, Limit, Policy, Rules, Select, Step, fewest, largest, limit, limit_plainly, most, stabilize,
};
use cofferdam_simulate::components::autoscaler::replicas::{
    Kind, NoAnswer, Phase, Pod, PodTarget, Sample, Youth, of_pods, of_total, of_value,
};

const NOW: Time = Time::from_nanos(36_000_000_000_000);

fn ago(seconds: u64) -> Time {
    Time::from_nanos(NOW.as_nanos() - seconds * 1_000_000_000)
}

/// The settings of those tests.
const YOUTH: Youth = Youth {
    tolerance: 0.1,
    cpu_initialization: Duration::from_secs(120),
    initial_readiness: Duration::from_secs(10),
};

/// A pod as a letter: `r` ready, `u` never ready, `h` ready and just started, `p` pending, `g` failed or going.
fn pod(letter: char, request: u64, level: Option<u64>) -> Pod {
    let started = if letter == 'h' { NOW } else { ago(180) };
    Pod {
        phase: match letter {
            'p' => Phase::Pending,
            'g' => Phase::Gone,
            _ => Phase::Running,
        },
        ready: matches!(letter, 'r' | 'h'),
        started,
        ready_since: started,
        request,
        sample: level.map(|value| Sample {
            value,
            taken: NOW,
            window: Duration::from_secs(60),
        }),
    }
}

fn pods(letters: &str, requests: &[u64], levels: &[u64]) -> Vec<Pod> {
    letters
        .chars()
        .enumerate()
        .map(|(n, letter)| {
            pod(
                letter,
                requests.get(n).copied().unwrap_or(1000),
                levels.get(n).copied(),
            )
        })
        .collect()
}

/// Name, replicas now, pods, levels, target, replicas then.
type PodRow<T> = (&'static str, u32, &'static str, &'static [u64], T, u32);

#[test]
fn cpu_of_pods() {
    let table: &[PodRow<u32>] = &[
        ("scale up", 3, "rrr", &[300, 500, 700], 30, 5),
        ("up, one unready: less", 3, "urr", &[300, 500, 700], 30, 4),
        ("up, one hot: less", 3, "hrr", &[300, 500, 700], 30, 4),
        ("up, two unready: none", 3, "ruu", &[400, 500, 700], 30, 3),
        ("up, two hot: none", 3, "rhh", &[400, 500, 700], 30, 3),
        ("up ignores failed pods", 2, "rrgg", &[500, 700], 30, 4),
        ("scale down", 5, "rrrrr", &[100, 300, 500, 250, 250], 50, 3),
        (
            "down includes unready pods",
            5,
            "rrruu",
            &[100, 300, 500, 250, 250],
            50,
            2,
        ),
        ("down excludes unscheduled pods", 5, "rpppp", &[100], 50, 1),
        (
            "down ignores hot pods",
            5,
            "rrrhh",
            &[100, 300, 500, 250, 250],
            50,
            2,
        ),
        (
            "down ignores failed pods",
            5,
            "rrrrrgg",
            &[100, 300, 500, 250, 250],
            50,
            3,
        ),
        (
            "superfluous metrics",
            4,
            "rrrr",
            &[4000, 9500, 3000, 7000, 3200, 2000],
            100,
            24,
        ),
        ("missing metrics", 4, "rrrr", &[400, 95], 100, 3),
        ("missing, no change, equal", 2, "rr", &[1000], 100, 2),
        ("missing, no change, greater", 2, "rr", &[1900], 100, 2),
        ("missing, no change, less", 2, "rr", &[600], 100, 2),
        ("missing and unready, no change", 3, "urr", &[100, 450], 50, 3),
        ("missing and hot, no change", 3, "hrr", &[100, 450], 50, 3),
        ("missing and unready, up", 3, "urr", &[100, 2000], 50, 4),
        ("missing and hot, up", 3, "hrr", &[100, 2000], 50, 4),
        ("missing and unready, down", 4, "urrr", &[100, 100, 100], 50, 3),
        ("rolling update with surge", 2, "rrr", &[100, 100], 50, 2),
    ];
    for (name, current, letters, levels, target, wanted) in table {
        let pods = pods(letters, &[], levels);
        let found = of_pods(
            *current,
            &pods,
            (Kind::Cpu, PodTarget::Utilization(*target)),
            &YOUTH,
            NOW,
        );
        assert_eq!(found, Ok(*wanted), "{name}");
    }
    let uneven = pods("rrr", &[900, 1000, 1100], &[1010, 1030, 1020]);
    assert_eq!(
        of_pods(3, &uneven, (Kind::Cpu, PodTarget::Utilization(100)), &YOUTH, NOW),
        Ok(3),
        "tolerance"
    );
}

#[test]
fn cpu_without_a_value() {
    let cpu =
        |pods: &[Pod], target| of_pods(1, pods, (Kind::Cpu, PodTarget::Utilization(target)), &YOUTH, NOW);
    assert_eq!(
        cpu(&pods("rrr", &[], &[]), 100),
        Err(NoAnswer::NoMetrics),
        "empty metrics"
    );
    assert_eq!(
        cpu(&pods("r", &[0], &[200]), 100),
        Err(NoAnswer::NoRequest),
        "empty request"
    );
    assert_eq!(cpu(&[], 100), Err(NoAnswer::NoPods), "no pods");
}

#[test]
fn other_metrics_of_pods() {
    let table: &[PodRow<u64>] = &[
        ("up", 3, "rrr", &[20_000, 10_000, 30_000], 15_000, 4),
        (
            "up, unready and hot count",
            3,
            "rrh",
            &[50_000, 10_000, 30_000],
            15_000,
            6,
        ),
        (
            "up, would be down",
            3,
            "hru",
            &[50_000, 15_000, 30_000],
            15_000,
            7,
        ),
        ("up, external of one", 1, "r", &[8600], 4400, 2),
        (
            "down",
            5,
            "rrrrr",
            &[12_000, 12_000, 12_000, 12_000, 12_000],
            20_000,
            3,
        ),
        ("tolerance", 3, "rrr", &[20_000, 21_000, 21_000], 20_000, 3),
    ];
    for (name, current, letters, levels, target, wanted) in table {
        let pods = pods(letters, &[], levels);
        let found = of_pods(
            *current,
            &pods,
            (Kind::Other, PodTarget::Average(*target)),
            &YOUTH,
            NOW,
        );
        assert_eq!(found, Ok(*wanted), "{name}");
    }
}

#[test]
fn values_for_all_pods_together() {
    let table: &[(&str, u32, &str, u64, u64, u32)] = &[
        ("object, up", 3, "rrr", 20_000, 15_000, 4),
        ("object, ignores unready", 3, "uru", 50_000, 10_000, 5),
        ("external, ignores unready", 3, "uru", 8600, 4400, 2),
        ("object, down", 5, "rrrrr", 12_000, 20_000, 3),
        ("external, down", 5, "rrrrr", 8600, 14_334, 3),
        ("object, tolerance", 3, "rrr", 20_666, 20_000, 3),
        ("external, tolerance", 3, "rrr", 8600, 8888, 3),
    ];
    for (name, current, letters, value, target, wanted) in table {
        let found = of_value(*current, &pods(letters, &[], &[]), (*value, *target), 0.1);
        assert_eq!(found, Ok(*wanted), "{name}");
    }
}

#[test]
fn totals_divided_by_the_pods() {
    let table: &[(&str, u32, u64, u64, u32)] = &[
        ("object, up", 3, 20_000, 5000, 4),
        ("external, up", 3, 8600, 2150, 4),
        ("object, down", 5, 6000, 2000, 3),
        ("external, down", 5, 8600, 2867, 3),
        ("object, tolerance", 4, 20_166, 5000, 4),
        ("external, tolerance", 3, 8600, 2900, 3),
    ];
    for (name, current, total, each, wanted) in table {
        assert_eq!(of_total(*current, (*total, *each), 0.1), *wanted, "{name}");
    }
}

/// Pods and their period, percent and its period, both in seconds; 0 is no such policy.
fn rules(pods: u32, pods_period: u64, percent: u32, percent_period: u64) -> Rules {
    let mut policies = Vec::new();
    if pods != 0 {
        policies.push(Policy {
            step: Step::Pods(pods),
            period: Duration::from_secs(pods_period),
        });
    }
    if percent != 0 {
        policies.push(Policy {
            step: Step::Percent(percent),
            period: Duration::from_secs(percent_period),
        });
    }
    Rules {
        stabilization: Duration::ZERO,
        policies,
        select: Select::Max,
    }
}

/// Changes in the middles of equal parts of the last `period` seconds.
fn events(changes: &[u32], period: u64) -> Vec<Entry> {
    let part = period as f64 / changes.len() as f64;
    let entry = |(n, replicas): (usize, &u32)| Entry {
        replicas: *replicas,
        at: Time::from_secs_f64(NOW.as_secs_f64() - (period as f64 - part * (n as f64 + 0.5)).floor()),
    };
    changes.iter().enumerate().map(entry).collect()
}

struct Row {
    name: &'static str,
    /// Replicas now, desired, minimum, maximum.
    replicas: (u32, u32, u32, u32),
    up: Option<Rules>,
    down: Option<Rules>,
    added: Vec<Entry>,
    removed: Vec<Entry>,
    wanted: (u32, Limit),
}

fn row(name: &'static str, replicas: (u32, u32, u32, u32), wanted: (u32, Limit)) -> Row {
    Row {
        name,
        replicas,
        up: None,
        down: None,
        added: Vec::new(),
        removed: Vec::new(),
        wanted,
    }
}

impl Row {
    fn up(mut self, rules: Rules) -> Self {
        self.up = Some(rules);
        self
    }

    fn down(mut self, rules: Rules) -> Self {
        self.down = Some(rules);
        self
    }

    fn added(mut self, changes: &[u32]) -> Self {
        self.added = events(changes, 120);
        self
    }

    fn removed(mut self, changes: &[u32]) -> Self {
        self.removed = events(changes, 120);
        self
    }
}

#[test]
fn scaling_with_rules() {
    let table = [
        row("within range", (5, 7, 3, 8), (7, Limit::None)),
        row("below the minimum", (3, 1, 2, 8), (2, Limit::Minimum)),
        row("down to zero", (1, 0, 0, 10), (0, Limit::None)),
        row("above the maximum", (100, 1000, 100, 150), (150, Limit::Maximum)),
        row("user policy for up", (3, 1000, 1, 2000), (4, Limit::UpPolicy)).up(rules(0, 0, 1, 60)),
        row(
            "user policy for down",
            (1000, 3, 3, 2000),
            (980, Limit::DownPolicy),
        )
        .down(rules(20, 60, 0, 0)),
        row("default behaviour, up", (10, 50, 1, 1000), (20, Limit::UpPolicy)),
        row(
            "pods above percent, up",
            (10, 500, 1, 1000),
            (110, Limit::UpPolicy),
        )
        .up(rules(100, 60, 100, 60)),
        row(
            "percent above pods, up",
            (10, 500, 1, 1000),
            (20, Limit::UpPolicy),
        )
        .up(rules(2, 60, 100, 60)),
        row("large pods policy", (10, 50, 1, 1000), (50, Limit::None)).up(rules(100, 60, 0, 0)),
        row("larger pods policy", (10, 50, 1, 1000), (50, Limit::None)).up(rules(10_000, 60, 0, 0)),
        row("pods policy limits", (10, 50, 1, 1000), (40, Limit::UpPolicy)).up(rules(30, 60, 0, 0)),
        row("percent policy limits", (10, 50, 1, 1000), (30, Limit::UpPolicy)).up(rules(0, 0, 200, 60)),
        row(
            "pods above percent, down",
            (100, 2, 1, 1000),
            (80, Limit::DownPolicy),
        )
        .down(rules(20, 60, 1, 60)),
        row(
            "pods above percent, down, small",
            (100, 2, 1, 1000),
            (98, Limit::DownPolicy),
        )
        .down(rules(2, 60, 1, 60)),
        row(
            "minimum under large pods policy",
            (10, 0, 1, 1000),
            (1, Limit::Minimum),
        )
        .down(rules(100, 60, 0, 0)),
        row(
            "minimum under large percent policy",
            (10, 2, 5, 1000),
            (5, Limit::Minimum),
        )
        .down(rules(0, 0, 100, 60)),
        row(
            "pods policy limits, down",
            (10, 2, 1, 1000),
            (5, Limit::DownPolicy),
        )
        .down(rules(5, 60, 0, 0)),
        row("percent policy limits, down", (10, 5, 1, 1000), (5, Limit::None)).down(rules(0, 0, 50, 60)),
        // 200 < 100 − 15 + 300.
        row(
            "maximum with events, pods",
            (100, 500, 1, 200),
            (200, Limit::Maximum),
        )
        .up(rules(300, 60, 0, 0))
        .added(&[1, 5, 9]),
        row(
            "maximum with events, percent",
            (100, 500, 1, 200),
            (200, Limit::Maximum),
        )
        .up(rules(0, 0, 10_000, 60))
        .added(&[1, 5, 9]),
        // 100 − 15 + 5 is less than there are: they stay.
        row("many recent events", (100, 500, 1, 1000), (100, Limit::UpPolicy))
            .up(rules(5, 120, 0, 0))
            .added(&[1, 5, 9]),
        // 100 − 15 + 150.
        row(
            "pods policy and events",
            (100, 500, 1, 1000),
            (235, Limit::UpPolicy),
        )
        .up(rules(150, 120, 0, 0))
        .added(&[1, 5, 9]),
        // (100 − 15) × 3.
        row(
            "percent policy and events",
            (100, 500, 1, 1000),
            (255, Limit::UpPolicy),
        )
        .up(rules(0, 0, 200, 120))
        .added(&[1, 5, 9]),
        row(
            "default policy and events, down",
            (10, 5, 1, 1000),
            (5, Limit::None),
        )
        .removed(&[1, 5, 9]),
        row(
            "minimum, large pods and events",
            (100, 0, 1, 1000),
            (1, Limit::Minimum),
        )
        .down(rules(115, 120, 0, 0))
        .removed(&[1, 5, 9]),
        row(
            "minimum of 5, pods and events",
            (100, 0, 5, 1000),
            (5, Limit::Minimum),
        )
        .down(rules(130, 120, 0, 0))
        .removed(&[1, 5, 9]),
        row(
            "minimum of 5, percent and events",
            (100, 2, 5, 1000),
            (5, Limit::Minimum),
        )
        .down(rules(0, 0, 100, 120))
        .removed(&[1, 5, 9]),
        // 100 + 15 − 5 is more than there are: they stay.
        row(
            "pods and events, down",
            (100, 2, 1, 1000),
            (100, Limit::DownPolicy),
        )
        .down(rules(5, 120, 0, 0))
        .removed(&[1, 5, 9]),
        // (100 + 12) × ½.
        row(
            "percent and events, down",
            (100, 0, 1, 1000),
            (56, Limit::DownPolicy),
        )
        .down(rules(0, 0, 50, 120))
        .removed(&[2, 4, 6]),
        // (100 + 30) × 0.9 = 117 is more than there are: they stay.
        row("events prevent more", (100, 0, 1, 1000), (100, Limit::DownPolicy))
            .down(rules(0, 0, 10, 120))
            .removed(&[10, 10, 10]),
        row("events allow more", (10, 5, 1, 1000), (5, Limit::None))
            .down(rules(0, 0, 1000, 120))
            .removed(&[10, 10, 10]),
        row("one policy, up", (100, 200, 1, 1000), (200, Limit::None))
            .up(rules(1000, 60, 0, 0))
            .added(&[8, 12, 9, 11]),
        row("two policies, up", (100, 200, 1, 1000), (200, Limit::None))
            .up(rules(1000, 120, 100, 60))
            .added(&[8, 12, 9, 11]),
        row("two policies, up, short", (100, 200, 1, 1000), (200, Limit::None))
            .up(rules(1000, 30, 100, 60))
            .added(&[8, 12, 9, 11]),
        row("one policy, down", (100, 5, 1, 1000), (5, Limit::None))
            .down(rules(1000, 60, 0, 0))
            .removed(&[8, 12, 9, 11]),
        row("two policies, down", (100, 5, 1, 1000), (5, Limit::None))
            .down(rules(1000, 120, 100, 60))
            .removed(&[8, 12, 9, 11]),
        row("two policies, down, short", (100, 5, 1, 1000), (5, Limit::None))
            .down(rules(1000, 30, 100, 60))
            .removed(&[8, 12, 9, 11]),
    ];
    for row in table {
        let (current, desired, minimum, maximum) = row.replicas;
        let (up, down) = (
            row.up.unwrap_or_else(Rules::up),
            row.down.unwrap_or_else(Rules::down),
        );
        let found = limit(
            (current, desired),
            (minimum, maximum),
            (&up, &down),
            (&row.added, &row.removed),
            NOW,
        );
        assert_eq!(found, row.wanted, "{}", row.name);
    }
}

#[test]
fn the_policy_that_allows_least() {
    let mut both = rules(2, 60, 50, 60);
    both.select = Select::Min;
    assert_eq!(most(1, (&[], &[]), &both, NOW), 2);
    assert_eq!(fewest(5, (&[], &[]), &both, NOW), 3);
    both.select = Select::Disabled;
    assert_eq!(
        (most(5, (&[], &[]), &both, NOW), fewest(5, (&[], &[]), &both, NOW)),
        (5, 5)
    );
}

#[test]
fn percentages_are_rounded_like_floating_point_does() {
    // In doubles 1 + 10/100 is a little above 1.1, and 1 − 90/100 a little below 0.1.
    assert_eq!(most(100, (&[], &[]), &rules(0, 0, 10, 60), NOW), 111);
    assert_eq!(fewest(10, (&[], &[]), &rules(0, 0, 90, 60), NOW), 0);
    assert_eq!(fewest(5, (&[], &[]), &rules(0, 0, 80, 60), NOW), 0);
}

#[test]
fn changes_within_a_period() {
    // Changes (replicas, seconds ago) and what they add up to within 60 s: a policy of no pods shows it.
    let table: &[(&[(u32, u64)], u32)] = &[
        (&[], 0),
        (&[(7, 61)], 0),
        (&[(7, 58)], 7),
        (&[(7, 61), (6, 59)], 6),
        (&[(8, 29), (6, 59), (7, 61), (9, 61)], 14),
        (&[(7, 58), (6, 59)], 13),
    ];
    for (changes, wanted) in table {
        let log: Vec<Entry> = changes
            .iter()
            .map(|(replicas, back)| Entry {
                replicas: *replicas,
                at: ago(*back),
            })
            .collect();
        let policy = rules(1, 60, 0, 0);
        assert_eq!(most(100, (&log, &[]), &policy, NOW), 101 - wanted, "{changes:?}");
        assert_eq!(fewest(100, (&[], &log), &policy, NOW), 99 + wanted, "{changes:?}");
    }
}

#[test]
fn stabilisation() {
    // Name, replicas now, desired, windows up and down in seconds, recommendations (replicas, seconds ago), stable.
    type StableRow = (&'static str, u32, u32, (u64, u64), &'static [(u32, u64)], u32);
    let table: &[StableRow] = &[
        ("empty log", 100, 5, (0, 0), &[], 5),
        ("down", 100, 3, (0, 180), &[(4, 120), (5, 60)], 5),
        ("up", 1, 7, (300, 0), &[(4, 120), (5, 60)], 4),
        ("no window for down", 100, 3, (300, 0), &[(1, 120), (2, 60)], 3),
        ("no window for up", 1, 3, (0, 300), &[(4, 120), (5, 60)], 3),
        (
            "old recommendations, down",
            100,
            3,
            (0, 0),
            &[(10, 600), (9, 540)],
            3,
        ),
        (
            "old recommendations, up",
            1,
            100,
            (0, 0),
            &[(10, 600), (9, 540)],
            100,
        ),
        (
            "some old, down",
            100,
            3,
            (0, 180),
            &[(10, 600), (4, 60), (5, 120), (9, 540)],
            5,
        ),
        (
            "some old, up",
            1,
            100,
            (300, 0),
            &[(10, 6000), (6, 60), (5, 120), (9, 180)],
            5,
        ),
        ("five minutes, down", 100, 3, (0, 300), &[(4, 120), (5, 60)], 5),
        (
            "five minutes, lower before",
            100,
            3,
            (0, 300),
            &[(1, 120), (2, 60)],
            3,
        ),
        (
            "five minutes, old and lower",
            100,
            3,
            (0, 300),
            &[(10, 600), (9, 540)],
            3,
        ),
    ];
    for (name, current, desired, (up, down), log, wanted) in table {
        let log: Vec<Entry> = log
            .iter()
            .map(|(replicas, back)| Entry {
                replicas: *replicas,
                at: ago(*back),
            })
            .collect();
        let windows = (Duration::from_secs(*up), Duration::from_secs(*down));
        assert_eq!(
            stabilize(*current, *desired, windows, &log, NOW),
            *wanted,
            "{name}"
        );
    }
}

#[test]
fn stabilisation_without_a_behaviour() {
    // Name, desired, recommendations (replicas, seconds ago), stable.
    type PlainRow = (&'static str, u32, &'static [(u32, u64)], u32);
    let table: &[PlainRow] = &[
        ("empty log", 5, &[], 5),
        ("held", 3, &[(4, 120), (5, 60)], 5),
        ("lower before", 3, &[(1, 120), (2, 60)], 3),
        ("old", 3, &[(10, 600), (9, 540)], 3),
        ("some old", 3, &[(10, 600), (4, 60), (5, 120), (9, 540)], 5),
    ];
    for (name, desired, log, wanted) in table {
        let entry = |(replicas, back): &(u32, u64)| Entry {
            replicas: *replicas,
            at: ago(*back),
        };
        let log: Vec<Entry> = log.iter().map(entry).collect();
        assert_eq!(largest(*desired, &log, NOW), *wanted, "{name}");
    }
}

#[test]
fn limits_without_a_behaviour() {
    // Now and desired, minimum and maximum, result.
    for (now, bounds, wanted) in [
        ((1, 30), (1, 50), (4, Limit::UpPolicy)),
        ((3, 30), (1, 50), (6, Limit::UpPolicy)),
        ((30, 70), (1, 50), (50, Limit::Maximum)),
        ((2, 4), (1, 4), (4, Limit::None)),
        ((9, 1), (2, 50), (2, Limit::Minimum)),
        ((9, 5), (2, 50), (5, Limit::None)),
    ] {
        assert_eq!(limit_plainly(now, bounds), wanted, "{now:?} in {bounds:?}");
    }
}
