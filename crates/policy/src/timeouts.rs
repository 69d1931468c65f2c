//! Nested timeouts: each must end before the one around it, otherwise the outer one gives up while the inner
//! one still works.
//!
//! A layer with several tries needs the sum of its tries and the waits between them. The rest of a deadline
//! is passed on, so that no layer works for a caller that has given up.

use std::time::Duration;

use crate::Time;

/// One layer of a chain of calls, from the outside in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name (`gateway`).
    pub name: String,
    /// How long it waits for the layer below, each time.
    pub timeout: Duration,
    /// How often it tries, at least once.
    pub attempts: u32,
    /// Longest wait between tries, all of them together.
    pub backoff: Duration,
}

impl Layer {
    /// The longest time from when it begins until it gives up: `attempts × timeout + backoff`.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.timeout
            .saturating_mul(self.attempts.max(1))
            .saturating_add(self.backoff)
    }
}

/// A layer that may still work when the one around it has given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{outer}` gives up after {patience:?}, and `{inner}` may take {longest:?}")]
pub struct Inverted {
    /// The layer around it.
    pub outer: String,
    /// How long that waits.
    pub patience: Duration,
    /// The layer.
    pub inner: String,
    /// How long it may take, margin included.
    pub longest: Duration,
}

/// Every pair of neighbours in a chain, from the outside in, in which the inner one does not certainly end
/// before the outer one's wait: if both end at the same moment, the answer may come too late. `margin` is the
/// time of the way between them.
#[must_use]
pub fn inverted(chain: &[Layer], margin: Duration) -> Vec<Inverted> {
    chain
        .windows(2)
        .filter_map(|pair| {
            let longest = pair[1].longest().saturating_add(margin);
            (longest >= pair[0].timeout).then(|| Inverted {
                outer: pair[0].name.clone(),
                patience: pair[0].timeout,
                inner: pair[1].name.clone(),
                longest,
            })
        })
        .collect()
}

/// A time by which an answer is needed, passed from caller to callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Time);

impl Deadline {
    /// This long from now.
    #[must_use]
    pub fn after(now: Time, wait: Duration) -> Self {
        Self(now + wait)
    }

    /// The rest; `None` if it is over and no work should begin.
    #[must_use]
    pub fn left(&self, now: Time) -> Option<Duration> {
        let left = self.0.since(now);
        (!left.is_zero()).then_some(left)
    }

    /// The deadline of a call below: this layer's own wait, and never later than the rest less `reserve`,
    /// which it keeps to answer its own caller. `None` if nothing is left.
    #[must_use]
    pub fn below(&self, now: Time, own: Duration, reserve: Duration) -> Option<Self> {
        let wait = self
            .left(now)?
            .checked_sub(reserve)
            .filter(|wait| !wait.is_zero())?;
        Some(Self::after(now, wait.min(own)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer(name: &str, timeout: u64, attempts: u32, backoff: u64) -> Layer {
        let millis = Duration::from_millis;
        Layer {
            name: name.into(),
            timeout: millis(timeout),
            attempts,
            backoff: millis(backoff),
        }
    }

    #[test]
    fn tries_of_an_inner_layer_count_together() {
        // 3 × 20 s + 6 s are longer than 60 s; 2 × 20 s + 2 s are not, with a second for the way.
        let chain = [
            layer("initialisation", 60_000, 1, 0),
            layer("pool", 20_000, 3, 6_000),
            layer("connect", 15_000, 1, 0),
        ];
        let found = inverted(&chain, Duration::from_secs(1));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].longest, Duration::from_secs(67));
        assert_eq!(
            found[0].to_string(),
            "`initialisation` gives up after 60s, and `pool` may take 67s"
        );
        let sound = [
            chain[0].clone(),
            layer("pool", 20_000, 2, 2_000),
            chain[2].clone(),
        ];
        assert!(inverted(&sound, Duration::from_secs(1)).is_empty());
    }

    #[test]
    fn two_timeouts_of_the_same_length_are_reported() {
        let chain = [layer("query", 45_000, 1, 0), layer("connect", 45_000, 1, 0)];
        assert_eq!(inverted(&chain, Duration::ZERO).len(), 1);
        let sooner = [chain[0].clone(), layer("connect", 44_999, 1, 0)];
        assert!(inverted(&sooner, Duration::ZERO).is_empty());
    }

    #[test]
    fn the_remaining_time_is_passed_on_and_ends() {
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        let deadline = Deadline::after(at(0), Duration::from_secs(2));
        assert_eq!(deadline.left(at(500)), Some(Duration::from_millis(1500)));
        // Its own wait is shorter; then the deadline less the reserve is.
        let below =
            |now, own| deadline.below(at(now), Duration::from_millis(own), Duration::from_millis(100));
        assert_eq!(below(500, 300), Some(Deadline(at(800))));
        assert_eq!(below(500, 5000), Some(Deadline(at(1900))));
        assert_eq!(below(1900, 5000), None);
        assert_eq!(deadline.left(at(2000)), None);
    }

    proptest! {
        /// However deep the calls go, no lower layer works after an upper one has given up.
        #[test]
        fn no_deadline_is_later_than_that_of_its_caller(
            first in 1_u64..10_000,
            calls in prop::collection::vec((0_u64..500, 0_u64..5000, 0_u64..100), 1..20),
        ) {
            let millis = Duration::from_millis;
            let mut now = Time::ZERO;
            let mut deadline = Deadline::after(now, millis(first));
            for (passes, own, reserve) in calls {
                now = now + millis(passes);
                let Some(below) = deadline.below(now, millis(own), millis(reserve)) else {
                    prop_assert!(now.since(Time::ZERO) + millis(reserve) >= deadline.0.since(Time::ZERO));
                    break;
                };
                prop_assert!(below.0 + millis(reserve) <= deadline.0 && below.0 <= now + millis(own));
                deadline = below;
            }
        }
    }
}
