//! Quantiles of the normal and of Student's distribution, by inverting their distribution functions.

/// The value below which a standard normal variable lies with this probability.
///
/// Infinite at 0 and 1; not a number outside `[0, 1]`.
#[must_use]
pub fn normal_quantile(probability: f64) -> f64 {
    quantile(probability, |value| {
        0.5 * libm::erfc(value * std::f64::consts::FRAC_1_SQRT_2)
    })
}

/// The value below which a variable of Student's distribution lies with this probability.
///
/// `freedom`: degrees of freedom, above 0. Infinite at 0 and 1; not a number outside `[0, 1]`.
#[must_use]
pub fn student_quantile(probability: f64, freedom: f64) -> f64 {
    // P(T > t) = ½ I(ν / (ν + t²); ν/2, ½) for t ≥ 0 (Abramowitz and Stegun, 26.7.1).
    quantile(probability, |value| {
        0.5 * incomplete_beta(freedom / (freedom + value * value), freedom / 2.0, 0.5)
    })
}

/// Invert a symmetric distribution, given the probability of exceeding a value that is not negative.
fn quantile(probability: f64, exceeds: impl Fn(f64) -> f64) -> f64 {
    if !(0.0..=1.0).contains(&probability) {
        return f64::NAN;
    }
    let tail = probability.min(1.0 - probability);
    let value = if tail == 0.0 {
        f64::INFINITY
    } else {
        let mut high = 1.0;
        while exceeds(high) > tail {
            high *= 2.0;
        }
        bisect(high, |value| exceeds(value) > tail)
    };
    if probability < 0.5 { -value } else { value }
}

/// The place between 0 and `high` where `below` becomes false, as exactly as a float can represent.
fn bisect(high: f64, below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, high);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// The regularised incomplete beta function I(x; a, b), by its continued fraction (Abramowitz and Stegun, 26.5.8)
/// evaluated with Lentz's method, on the side where that converges fast.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let logarithm = a * libm::log(x) + b * libm::log1p(-x) + libm::lgamma(a + b)
        - libm::lgamma(a)
        - libm::lgamma(b)
        - libm::log(a);
    libm::exp(logarithm) / beta_fraction(x, a, b)
}

/// The continued fraction 1 + d₁/(1 + d₂/(1 + …)) of the incomplete beta function.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    // Prevents a zero denominator from ending the recursion.
    const TINY: f64 = 1e-300;
    const MOST: u32 = 10_000;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut fraction, mut upper, mut lower) = (1.0, 1.0, 0.0);
    for step in 1..=MOST {
        let m = f64::from(step / 2);
        let term = if step % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        lower = 1.0 / guard(1.0 + term * lower);
        upper = guard(1.0 + term / upper);
        let change = upper * lower;
        fraction *= change;
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_are_those_of_the_published_table() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: probabilities 0.90, 0.95, 0.975, 0.99, 0.995,
        // 0.999.
        const PROBABILITIES: [f64; 6] = [0.90, 0.95, 0.975, 0.99, 0.995, 0.999];
        for (freedom, row) in [
            (1, [3.078, 6.314, 12.706, 31.821, 63.657, 318.309]),
            (2, [1.886, 2.920, 4.303, 6.965, 9.925, 22.327]),
            (3, [1.638, 2.353, 3.182, 4.541, 5.841, 10.215]),
            (4, [1.533, 2.132, 2.776, 3.747, 4.604, 7.173]),
            (5, [1.476, 2.015, 2.571, 3.365, 4.032, 5.894]),
            (9, [1.383, 1.833, 2.262, 2.821, 3.250, 4.297]),
            (10, [1.372, 1.812, 2.228, 2.764, 3.169, 4.144]),
            (29, [1.311, 1.699, 2.045, 2.462, 2.756, 3.396]),
            (49, [1.299, 1.677, 2.010, 2.405, 2.680, 3.265]),
            (100, [1.290, 1.660, 1.984, 2.364, 2.626, 3.174]),
        ] {
            for (probability, expected) in PROBABILITIES.into_iter().zip(row) {
                let found = student_quantile(probability, f64::from(freedom));
                assert!(
                    (found - expected).abs() < 6e-4,
                    "{freedom}, {probability}: {found}"
                );
                assert!((student_quantile(1.0 - probability, f64::from(freedom)) + found).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn normal_quantiles_are_those_of_the_published_table() {
        for (probability, expected) in [
            (0.5, 0.0),
            (0.9, 1.281_552),
            (0.975, 1.959_964),
            (0.995, 2.575_829),
            (0.9995, 3.290_527),
            (0.025, -1.959_964),
        ] {
            let found = normal_quantile(probability);
            assert!((found - expected).abs() < 1e-6, "{probability}: {found}");
        }
        // Student's distribution becomes normal.
        assert!((student_quantile(0.975, 1e7) - normal_quantile(0.975)).abs() < 1e-6);
    }

    #[test]
    fn quantiles_of_0_and_1_are_infinite_and_outside_there_are_none() {
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert_eq!(student_quantile(0.0, 3.0), f64::NEG_INFINITY);
        assert!(normal_quantile(1.5).is_nan() && student_quantile(f64::NAN, 3.0).is_nan());
    }
}
