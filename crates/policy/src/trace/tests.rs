use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::breaker::{Breaker, BreakerConfig, Mode, SlowCalls};
use crate::budget::{BudgetConfig, RetryBudget};
use crate::grey::{Bound, GreyConfig, GreyDetector};
use crate::retry::{Retry, RetryConfig, Tried};
use crate::shift::{CellReading, Shift, ShiftConfig};
use crate::window::{Outcome, WindowConfig};
use crate::{Random, Time};

const OUTCOMES: [Outcome; 3] = [Outcome::Failure, Outcome::Success, Outcome::Slow];
const MODES: [Mode; 4] = [Mode::Active, Mode::ObserveOnly, Mode::ForcedOpen, Mode::Disabled];

/// A source whose numbers follow from a seed (SplitMix64).
struct Seeded(u64);

impl Random for Seeded {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A whole trace of one case.
fn text(recorder: &mut Recorder) -> String {
    let recording = recorder.finish();
    let header = Header {
        version: VERSION,
        by: "a test".into(),
        tool: "0.0.0".into(),
        seed: Some(7),
    };
    let case = Case {
        scenario: "a scenario".into(),
        subject: "\"quoted\" \u{1f600}".into(),
        side: None,
    };
    let lines: String = recording.lines(&case, &str::to_owned).collect();
    format!("{}{lines}{}", header.line(), last_line(recording.decisions()))
}

fn replay(text: &str) -> Result<Summary, Stop> {
    let mut replay = Replay::new();
    for line in text.lines() {
        replay.line(line)?;
    }
    replay.finish()
}

/// What happens to the policies, one after the other: which one, how much later, and three numbers.
type Happening = (u8, u64, u32, u64);

/// Records policies of these settings.
fn record(
    breaker: BreakerConfig,
    retry: RetryConfig,
    (grey, targets): (GreyConfig, usize),
    happenings: &[Happening],
) -> String {
    let mut trace = Recorder::on();
    let mut breaker = Breaker::new(breaker).unwrap();
    let mut other = Breaker::new(BreakerConfig::default()).unwrap();
    let policy = Retry::new(retry).unwrap();
    let budget = BudgetConfig {
        ratio: 0.5,
        floor: 0.2,
        ..BudgetConfig::default()
    };
    let mut wallet = RetryBudget::new(budget).unwrap();
    let mut detector = GreyDetector::new(grey, targets).unwrap();
    let (config, shares) = (ShiftConfig::default(), [0.5, 0.25, 1.0 / 3.0]);
    let mut shift = Shift::new(config, &shares).unwrap();
    let of_breaker = trace.breaker(&breaker, || "a breaker".into());
    let of_retry = trace.retries(|| ("retries".into(), RetrySettings { retry, budget }));
    let of_grey = trace.grey(&detector, || "a comparison".into());
    let of_shift = trace.shift(|| "a shift".into(), config, &shares);
    let mut random = Seeded(3);
    let mut permits = Vec::new();
    let mut now = Time::ZERO;
    for (what, later, small, large) in happenings {
        // Now and then time goes back.
        now = if *later == 0 {
            Time::from_nanos(now.as_nanos() / 2)
        } else {
            now + Duration::from_nanos(*later)
        };
        let outcome = OUTCOMES[*small as usize % 3];
        match what % 10 {
            0..=2 => permits.extend(trace.acquire(of_breaker, &mut breaker, now).ok()),
            3 | 4 if !permits.is_empty() => {
                let permit = permits.swap_remove(*small as usize % permits.len());
                trace.complete((of_breaker, &mut breaker), now, permit, outcome);
            }
            5 if !permits.is_empty() => {
                let permit = permits.swap_remove(*small as usize % permits.len());
                if small % 2 == 0 {
                    trace.release((of_breaker, &mut breaker), now, permit);
                } else if let Ok(foreign) = other.acquire(now) {
                    trace.complete((of_breaker, &mut breaker), now, foreign, outcome);
                }
            }
            6 if small % 7 == 0 => {
                trace.set_mode((of_breaker, &mut breaker), now, MODES[*large as usize % 4]);
            }
            6 | 7 => {
                trace.request(of_retry, &mut wallet, now);
                let tried = Tried {
                    began: Time::from_nanos(large % 1_000_000_000_000),
                    now,
                    failed: small % 4,
                    not_before: Duration::from_nanos(large % 1000),
                };
                let _ = trace.next((of_retry, &policy), tried, &mut wallet, &mut random);
            }
            8 => {
                let of = (of_grey, &mut detector);
                match small % 40 {
                    0 => trace.forget(of, now, *large as usize % targets),
                    1 => drop(trace.standing(of, now, *large as usize % targets)),
                    _ => trace.ended(of, now, *large as usize % targets, outcome),
                }
            }
            _ => {
                let capacity = [*large as f64 / 3.0, f64::INFINITY, 0.1][*small as usize % 3];
                let readings: Vec<CellReading> = (0..small % 5)
                    .map(|cell| CellReading {
                        healthy: (large >> cell) & 1 == 0,
                        capacity,
                    })
                    .collect();
                let demand = [f64::from(*small) * 0.1, f64::NAN, *large as f64];
                trace.shift_step((of_shift, &mut shift), now, demand, &readings);
            }
        }
    }
    text(&mut trace)
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => (1_u64..20_000_000_000).prop_map(Duration::from_nanos),
        1 => any::<u64>().prop_map(|n| Duration::from_nanos(n.max(1))),
        1 => Just(Duration::MAX),
    ]
}

