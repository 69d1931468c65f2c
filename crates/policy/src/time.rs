//! Points in time as policies see them: nanoseconds since an origin of the caller's choice.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};
/// Nanoseconds since the caller's origin (the start of a simulation, or of the process).
///
/// A policy that gets an earlier time than before treats it as the latest that it has seen: time never runs
/// backwards in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// The last representable time, 584 years after the origin: "never".
    pub const MAX: Self = Self(u64::MAX);

    /// The time this many nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The time this many seconds after the origin; negative and not-a-number count as zero, and a time too
    /// far away as [`Time::MAX`].
    #[must_use]
    pub fn from_secs_f64(seconds: f64) -> Self {
        // A float to integer cast saturates at both ends and turns not-a-number into zero.
        Self((seconds * 1e9) as u64)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the origin.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates at [`Time::MAX`].
    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// Minutes and seconds since the origin, as `+01:30.000`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0 / 1_000_000;
        write!(
            f,
            "+{:02}:{:02}.{:03}",
            millis / 60_000,
            millis / 1000 % 60,
            millis % 1000
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stop_at_never_and_differences_at_zero() {
        let second = Time::from_nanos(1_000_000_000);
        assert_eq!(second + Duration::MAX, Time::MAX);
        assert_eq!(Time::ZERO.since(second), Duration::ZERO);
        assert_eq!(
            (second + Duration::from_millis(500)).since(second),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn a_time_is_shown_as_minutes_and_seconds() {
        assert_eq!(Time::from_secs_f64(90.25).to_string(), "+01:30.250");
        assert_eq!(Time::from_secs_f64(-1.0), Time::ZERO);
    }
}
