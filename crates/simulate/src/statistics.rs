//! How certain a figure is: intervals over the runs of a simulation.
//!
//! Runs are independent. Therefore Student's t is used for their means and differences, the bootstrap for
//! statistics other than means, and Wilson's interval for shares. Within a run, [`Histogram`] keeps
//! percentiles, and [`BatchMeans`] and [`Cycles`] the standard error of values that depend on their
//! neighbours.

mod histogram;
mod quantile;
mod series;

use serde::Serialize;

pub use histogram::Histogram;
pub use quantile::{normal_quantile, student_quantile};
pub use series::{BatchMeans, Cycles, Estimate};

use crate::chance::Chance;

/// A figure over several runs, with the range in which its true value lies in 95 of 100 such experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Mean of the runs, or the share of runs.
    pub mean: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// How many runs had the figure.
    pub runs: usize,
}

/// The 97.5 % point of the normal distribution.
pub const NORMAL: f64 = 1.959_963_984_540_054;

/// Student's t at 97.5 %; infinite without degrees of freedom.
#[must_use]
pub fn student(degrees: usize) -> f64 {
    match degrees {
        0 => f64::INFINITY,
        _ => student_quantile(0.975, degrees as f64),
    }
}

/// Mean with Student's 95 % interval. For one value, and for equal values, the interval is that value; `None`
/// without values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<Interval> {
    let runs = values.len();
    let first = *values.first()?;
    if values.iter().all(|value| *value == first) {
        return Some(Interval {
            mean: first,
            low: first,
            high: first,
            runs,
        });
    }
    let count = runs as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let half = student(runs - 1) * (squares / (count - 1.0) / count).sqrt();
    Some(Interval {
        mean,
        low: mean - half,
        high: mean + half,
        runs,
    })
}

/// Mean difference `after − before` of runs with the same random numbers, with Student's 95 % interval;
/// `None` unless both have the same number of runs.
#[must_use]
pub fn paired(before: &[f64], after: &[f64]) -> Option<Interval> {
    if before.len() != after.len() {
        return None;
    }
    let differences: Vec<f64> = before
        .iter()
        .zip(after)
        .map(|(before, after)| after - before)
        .collect();
    mean(&differences)
}

/// Share of runs in which something happened, with Wilson's 95 % interval (E. B. Wilson, 1927), which stays
/// within 0 and 1 and is valid for few runs; `None` without runs.
#[must_use]
pub fn wilson(happened: usize, runs: usize) -> Option<Interval> {
    if runs == 0 {
        return None;
    }
    let (n, p) = (runs as f64, happened as f64 / runs as f64);
    let square = NORMAL * NORMAL;
    let middle = (p + square / (2.0 * n)) / (1.0 + square / n);
    let half = NORMAL / (1.0 + square / n) * (p * (1.0 - p) / n + square / (4.0 * n * n)).sqrt();
    Some(Interval {
        mean: p,
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
        runs,
    })
}

/// The median of values in any order; `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], upper)
    } else {
        upper
    })
}

/// 95 % interval for any statistic of independent samples: the percentiles of that statistic over samples drawn with
/// replacement (Efron's percentile bootstrap). `None` without samples or without resamples.
pub fn bootstrap(
    samples: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    resamples: usize,
    chance: &mut Chance,
) -> Option<Interval> {
    if samples.is_empty() || resamples == 0 {
        return None;
    }
    let mut drawn = vec![0.0; samples.len()];
    let mut found: Vec<f64> = (0..resamples)
        .map(|_| {
            for place in &mut drawn {
                *place = samples[chance.below(samples.len() as u64) as usize];
            }
            statistic(&drawn)
        })
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    Some(Interval {
        mean: statistic(samples),
        low: percentile(&found, 0.025)?,
        high: percentile(&found, 0.975)?,
        runs: samples.len(),
    })
}