fn breakers() -> impl Strategy<Value = BreakerConfig> {
    let conditions = (
        prop::option::of(1_u32..6),
        0.05_f64..1.0,
        prop::option::of((durations(), 0.1_f64..1.0)),
        1_u32..10,
        prop_oneof![
            (10_u32..40).prop_map(WindowConfig::Calls),
            (1_u32..30).prop_map(|slices| WindowConfig::Time {
                length: Duration::from_secs(10),
                slices,
            }),
        ],
    );
    let times = (durations(), 1.0_f64..3.0, durations(), 1_u32..5, 0_usize..4);
    (conditions, times).prop_map(|((row, share, slow, minimum_calls, window), times)| {
        let (open_time, open_growth, probe_timeout, probes, mode) = times;
        BreakerConfig {
            consecutive_failures: row,
            failure_share: Some(share),
            slow: slow.map(|(after, share)| SlowCalls { after, share }),
            window,
            minimum_calls,
            open_time,
            open_growth,
            open_time_cap: open_time.saturating_mul(4),
            probes,
            probe_timeout,
            success_threshold: probes.div_ceil(2),
            mode: MODES[mode],
        }
    })
}

fn retries() -> impl Strategy<Value = RetryConfig> {
    (
        1_u32..6,
        0_u64..3_000_000_000,
        durations(),
        prop::option::of(durations()),
    )
        .prop_map(|(attempts, base, cap, deadline)| {
            let base = Duration::from_nanos(base);
            RetryConfig {
                attempts,
                base,
                cap: cap.max(base),
                deadline,
            }
        })
}

fn greys() -> impl Strategy<Value = (GreyConfig, usize)> {
    let bound = (0.5_f64..3.0, 0.01_f64..0.2);
    (
        1_u64..5_000_000_000,
        1_u32..6,
        bound,
        1_u32..3,
        any::<bool>(),
        1_usize..5,
    )
        .prop_map(
            |(interval, minimum_calls, (deviations, difference), confirmations, slow_is_bad, targets)| {
                let suspect = Bound {
                    deviations,
                    difference,
                };
                let clear = Bound {
                    deviations: deviations / 2.0,
                    difference: difference / 3.0,
                };
                let config = GreyConfig {
                    interval: Duration::from_nanos(interval),
                    minimum_calls,
                    minimum_bad: 1,
                    suspect,
                    clear,
                    confirmations,
                    slow_is_bad,
                };
                (config, targets)
            },
        )
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let later = prop_oneof![1 => Just(0), 8 => 1_u64..900_000_000, 1 => 1_u64..60_000_000_000];
    prop::collection::vec((any::<u8>(), later, any::<u32>(), any::<u64>()), 0..1500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_recorded_decision_replays(
        breaker in breakers(),
        retry in retries(),
        grey in greys(),
        happenings in happenings(),
    ) {
        let text = record(breaker, retry, grey, &happenings);
        let summary = replay(&text).unwrap();
        prop_assert_eq!(summary.entities.len(), 4);
    }

    /// A line that was changed is never passed over for an earlier one, and a changed decision is noticed in its line.
    #[test]
    fn a_changed_line_parts_there_or_later(
        breaker in breakers(),
        retry in retries(),
        grey in greys(),
        happenings in happenings(),
        (line, number, by) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u64..1000),
    ) {
        let text = record(breaker, retry, grey, &happenings);
        let lines: Vec<&str> = text.lines().collect();
        let changed = line.index(lines.len());
        let numbers: Vec<(usize, usize)> = form::whole_numbers(lines[changed]).collect();
        prop_assume!(!numbers.is_empty());
        let (start, end) = numbers[number.index(numbers.len())];
        let Ok(old) = lines[changed][start..end].parse::<u64>() else { return Ok(()) };
        let new = format!("{}{}{}", &lines[changed][..start], old.wrapping_add(by), &lines[changed][end..]);
        let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        lines[changed] = new;
        let found = match replay(&lines.join("\n")) {
            Ok(_) => return Ok(()),
            Err(Stop::Parted(parted)) => parted.line,
            Err(Stop::Unreadable { line, .. }) => line,
        };
        prop_assert!(found > changed as u64, "line {} was changed, and line {found} is named", changed + 1);
    }

    #[test]
    fn no_bytes_make_a_replay_panic(
        breaker in breakers(),
        happenings in prop::collection::vec((any::<u8>(), 1_u64..900_000_000, any::<u32>(), any::<u64>()), 0..60),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let text = record(breaker, RetryConfig::default(), (GreyConfig::default(), 2), &happenings);
        let mut bytes = text.into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = replay(&String::from_utf8_lossy(&bytes));
    }
}

