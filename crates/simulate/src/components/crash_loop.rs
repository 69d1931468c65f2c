//! How Kubernetes restarts a container that ends: at once the first time, then after 10, 20, 40 … 300 s.
//!
//! The kubelet forgets the delays once a container has run for twice the longest one (ten minutes). Therefore
//! a fault that kills a container every few minutes never leaves the loop, and after a fault is fixed the
//! container may still wait up to five minutes. Source: the kubelet's `doBackOff`, and client-go's
//! `flowcontrol/backoff.go`.

use std::time::Duration;

use cofferdam_model::units::Bytes;
use cofferdam_policy::Time;

/// The delays of restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashLoopConfig {
    /// Delay of the second restart; each one after it waits twice as long.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
}

impl Default for CrashLoopConfig {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            longest: Duration::from_secs(300),
        }
    }
}

/// The restarts of one container.
#[derive(Debug, Clone, Copy)]
pub struct CrashLoop {
    config: CrashLoopConfig,
    /// The delay of the next restart, and the time of the last one.
    last: Option<(Duration, Time)>,
    restarts: u32,
}

impl CrashLoop {
    /// A container that has not crashed yet.
    #[must_use]
    pub const fn new(config: CrashLoopConfig) -> Self {
        Self {
            config,
            last: None,
            restarts: 0,
        }
    }

    /// The container ended at `now`; returns when it starts again.
    pub fn ended(&mut self, now: Time) -> Time {
        self.restarts += 1;
        let (delay, next) = match self.last {
            Some((delay, restart)) if now.since(restart) <= 2 * self.config.longest => {
                (delay, (2 * delay).min(self.config.longest))
            }
            _ => (Duration::ZERO, self.config.first),
        };
        let restart = now + delay;
        self.last = Some((next, restart));
        restart
    }

    /// How often it was restarted.
    #[must_use]
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }
}

/// Memory of a container as its load fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The limit at which the kernel kills it.
    pub limit: Bytes,
    /// Its memory without any work.
    pub idle: Bytes,
    /// The memory of each piece of work in the container, waiting or in service.
    pub each: Bytes,
}

impl Memory {
    /// Bytes in use with this many pieces of work.
    #[must_use]
    pub const fn used(&self, present: u64) -> Bytes {
        Bytes(self.idle.0.saturating_add(self.each.0.saturating_mul(present)))
    }

    /// Whether the kernel kills the container with this many pieces of work in it.
    #[must_use]
    pub const fn kills(&self, present: u64) -> bool {
        self.used(present).0 > self.limit.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_five_minutes_and_the_first_restart_is_immediate() {
        let mut container = CrashLoop::new(CrashLoopConfig::default());
        let mut now = Time::ZERO;
        let mut delays = Vec::new();
        for _ in 0..8 {
            // It runs for three seconds each time.
            now = now + Duration::from_secs(3);
            let restart = container.ended(now);
            delays.push(restart.since(now).as_secs());
            now = restart;
        }
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(container.restarts(), 8);
    }

    #[test]
    fn ten_minutes_of_running_reset_the_delay_and_less_does_not() {
        let mut container = CrashLoop::new(CrashLoopConfig::default());
        let first = container.ended(Time::ZERO);
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let second = container.ended(first + minutes(10));
        assert_eq!(second, first + minutes(10) + Duration::from_secs(10));
        let end = second + minutes(10) + Duration::from_nanos(1);
        assert_eq!(container.ended(end), end);
    }

    #[test]
    fn memory_kills_above_its_limit_only() {
        // 100 + 10 × 20 = 300.
        let memory = Memory {
            limit: Bytes(300),
            idle: Bytes(100),
            each: Bytes(10),
        };
        assert!(!memory.kills(20));
        assert!(memory.kills(21));
        assert!(memory.kills(u64::MAX));
    }
}
