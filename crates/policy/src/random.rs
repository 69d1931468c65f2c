//! Randomness from outside, so that a decision can be repeated.

/// A source of random bits owned by the caller: seeded in a simulation, the system's in production.
pub trait Random {
    /// Sixty-four random bits.
    fn bits(&mut self) -> u64;

    /// A number that is uniform in `[0, 1)`, with 53 random bits.
    fn unit(&mut self) -> f64 {
        // 2^-53: the distance between neighbours in [0.5, 1), so that every result is exact.
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.bits() >> 11) as f64 * STEP
    }
}

impl<R: Random + ?Sized> Random for &mut R {
    fn bits(&mut self) -> u64 {
        (**self).bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl Random for Fixed {
        fn bits(&mut self) -> u64 {
            self.0
        }
    }

    #[test]
    fn the_unit_interval_excludes_one() {
        assert_eq!(Fixed(0).unit(), 0.0);
        assert_eq!(Fixed(1 << 63).unit(), 0.5);
        // All bits set: 1 − 2^-53, the largest double below one.
        assert_eq!(Fixed(u64::MAX).unit(), 1.0 - f64::EPSILON / 2.0);
    }
}