/// An outage of 20 s from the 20th second on, as four policies see it: ten calls a second to one of three targets.
fn example() -> String {
    let breaker = BreakerConfig {
        consecutive_failures: Some(4),
        open_time: Duration::from_secs(2),
        ..BreakerConfig::default()
    };
    let retry = RetryConfig::default();
    let budget = BudgetConfig {
        ratio: 0.02,
        floor: 0.1,
        ..BudgetConfig::default()
    };
    let grey = GreyConfig {
        interval: Duration::from_secs(5),
        minimum_calls: 10,
        ..GreyConfig::default()
    };
    let shares = [7.0, 4.0, 1.0];
    let mut trace = Recorder::on();
    let mut guard = Breaker::new(breaker).unwrap();
    let policy = Retry::new(retry).unwrap();
    let mut wallet = RetryBudget::new(budget).unwrap();
    let mut detector = GreyDetector::new(grey, 3).unwrap();
    let mut shift = Shift::new(ShiftConfig::default(), &shares).unwrap();
    let of_breaker = trace.breaker(&guard, || "a breaker".into());
    let of_retry = trace.retries(|| ("retries".into(), RetrySettings { retry, budget }));
    let of_grey = trace.grey(&detector, || "a comparison".into());
    let of_shift = trace.shift(|| "a shift".into(), ShiftConfig::default(), &shares);
    let mut random = Seeded(3);
    for tick in 0..600_u64 {
        let now = Time::from_nanos(tick * 100_000_000 + random.bits() % 1000);
        let down = (200..400).contains(&tick);
        let target = (tick % 3) as usize;
        trace.request(of_retry, &mut wallet, now);
        let ended = match (down && target == 0, tick % 40) {
            (true, _) => Outcome::Failure,
            (false, 0) => Outcome::Slow,
            (false, _) => Outcome::Success,
        };
        trace.ended((of_grey, &mut detector), now, target, ended);
        let mut failed = 0;
        while let Ok(permit) = trace.acquire(of_breaker, &mut guard, now) {
            let ended = if down { Outcome::Failure } else { ended };
            trace.complete((of_breaker, &mut guard), now, permit, ended);
            failed += 1;
            let tried = Tried {
                began: now,
                now,
                failed,
                not_before: Duration::ZERO,
            };
            if !down
                || trace
                    .next((of_retry, &policy), tried, &mut wallet, &mut random)
                    .is_err()
            {
                break;
            }
        }
        if tick.is_multiple_of(20) {
            let readings = [700.0, 400.0, 150.5].map(|capacity| CellReading {
                healthy: !down || capacity < 500.0,
                capacity,
            });
            trace.shift_step((of_shift, &mut shift), now, [600.0, 200.0, 100.0], &readings);
        }
    }
    trace.standing((of_grey, &mut detector), Time::from_secs_f64(60.0), 0);
    trace.set_mode(
        (of_breaker, &mut guard),
        Time::from_secs_f64(60.0),
        Mode::Disabled,
    );
    trace.event(Time::from_secs_f64(61.0), || ("somebody".into(), "looks"));
    text(&mut trace)
}