/// The smallest sample that at least a share `rank` of the samples do not exceed (nearest rank); `None`
/// without samples. `sorted` must be in rising order.
#[must_use]
pub fn percentile<T: Copy>(sorted: &[T], rank: f64) -> Option<T> {
    // Half a millionth of a rank protects against 0.95 × 20 = 19.000000000000004.
    let place = libm::ceil(rank * sorted.len() as f64 - 5e-7).max(1.0) as usize;
    sorted.get(place.min(sorted.len()).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;

    fn near(found: f64, wanted: f64, within: f64) {
        assert!((found - wanted).abs() <= within, "{found} is not {wanted}");
    }

    #[test]
    fn student_agrees_with_published_tables() {
        near(student(9), 2.262, 5e-4);
        // From the tables of the NIST handbook, 1.3.6.7.2.
        near(student(40), 2.021, 5e-4);
        near(student(49), 2.010, 5e-4);
        near(student(100), 1.984, 5e-4);
    }

    #[test]
    fn an_interval_of_a_mean_is_as_computed_by_hand() {
        // 1, 2, 3, 4: mean 2.5, deviation √(5/3) = 1.29099, standard error 0.645497, t(3) = 3.18245: ± 2.05427.
        let interval = mean(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        near(interval.mean, 2.5, 1e-12);
        near(interval.high - 2.5, 2.054_27, 1e-4);
        assert_eq!(mean(&[7.0]).unwrap().high, 7.0);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn paired_samples_remove_the_common_variance() {
        let interval = paired(&[1.0, 5.0, 9.0], &[2.0, 6.0, 10.0]).unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 1.0));
        assert_eq!(paired(&[1.0], &[]), None);
    }

    #[test]
    fn the_wilson_interval_agrees_with_its_formula() {
        // 0 of 50: upper end z² / (n + z²) = 3.8415 / 53.8415 = 0.07135.
        let none = wilson(0, 50).unwrap();
        near(none.low, 0.0, 1e-12);
        near(none.high, 0.071_35, 1e-5);
        // 15 of 50 (Newcombe 1998 gives 0.1910 to 0.4375 for p = 0.3, n = 50).
        let some = wilson(15, 50).unwrap();
        near(some.low, 0.1910, 5e-4);
        near(some.high, 0.4375, 5e-4);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_student_interval_contains_the_true_mean_as_often_as_stated() {
        let mut chance = Streams::new(11, 0).stream("test", "coverage");
        let held = (0..4_000)
            .filter(|_| {
                let samples: Vec<f64> = (0..8).map(|_| 5.0 + chance.normal()).collect();
                mean(&samples).is_some_and(|interval| interval.low <= 5.0 && 5.0 <= interval.high)
            })
            .count();
        // 3,800 expected; deviation √(4,000 × 0.95 × 0.05) = 13.8; four of them.
        assert!(held.abs_diff(3_800) < 56, "{held}");
    }

    #[test]
    fn the_bootstrap_repeats_and_agrees_with_theory_for_a_median() {
        let mut draws = Streams::new(11, 0).stream("test", "samples");
        let samples: Vec<f64> = (0..400).map(|_| draws.exponential(1.0)).collect();
        let median = |samples: &[f64]| {
            let mut sorted = samples.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            percentile(&sorted, 0.5).unwrap_or(f64::NAN)
        };
        let run = || {
            bootstrap(
                &samples,
                median,
                1_000,
                &mut Streams::new(11, 0).stream("test", "resamples"),
            )
        };
        let interval = run().unwrap();
        assert_eq!(Some(interval), run());
        assert!(interval.low <= interval.mean && interval.mean <= interval.high);
        // Half-width in theory: 1.96 / (2 f(m) √n) with f(m) = ½: 0.098.
        near((interval.high - interval.low) / 2.0, 0.098, 0.03);
        assert_eq!(bootstrap(&[], median, 10, &mut draws), None);
    }

    #[test]
    fn percentiles_are_samples() {
        let twenty: Vec<u32> = (1..=20).collect();
        for (rank, expected) in [(0.0, 1), (0.05, 1), (0.5, 10), (0.95, 19), (0.951, 20), (1.0, 20)] {
            assert_eq!(percentile(&twenty, rank), Some(expected), "{rank}");
        }
        assert_eq!(percentile::<u32>(&[], 0.5), None);
    }
}
