//! Percentiles of more values than can be kept: counts in buckets whose width grows with the value.

/// Each power of two is cut into this many buckets: values in one differ by less than 1 in 128.
const PARTS: u64 = 128;

/// Counts of values such as latencies in nanoseconds, exact below 256 and within 0.4 % of the value above.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u128,
    most: u64,
}

impl Histogram {
    /// Without values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a value.
    pub fn record(&mut self, value: u64) {
        let bucket = bucket(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.sum += u128::from(value);
        self.most = self.most.max(value);
    }

    /// Add the values of another.
    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.sum += other.sum;
        self.most = self.most.max(other.most);
    }

    /// How many values there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// Their exact mean; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.total > 0).then(|| self.sum as f64 / self.total as f64)
    }

    /// The exact largest value; 0 without values.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.most
    }

    /// The value that at least a share `rank` of the values do not exceed, as the middle of its bucket (the largest
    /// value is exact); `None` without values.
    #[must_use]
    pub fn percentile(&self, rank: f64) -> Option<u64> {
        let needed = (libm::ceil(rank * self.total as f64 - 5e-7) as u64).clamp(1, self.total.max(1));
        if needed == self.total {
            return Some(self.most);
        }
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= needed {
                return Some(middle(bucket).min(self.most));
            }
        }
        None
    }
}

/// Values below `2 × PARTS` have a bucket each; above, the leading bits after the first name the part.
const fn bucket(value: u64) -> usize {
    let shift = shift_of(value);
    (shift * PARTS + (value >> shift)) as usize
}

const fn shift_of(value: u64) -> u64 {
    // log2(PARTS) bits after the leading one are kept.
    (63 - (value | PARTS).leading_zeros() as u64) - PARTS.trailing_zeros() as u64
}

/// The value in the middle of a bucket.
const fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket;
    }
    let shift = bucket / PARTS - 1;
    let low = (bucket - shift * PARTS) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_of_evenly_spaced_values_are_exact() {
        let mut histogram = Histogram::new();
        for value in 1..=100_000_u64 {
            histogram.record(value * 1_000);
        }
        for (rank, expected) in [(0.5, 5e7), (0.95, 9.5e7), (0.99, 9.9e7), (0.999, 9.99e7)] {
            let found = histogram.percentile(rank).unwrap() as f64;
            assert!((found / expected - 1.0).abs() < 0.004, "{rank}: {found}");
        }
        assert_eq!(histogram.percentile(0.0), Some(middle(bucket(1_000))));
        assert_eq!(histogram.percentile(1.0).unwrap(), 100_000_000);
        assert_eq!(histogram.mean(), Some(50_000_500.0));
        assert_eq!((histogram.count(), histogram.max()), (100_000, 100_000_000));
    }

    #[test]
    fn an_empty_histogram_has_no_percentile_and_extremes_have_a_bucket() {
        let mut histogram = Histogram::new();
        assert_eq!((histogram.percentile(0.5), histogram.mean()), (None, None));
        histogram.record(0);
        histogram.record(u64::MAX);
        assert_eq!(histogram.percentile(0.5), Some(0));
        assert_eq!(histogram.percentile(1.0), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn a_bucket_has_at_most_the_stated_width(value in any::<u64>(), shift in 0_u32..64) {
            let value = value >> shift;
            let found = middle(bucket(value));
            prop_assert!(found.abs_diff(value) <= value / 256, "{} {}", value, found);
        }

        #[test]
        fn merged_histograms_equal_one(values in prop::collection::vec(any::<u32>(), 0..50), cut in 0_usize..50) {
            let mut all = Histogram::new();
            let mut parts = [Histogram::new(), Histogram::new()];
            for (place, value) in values.iter().enumerate() {
                all.record(u64::from(*value));
                parts[usize::from(place < cut)].record(u64::from(*value));
            }
            let [mut merged, other] = parts;
            merged.merge(&other);
            prop_assert_eq!(merged, all);
        }
    }
}
