//! Repeatable randomness: one stream for each entity and purpose.
//!
//! A stream's numbers depend only on the seed, the run and the stream's name, never on what other streams
//! drew. Therefore a platform before and after a fix gets the same arrivals and the same service times
//! (common random numbers), and the difference between the two is the effect of the fix. Logarithms and
//! exponentials come from `libm`, so that a result is the same on every machine.

use std::time::Duration;

use cofferdam_policy::Random;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The streams of one run.
#[derive(Debug, Clone, Copy)]
pub struct Streams {
    seed: u64,
    run: u64,
}

impl Streams {
    /// The streams of run `run` (from 0) under a seed.
    #[must_use]
    pub const fn new(seed: u64, run: u64) -> Self {
        Self { seed, run }
    }

    /// The stream of an entity for a purpose, such as `("data-processor", "service time")`.
    #[must_use]
    pub fn stream(&self, entity: &str, purpose: &str) -> Chance {
        let mut hash = Fnv::new();
        hash.add(&self.seed.to_le_bytes());
        hash.add(&self.run.to_le_bytes());
        hash.add(entity.as_bytes());
        hash.add(&[0]);
        hash.add(purpose.as_bytes());
        Chance(Xoshiro256PlusPlus::seed_from_u64(hash.0))
    }
}

/// FNV-1a with 64 bits: a hash whose value is fixed by its definition, unlike the standard library's.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// One stream of random numbers (xoshiro256++).
#[derive(Debug, Clone)]
pub struct Chance(Xoshiro256PlusPlus);

impl Random for Chance {
    fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }
}

impl Chance {
    /// An exponentially distributed number with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        // 1 − u is in (0, 1], so that the logarithm is finite.
        -mean * libm::log(1.0 - self.unit())
    }

    /// A normally distributed number with mean 0 and deviation 1 (Box and Muller's transform).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number that is uniform below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Lemire's multiplication; the bias is at most bound / 2^64.
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// The number of events of a Poisson process in a time in which `mean` are expected.
    ///
    /// For small means, the product of uniform numbers is compared with e^−mean (Knuth). From 10 on,
    /// transformed rejection is used, which takes the same time for every mean (W. Hörmann, "The transformed
    /// rejection method for generating Poisson random variables", 1993, algorithm PTRS).
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if !mean.is_finite() || mean <= 0.0 {
            return 0;
        }
        if mean >= 10.0 {
            return self.poisson_by_rejection(mean);
        }
        let floor = libm::exp(-mean);
        let mut count = 0;
        let mut product = self.unit();
        while product > floor {
            count += 1;
            product *= self.unit();
        }
        count
    }

    fn poisson_by_rejection(&mut self, mean: f64) -> u64 {
        let log_mean = libm::log(mean);
        let b = 0.931 + 2.53 * libm::sqrt(mean);
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.unit() - 0.5;
            let v = self.unit();
            let us = 0.5 - u.abs();
            let k = libm::floor((2.0 * a / us + b) * u + mean + 0.43);
            if us >= 0.07 && v <= v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let left = libm::log(v * inverse_alpha / (a / (us * us) + b));
            if left <= k * log_mean - mean - libm::lgamma(k + 1.0) {
                return k as u64;
            }
        }
    }
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(Duration),
    /// Memoryless, with this mean.
    Exponential {
        /// Mean.
        mean: Duration,
    },
    /// Uniform between two times.
    Uniform {
        /// Shortest.
        low: Duration,
        /// Longest.
        high: Duration,
    },
    /// Log-normal with a mean and a coefficient of variation (deviation ÷ mean).
    LogNormal {
        /// Mean.
        mean: Duration,
        /// Deviation ÷ mean; 1 is as variable as an exponential.
        variation: f64,
    },
}