/// Written by version 1. It pins what no setting changes: the slices of a budget, the doubling of waits, the
/// two-proportion test, the rounding of shares. It is never written again: a later version must read it.
const VERSION_1: &str = include_str!("../../tests/data/trace-1.jsonl");

#[test]
fn a_trace_of_version_1_replays() {
    let summary = replay(VERSION_1).unwrap();
    let decisions: u64 = summary.entities.iter().map(|one| one.decisions).sum();
    assert!(decisions > 300, "{summary:?}");
    assert_eq!(
        VERSION, 1,
        "keep the file of each older version and a test that reads it"
    );
    assert_eq!(example(), VERSION_1, "the format of version 1 is what it was");
}

/// The lines with another one in place of the first that contains `of`.
fn with(of: &str, from: &str, to: &str) -> (String, u64) {
    let mut changed = 0;
    let lines: Vec<String> = (1..)
        .zip(VERSION_1.lines())
        .map(|(number, line)| {
            if changed == 0 && line.contains(of) && line.contains(from) {
                changed = number;
                line.replacen(from, to, 1)
            } else {
                line.to_owned()
            }
        })
        .collect();
    assert_ne!(changed, 0, "no line contains {of} and {from}");
    (lines.join("\n"), changed)
}

fn parted(text: &str) -> Parted {
    match replay(text) {
        Err(Stop::Parted(parted)) => *parted,
        other => panic!("it does not part: {other:?}"),
    }
}

#[test]
fn other_settings_part_at_the_first_decision_that_depends_on_them() {
    for (policy, from, to, kind) in [
        (
            "\"policy\":\"breaker\"",
            "\"consecutive_failures\":4",
            "\"consecutive_failures\":3",
            "opened",
        ),
        (
            "\"policy\":\"retry\"",
            "\"ratio\":0.02",
            "\"ratio\":0.01",
            "give_up",
        ),
        (
            "\"policy\":\"retry\"",
            "\"base_ns\":100000000",
            "\"base_ns\":100000001",
            "again",
        ),
        (
            "\"policy\":\"grey\"",
            "\"interval_ns\":5000000000",
            "\"interval_ns\":4000000000",
            "judged",
        ),
        ("\"policy\":\"shift\"", "\"step\":0.1", "\"step\":0.11", "weights"),
    ] {
        let (text, changed) = with(policy, from, to);
        let parted = parted(&text);
        assert!(parted.line > changed, "{to}");
        assert_ne!(parted.expected, parted.got);
        assert!(
            parted.expected.contains(kind) || parted.got.contains(kind),
            "{kind}: {parted:?}"
        );
        let (expected, got) = parted.words.unwrap();
        assert!(!expected.is_empty() && !got.is_empty());
    }
}

