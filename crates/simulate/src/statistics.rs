//! How sure a figure is: intervals over the runs of a simulation.

use serde::Serialize;

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

/// Student's t at 97.5 % for 1 to 30 degrees of freedom (the two-sided 95 % column of every published table).
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The 97.5 % point of the normal distribution.
pub const NORMAL: f64 = 1.959_963_984_540_054;

/// Student's t at 97.5 %. Above 30 degrees of freedom by the expansion around the normal distribution (Abramowitz and
/// Stegun, 26.7.5), which is right to four digits there.
#[must_use]
pub fn student(degrees: usize) -> f64 {
    match degrees {
        0 => f64::INFINITY,
        1..=30 => STUDENT[degrees - 1],
        _ => {
            let (z, v) = (NORMAL, degrees as f64);
            let cube = z * z * z;
            let fifth = cube * z * z;
            z + (cube + z) / (4.0 * v) + (5.0 * fifth + 16.0 * cube + 3.0 * z) / (96.0 * v * v)
        }
    }
}

/// Mean with Student's 95 % interval. Of one value, and of values that are all the same, the interval is that value;
/// `None` of no values.
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

/// Mean difference `after − before` of runs that met the same chance, with Student's 95 % interval; `None` unless
/// there are as many of the one as of the other.
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

/// Share of runs in which something happened, with Wilson's 95 % interval (E. B. Wilson, 1927), which stays within
/// 0 and 1 and is sound for few runs; `None` of no runs.
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

/// The median of values in any order; `None` of no values.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64, within: f64) {
        assert!((found - wanted).abs() <= within, "{found} is not {wanted}");
    }

    #[test]
    fn student_agrees_with_published_tables() {
        near(student(9), 2.262, 1e-9);
        // From the tables of the NIST handbook, 1.3.6.7.2.
        near(student(40), 2.021, 5e-4);
        near(student(49), 2.010, 5e-4);
        near(student(100), 1.984, 5e-4);
    }

    #[test]
    fn an_interval_of_a_mean_is_as_computed_by_hand() {
        // 1, 2, 3, 4: mean 2.5, deviation √(5/3) = 1.29099, standard error 0.645497, t(3) = 3.182: ± 2.05397.
        let interval = mean(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        near(interval.mean, 2.5, 1e-12);
        near(interval.high - 2.5, 2.053_97, 1e-4);
        assert_eq!(mean(&[7.0]).unwrap().high, 7.0);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn pairs_leave_only_the_difference() {
        let interval = paired(&[1.0, 5.0, 9.0], &[2.0, 6.0, 10.0]).unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 1.0));
        assert_eq!(paired(&[1.0], &[]), None);
    }

    #[test]
    fn wilson_agrees_with_his_formula() {
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
    fn a_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