impl Distribution {
    /// One time, in seconds.
    pub fn sample(&self, chance: &mut Chance) -> f64 {
        match *self {
            Self::Constant(time) => time.as_secs_f64(),
            Self::Exponential { mean } => chance.exponential(mean.as_secs_f64()),
            Self::Uniform { low, high } => {
                let (low, high) = (low.as_secs_f64(), high.as_secs_f64());
                low + (high - low) * chance.unit()
            }
            Self::LogNormal { mean, variation } => {
                // For a log-normal, σ² = ln(1 + cv²) and μ = ln(mean) − σ²/2.
                let variance = libm::log(1.0 + variation * variation);
                let location = libm::log(mean.as_secs_f64()) - variance / 2.0;
                libm::exp(location + libm::sqrt(variance) * chance.normal())
            }
        }
    }

    /// One time, rounded to nanoseconds.
    pub fn duration(&self, chance: &mut Chance) -> Duration {
        Duration::from_nanos((self.sample(chance) * 1e9) as u64)
    }

    /// The mean, in seconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Constant(time) => time.as_secs_f64(),
            Self::Exponential { mean } | Self::LogNormal { mean, .. } => mean.as_secs_f64(),
            Self::Uniform { low, high } => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_deviation(count: u32, mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..count {
            let value = draw();
            sum += value;
            squares += value * value;
        }
        let count = f64::from(count);
        let mean = sum / count;
        (mean, (squares / count - mean * mean).sqrt())
    }

    #[test]
    fn a_stream_depends_on_its_name_and_run_only() {
        let mut stream = Streams::new(1, 0).stream("a", "b");
        let first: Vec<u64> = (0..4).map(|_| stream.bits()).collect();
        let mut again = Streams::new(1, 0).stream("a", "b");
        assert!(first.iter().all(|bits| *bits == again.bits()));
        for other in [
            Streams::new(1, 0).stream("a", "c"),
            Streams::new(1, 0).stream("ab", ""),
            Streams::new(1, 1).stream("a", "b"),
            Streams::new(2, 0).stream("a", "b"),
        ] {
            let mut other = other;
            assert_ne!(first[0], other.bits());
        }
    }

    #[test]
    fn samples_have_the_mean_and_spread_of_their_distribution() {
        let mut chance = Streams::new(7, 0).stream("test", "samples");
        let mean = Duration::from_millis(250);
        for (distribution, deviation) in [
            (Distribution::Exponential { mean }, 0.25),
            (Distribution::LogNormal { mean, variation: 0.5 }, 0.125),
            // Deviation of a uniform number: (high − low) / √12.
            (
                Distribution::Uniform {
                    low: Duration::ZERO,
                    high: 2 * mean,
                },
                0.5 / 12_f64.sqrt(),
            ),
            (Distribution::Constant(mean), 0.0),
        ] {
            let (found, spread) = mean_and_deviation(200_000, || distribution.sample(&mut chance));
            // Five standard errors of the mean, and 2 % of the deviation.
            assert!(
                (found - distribution.mean()).abs() <= 5.0 * deviation / 200_000_f64.sqrt() + 1e-12,
                "{distribution:?}"
            );
            assert!(
                (spread - deviation).abs() <= 0.02 * deviation + 1e-6,
                "{distribution:?}: {spread}"
            );
        }
    }

    #[test]
    fn poisson_counts_have_equal_mean_and_variance() {
        let mut chance = Streams::new(7, 1).stream("test", "poisson");
        for mean in [0.3, 5.0, 12.0, 700.0] {
            let (found, spread) = mean_and_deviation(50_000, || chance.poisson(mean) as f64);
            assert!(
                (found - mean).abs() <= 5.0 * (mean / 50_000.0).sqrt(),
                "{mean}: {found}"
            );
            assert!(
                (spread * spread / mean - 1.0).abs() < 0.05,
                "{mean}: variance {}",
                spread * spread
            );
        }
        assert_eq!(chance.poisson(0.0), 0);
    }

    #[test]
    fn integers_cover_their_range_evenly() {
        let mut chance = Streams::new(7, 2).stream("test", "below");
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[chance.below(7) as usize] += 1;
        }
        // Deviation of each count: √(70,000 × 1/7 × 6/7) ≈ 93.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 465),
            "{counts:?}"
        );
        assert_eq!(chance.below(0), 0);
    }
}
