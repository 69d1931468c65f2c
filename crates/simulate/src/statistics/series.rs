//! Standard errors of values measured within one run.
//!
//! Waits within a run are not independent: each customer waits for earlier ones. [`BatchMeans`] and
//! [`Cycles`] give the true standard error for them, while the textbook formula is several times too small.

/// A mean and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
}

impl Estimate {
    /// Mean of independent samples; `None` with fewer than two.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        if samples.len() < 2 {
            return None;
        }
        let count = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / count;
        let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        Some(Self {
            mean,
            error: (squares / (count - 1.0) / count).sqrt(),
        })
    }
}

/// Mean of a long series of values that depend on their neighbours, by means of batches.
///
/// Batches that are long compared to the time over which values are correlated are nearly independent, so
/// that the spread of their means gives the standard error. Fifty or more batches are a good number.
#[derive(Debug, Clone)]
pub struct BatchMeans {
    size: u64,
    sum: f64,
    count: u64,
    means: Vec<f64>,
}

impl BatchMeans {
    /// Batches of this many values; a size of 0 counts as 1.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size: size.max(1),
            sum: 0.0,
            count: 0,
            means: Vec::new(),
        }
    }

    /// The next value of the series.
    pub fn push(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
        if self.count == self.size {
            self.means.push(self.sum / self.size as f64);
            self.sum = 0.0;
            self.count = 0;
        }
    }

    /// Add the full batches of another, independent run.
    pub fn merge(&mut self, other: &Self) {
        self.means.extend(&other.means);
    }

    /// Mean over the full batches, and its standard error; `None` with fewer than two full batches.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        Estimate::of(&self.means)
    }
}

/// Mean of a series that restarts from time to time (each time a station is empty), by its independent
/// cycles.
///
/// Unlike batches it needs no size to be chosen; the ratio estimator's bias falls with the number of cycles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cycles {
    count: f64,
    values: f64,
    weights: f64,
    values_squared: f64,
    weights_squared: f64,
    products: f64,
}

impl Cycles {
    /// A cycle is over: the sum of its values, and their number (or duration).
    pub fn push(&mut self, sum: f64, weight: f64) {
        self.count += 1.0;
        self.values += sum;
        self.weights += weight;
        self.values_squared += sum * sum;
        self.weights_squared += weight * weight;
        self.products += sum * weight;
    }

    /// Mean over all cycles, and its standard error; `None` with fewer than two cycles or without weight.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        if self.count < 2.0 || self.weights <= 0.0 {
            return None;
        }
        let mean = self.values / self.weights;
        // Σ (Y − r·τ)², whose mean is zero by the choice of r.
        let squares = self.values_squared - 2.0 * mean * self.products + mean * mean * self.weights_squared;
        let variance = squares.max(0.0) / (self.count - 1.0);
        Some(Estimate {
            mean,
            error: (variance * self.count).sqrt() / self.weights,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
    }

    #[test]
    fn independent_samples_have_the_textbook_error() {
        // Mean 3, deviation √2.5, error √(2.5/5) = √½.
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(estimate.mean, 3.0);
        close(estimate.error, 0.5_f64.sqrt(), 1e-12);
        assert_eq!(Estimate::of(&[1.0]), None);
    }

    /// x' = φx + noise: the standard error of its mean is deviation(x) × √((1+φ)/(1−φ)) / √n, here three times what
    /// independent values would have.
    #[test]
    fn batch_means_detect_correlation() {
        let mut chance = Streams::new(11, 0).stream("test", "series");
        let (phi, n) = (0.8, 400_000_u32);
        let mut batches = BatchMeans::new(4_000);
        let mut x = 0.0;
        for _ in 0..n {
            x = phi * x + chance.normal();
            batches.push(x);
        }
        let estimate = batches.estimate().unwrap();
        let deviation = 1.0 / (1.0_f64 - phi * phi).sqrt();
        let expected = deviation * ((1.0 + phi) / (1.0 - phi)).sqrt() / f64::from(n).sqrt();
        // A deviation from 100 batches is known to about 7 %.
        close(estimate.error / expected, 1.0, 0.25);
        assert!(estimate.mean.abs() < 4.0 * expected);
    }

    #[test]
    fn cycles_give_the_ratio_and_its_error() {
        // r = 12/6 = 2; Y − rτ: 0, 2, −2: Σ² = 8; error = √(8/2 × 3)/6 = 0.57735.
        let mut cycles = Cycles::default();
        for (sum, weight) in [(2.0, 1.0), (6.0, 2.0), (4.0, 3.0)] {
            cycles.push(sum, weight);
        }
        let estimate = cycles.estimate().unwrap();
        assert_eq!(estimate.mean, 2.0);
        close(estimate.error, 0.577_35, 1e-5);
        assert_eq!(Cycles::default().estimate(), None);
    }
}