#[test]
fn more_or_fewer_random_numbers_part() {
    let line = "{\"steps\":{\"of\":1,\"at\":5,\"forms\":[{\"do\":{\"failed\":{\"began_ns\":0,\"tries\":0,\"not_before_ns\":0,\"drawn\":DRAWN}},\"got\":{\"again\":{\"wait_ns\":0}}}],\"steps\":[[0,0,0,1,0,NUMBERS]]}}";
    let settings = RetrySettings {
        retry: RetryConfig::default(),
        budget: BudgetConfig::default(),
    };
    let head = "{\"trace\":{\"version\":1,\"by\":\"a test\",\"tool\":\"0\",\"seed\":null}}";
    let entity = format!(
        "{{\"entity\":{{\"number\":1,\"name\":\"a\",\"policy\":\"retry\",\"settings\":{}}}}}",
        serde_json::to_string(&settings).unwrap()
    );
    let of = |drawn: &str, numbers: &str| {
        let line = line.replace("DRAWN", drawn).replace("NUMBERS", numbers);
        replay(&format!(
            "{head}\n{entity}\n{line}\n{{\"end\":{{\"decisions\":1}}}}"
        ))
    };
    // Half of 100 ms.
    assert!(of("[0]", "9223372036854775808,50000000").is_ok());
    for (drawn, numbers) in [("[]", "50000000"), ("[0,0]", "9223372036854775808,1,50000000")] {
        match of(drawn, numbers) {
            Err(Stop::Parted(parted)) => assert_eq!(parted.got, "{\"draws\":1}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bad_lines_are_refused_with_their_number() {
    let head = VERSION_1.lines().next().unwrap();
    let entity = VERSION_1
        .lines()
        .find(|line| line.contains("\"breaker\""))
        .unwrap();
    let steps = VERSION_1.lines().find(|line| line.contains("\"of\":1,")).unwrap();
    let numbered = entity.replace("\"number\":1", "\"number\":2");
    let huge = entity.replace("\"window\":{\"calls\":100}", "\"window\":{\"calls\":4000000000}");
    let negative = steps.replacen("[[0,0", "[[0,-1", 1);
    let beyond = steps.replacen("[[0,0", "[[0,18446744073709551615", 1);
    let form = steps.replacen("[[0,0", "[[99,0", 1);
    let nobody = steps.replace("\"of\":1,", "\"of\":9,");
    let newer = head.replace("\"version\":1", "\"version\":2,\"more\":[]");
    let zero = head.replace("\"version\":1", "\"version\":0");
    let many = "{\"entity\":{\"number\":1,\"name\":\"a\",\"policy\":\"grey\",\"settings\":{\"config\":{\"interval_ns\":1,\"minimum_calls\":1,\"minimum_bad\":1,\"suspect\":{\"deviations\":1.0,\"difference\":0.1},\"clear\":{\"deviations\":1.0,\"difference\":0.1},\"confirmations\":1,\"slow_is_bad\":true},\"targets\":1000000000000}}}";
    for (lines, at, words) in [
        (vec![""], 1, "not a trace"),
        (vec!["{}"], 1, "not a trace"),
        (vec![newer.as_str()], 1, "version 2"),
        (vec![zero.as_str()], 1, "no version 0"),
        (vec![head, "{\"steps\""], 2, "not a line of a trace"),
        (vec![head, "{\"strange\":{}}"], 2, "unknown variant"),
        (vec![head, head], 2, "must not come here"),
        (
            vec![head, entity, "{\"end\":{\"decisions\":0}}", entity],
            4,
            "must not come here",
        ),
        (vec![head, numbered.as_str()], 2, "entity 2 comes where entity 1"),
        (vec![head, huge.as_str()], 2, "memory"),
        (vec![head, many], 2, "memory"),
        (vec![head, steps], 2, "no entity 1"),
        (vec![head, entity, nobody.as_str()], 3, "no entity 9"),
        (vec![head, entity, negative.as_str()], 3, "not a line of a trace"),
        (vec![head, entity, form.as_str()], 3, "does not fit its form"),
        (vec![head, entity, beyond.as_str()], 3, "out of range"),
        (
            vec![head, entity, steps, steps],
            4,
            "before the entity's latest step",
        ),
        (vec![head, entity, steps], 4, "cut off"),
        (
            vec![head, entity, steps, "{\"end\":{\"decisions\":1}}"],
            4,
            "states 1 decisions",
        ),
    ] {
        match replay(&lines.join("\n")) {
            Err(Stop::Unreadable { line, fault }) => {
                assert_eq!(line, at, "{fault}");
                assert!(fault.to_string().contains(words), "{words}: {fault}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[test]
fn a_recorder_that_is_off_asks_for_nothing() {
    let mut trace = Recorder::off();
    let mut breaker = Breaker::new(BreakerConfig::default()).unwrap();
    let of = trace.breaker(&breaker, || unreachable!("nobody wants a name"));
    assert_eq!(of, Entity::NONE);
    let permit = trace.acquire(of, &mut breaker, Time::ZERO).unwrap();
    trace.complete((of, &mut breaker), Time::ZERO, permit, Outcome::Success);
    trace.event(Time::ZERO, || -> (String, u8) {
        unreachable!("nobody wants an event")
    });
    assert!(trace.finish().is_empty());
}

#[test]
fn names_are_shown_as_the_caller_allows_and_steps_stay() {
    let mut trace = Recorder::on();
    let mut breaker = Breaker::new(BreakerConfig::default()).unwrap();
    let of = trace.breaker(&breaker, || "0 hunter2".into());
    drop(trace.acquire(of, &mut breaker, Time::from_nanos(2)));
    let recording = trace.finish();
    let hidden = |text: &str| text.replace(|c: char| c.is_ascii_alphanumeric(), "*");
    let case = Case {
        subject: "hunter2".into(),
        ..Case::default()
    };
    let lines: String = recording.lines(&case, &hidden).collect();
    assert!(!lines.contains("hunter2"), "{lines}");
    let head = VERSION_1.lines().next().unwrap();
    assert!(replay(&format!("{head}\n{lines}{}", last_line(1))).is_ok());
}
