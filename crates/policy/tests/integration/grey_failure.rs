//! The failure that a breaker at 50 % never detects: one target loses a tenth of its calls.

use std::time::Duration;

use cofferdam_policy::breaker::{Breaker, BreakerConfig, State};
use cofferdam_policy::grey::{GreyConfig, GreyDetector};
use cofferdam_policy::window::Outcome;
use cofferdam_policy::{Random, Time};

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
struct SplitMix(u64);

impl Random for SplitMix {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Calls a second to each target.
const RATE: u64 = 100;

/// Sends `seconds` of calls to targets that lose those shares of them; returns the second at which each was
/// first grey, and whether its breaker ever opened.
fn run(seconds: u64, losses: &[f64], seed: u64) -> Vec<(Option<u64>, bool)> {
    let mut random = SplitMix(seed);
    let mut detector = GreyDetector::new(GreyConfig::default(), losses.len()).unwrap();
    let mut breakers: Vec<_> = losses
        .iter()
        .map(|_| Breaker::new(BreakerConfig::cell()).unwrap())
        .collect();
    let mut seen = vec![(None, false); losses.len()];
    for call in 0..seconds * RATE {
        let now = Time::ZERO + Duration::from_nanos(call * 1_000_000_000 / RATE);
        for (target, loss) in losses.iter().enumerate() {
            let outcome = if random.unit() < *loss {
                Outcome::Failure
            } else {
                Outcome::Success
            };
            detector.record(now, target, outcome);
            if detector.standing(now, target).is_grey() {
                seen[target].0.get_or_insert(call / RATE);
            }
            match breakers[target].acquire(now) {
                Ok(permit) => drop(breakers[target].record(now, permit, outcome)),
                Err(_) => seen[target].1 = true,
            }
            seen[target].1 |= breakers[target].state(now) != State::Closed;
        }
    }
    seen
}

#[test]
fn ten_percent_loss_at_one_of_two_cells_is_detected_in_twenty_seconds_while_the_breaker_stays_closed() {
    for seed in 0..20 {
        let seen = run(60, &[0.1, 0.001], seed);
        // Two intervals of 10 s; the verdict is there with the third's first call.
        assert_eq!(seen, [(Some(20), false), (None, false)], "seed {seed}");
    }
}

#[test]
fn equal_targets_are_never_grey() {
    for seed in 0..5 {
        let seen = run(3600, &[0.02; 5], seed);
        assert_eq!(seen, [(None, false); 5], "seed {seed}");
    }
}
