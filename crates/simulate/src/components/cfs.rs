//! A CPU limit as Linux enforces it: a quota of processor time for each period of 100 ms, shared by all
//! threads.
//!
//! A container with a limit of one CPU and ten runnable threads uses its 100 ms up in 10 ms and is then
//! stopped for 90 ms. It shows 100 % of the limit in these moments and a low average over a minute. So the
//! number of runnable threads causes throttling, not the utilisation that a monitor shows.
//!
//! Threads share the cores evenly (processor sharing), which approximates the fair scheduler. Left out: each
//! core takes quota in slices of 5 ms and may leave some unused, burst quota (`cpu.max.burst`), and other
//! containers on the node. Source: the kernel's `Documentation/scheduler/sched-bwc.rst`.

use std::time::Duration;

use cofferdam_policy::Time;

/// How much processor time threads get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CfsConfig {
    /// Processor time for each period; none without a limit. A limit of 1.5 CPUs is 150 ms.
    pub quota: Option<Duration>,
    /// The period; Kubernetes leaves it at 100 ms.
    pub period: Duration,
    /// The node's cores, of which each thread can use one at a time.
    pub cores: u32,
    /// How long after time zero the first full period begins.
    pub phase: Duration,
}

impl Default for CfsConfig {
    fn default() -> Self {
        Self {
            quota: None,
            period: Duration::from_millis(100),
            cores: 4,
            phase: Duration::ZERO,
        }
    }
}

/// Why a processor cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CfsError {
    /// The period is zero.
    #[error("a period of zero")]
    Period,
    /// The quota is zero: nothing would ever run.
    #[error("a quota of zero")]
    Quota,
    /// There are no cores.
    #[error("no cores")]
    Cores,
}

/// What the kernel counts in `cpu.stat`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CfsCounters {
    /// Periods in which something ran or wanted to (`nr_periods`).
    pub periods: u64,
    /// Of them, those whose quota ran out while a thread still wanted to run (`nr_throttled`).
    pub throttled: u64,
    /// How long runnable threads were stopped, by the clock.
    pub stood: Duration,
    /// Processor time used, in seconds.
    pub used: f64,
}

/// Call [`Cfs::wake`] with this at `at`.
#[derive(Debug, PartialEq, Eq)]
pub struct Wake {
    /// When something changes: a thread is done, the quota runs out, or a new period begins.
    pub at: Time,
    generation: u64,
}

#[derive(Debug)]
struct Thread<T> {
    job: T,
    /// The attained time at which it is done, in nanoseconds.
    target: f64,
}

/// Threads of one container, and the processor time that they share.
#[derive(Debug)]
pub struct Cfs<T> {
    config: CfsConfig,
    /// Runnable threads; the one that finishes first is at the end.
    threads: Vec<Thread<T>>,
    /// Processor time that a thread would have had if it had been runnable from the beginning, in
    /// nanoseconds.
    attained: f64,
    /// The rest of this period's quota, in nanoseconds; infinite without a limit.
    left: f64,
    period_ends: Time,
    at: Time,
    generation: u64,
    /// Whether a thread ran, and whether threads were stopped, in this period.
    ran: bool,
    throttled: bool,
    counters: CfsCounters,
}

/// Less than a nanosecond is a rounding error, not work.
const ROUNDING: f64 = 0.5;

impl<T> Cfs<T> {
    /// An idle processor.
    ///
    /// # Errors
    ///
    /// A period or quota of zero, or no cores.
    pub fn new(config: CfsConfig) -> Result<Self, CfsError> {
        if config.period.is_zero() {
            return Err(CfsError::Period);
        }
        if config.quota.is_some_and(|quota| quota.is_zero()) {
            return Err(CfsError::Quota);
        }
        if config.cores == 0 {
            return Err(CfsError::Cores);
        }
        let mut cfs = Self {
            config,
            threads: Vec::new(),
            attained: 0.0,
            left: 0.0,
            period_ends: Time::ZERO + config.phase,
            at: Time::ZERO,
            generation: 0,
            ran: false,
            throttled: false,
            counters: CfsCounters::default(),
        };
        cfs.left = cfs.quota();
        if config.phase.is_zero() {
            cfs.begin_period();
        }
        Ok(cfs)
    }

    /// A thread becomes runnable and needs this much processor time.
    pub fn start(&mut self, job: T, work: Duration, now: Time) -> Option<Wake> {
        self.advance(now);
        let target = self.attained + work.as_nanos() as f64;
        // Equal targets finish in order of arrival: a new one goes before its equals.
        let place = self.threads.partition_point(|thread| thread.target > target);
        self.threads.insert(place, Thread { job, target });
        self.next_wake()
    }

    /// Handles a wake-up: finished threads go to `done`. A wake-up that is outdated by a later [`Cfs::start`]
    /// changes nothing and returns `None`.
    pub fn wake(&mut self, wake: Wake, now: Time, done: &mut Vec<T>) -> Option<Wake> {
        if wake.generation != self.generation {
            return None;
        }
        self.advance(now);
        while let Some(thread) = self
            .threads
            .pop_if(|thread| thread.target <= self.attained + ROUNDING)
        {
            done.push(thread.job);
        }
        self.next_wake()
    }

    /// How many threads want to run.
    #[must_use]
    pub fn runnable(&self) -> usize {
        self.threads.len()
    }

    /// Whether they are stopped until the next period.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        !self.threads.is_empty() && self.left <= ROUNDING
    }

    /// What the kernel would have counted by `now`. The current period counts when it is over.
    pub fn counters(&mut self, now: Time) -> CfsCounters {
        self.advance(now);
        self.counters
    }

    fn quota(&self) -> f64 {
        self.config
            .quota
            .map_or(f64::INFINITY, |quota| quota.as_nanos() as f64)
    }

    /// Cores in use while the threads run.
    fn in_use(&self) -> f64 {
        (self.threads.len() as f64).min(f64::from(self.config.cores))
    }

    fn advance(&mut self, now: Time) {
        while self.at < now {
            let mut until = now.min(self.period_ends);
            if self.is_throttled() {
                self.counters.stood += until.since(self.at);
                self.throttled = true;
            } else if !self.threads.is_empty() {
                self.ran = true;
                until = until.min(self.after(self.left / self.in_use()));
                let elapsed = until.since(self.at).as_nanos() as f64;
                let used = elapsed * self.in_use();
                self.left -= used;
                self.attained += used / self.threads.len() as f64;
                self.counters.used += used / 1e9;
            }
            self.at = until;
            if self.threads.is_empty() {
                self.at = now;
            }
            if self.period_ends <= self.at {
                self.begin_period();
            }
        }
    }

    /// Closes the counters of a period and opens the current one. After an idle time, that is not the next
    /// one.
    fn begin_period(&mut self) {
        self.counters.periods += u64::from(self.ran || self.throttled);
        self.counters.throttled += u64::from(self.throttled);
        (self.ran, self.throttled) = (false, false);
        self.left = self.quota();
        let period = u64::try_from(self.config.period.as_nanos()).unwrap_or(u64::MAX);
        let over = self.at.since(self.period_ends).as_nanos() as u64;
        let periods = (over / period).saturating_add(1);
        self.period_ends = self.period_ends + Duration::from_nanos(period.saturating_mul(periods));
    }

    /// The time this many nanoseconds from now, rounded up so that events due then have happened, and at
    /// least one.
    fn after(&self, nanos: f64) -> Time {
        let nanos = libm::ceil(nanos - ROUNDING).max(1.0);
        self.at + Duration::from_nanos(nanos as u64)
    }

    fn next_wake(&mut self) -> Option<Wake> {
        self.generation += 1;
        let first = self.threads.last()?;
        let at = if self.left <= ROUNDING {
            self.period_ends
        } else {
            let work = (first.target - self.attained).max(0.0) * self.threads.len() as f64;
            let ready = self.after(work.min(self.left) / self.in_use());
            ready.min(self.period_ends)
        };
        Some(Wake {
            at,
            generation: self.generation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(cpus: f64, cores: u32) -> Cfs<u32> {
        Cfs::new(CfsConfig {
            quota: Some(Duration::from_secs_f64(0.1 * cpus)),
            cores,
            ..CfsConfig::default()
        })
        .unwrap()
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Runs until idle: each thread with the millisecond at which it finished.
    fn run(cfs: &mut Cfs<u32>, mut wake: Option<Wake>) -> Vec<(u32, u64)> {
        let mut ends = Vec::new();
        while let Some(next) = wake {
            let now = next.at;
            let mut done = Vec::new();
            wake = cfs.wake(next, now, &mut done);
            ends.extend(done.into_iter().map(|job| (job, now.as_nanos() / 1_000_000)));
        }
        ends
    }

    fn start_all(cfs: &mut Cfs<u32>, threads: u32, work: Duration) -> Option<Wake> {
        (0..threads)
            .map(|job| cfs.start(job, work, Time::ZERO))
            .last()
            .flatten()
    }

    #[test]
    fn ten_threads_use_up_one_cpu_in_a_tenth_of_the_period() {
        // 10 threads × 20 ms = 200 ms of work at 100 ms a period: 10 ms of running (10 ms each), 90 ms
        // stopped, 10 ms of running: finished at 110 ms instead of 20 ms.
        let mut cfs = limited(1.0, 16);
        let wake = start_all(&mut cfs, 10, millis(20));
        let ends = run(&mut cfs, wake);
        assert_eq!(ends, (0..10).map(|job| (job, 110)).collect::<Vec<_>>());
        let counters = cfs.counters(Time::ZERO + millis(300));
        assert_eq!((counters.periods, counters.throttled), (2, 1));
        assert_eq!(counters.stood, millis(90));
        assert!((counters.used - 0.2).abs() < 1e-9);
    }

    #[test]
    fn one_thread_is_never_throttled_at_one_cpu() {
        let mut cfs = limited(1.0, 16);
        let wake = cfs.start(1, millis(250), Time::ZERO);
        assert_eq!(run(&mut cfs, wake), [(1, 250)]);
        let counters = cfs.counters(Time::ZERO + millis(300));
        assert_eq!((counters.periods, counters.throttled), (3, 0));
    }

    #[test]
    fn half_a_cpu_stops_a_single_thread_half_the_time() {
        // 120 ms of work at 50 ms a period: 50 by 50, 100 by 150, 120 by 220.
        let mut cfs = limited(0.5, 4);
        let wake = cfs.start(1, millis(120), Time::ZERO);
        assert_eq!(run(&mut cfs, wake), [(1, 220)]);
        assert_eq!(cfs.counters(Time::ZERO + millis(220)).stood, millis(100));
    }

    #[test]
    fn without_a_limit_threads_share_the_cores() {
        // Six threads of 10 ms on 4 cores: 60 ms of work at 4 a time = 15 ms.
        let mut cfs = Cfs::new(CfsConfig::default()).unwrap();
        let wake = start_all(&mut cfs, 6, millis(10));
        assert!(run(&mut cfs, wake).iter().all(|(_, end)| *end == 15));
        assert_eq!(cfs.counters(Time::ZERO + millis(200)).throttled, 0);
    }

    #[test]
    fn periods_continue_after_an_idle_time_and_an_outdated_wake_up_is_ignored() {
        let mut cfs = limited(0.5, 4);
        let early = cfs.start(1, millis(10), Time::ZERO).unwrap();
        let wake = cfs.start(2, millis(10), Time::ZERO);
        let mut done = Vec::new();
        assert!(
            cfs.wake(early, Time::ZERO + millis(10), &mut done).is_none(),
            "overtaken"
        );
        assert_eq!(run(&mut cfs, wake), [(1, 10), (2, 10)]);
        // At 1,080 ms, 20 ms before the period ends: 20 ms of work, then a new quota at 1,100, so no stop at all.
        let wake = cfs.start(3, millis(60), Time::ZERO + millis(1_080));
        assert_eq!(run(&mut cfs, wake), [(3, 1_140)]);
    }

    #[test]
    fn a_later_thread_with_less_work_is_done_first() {
        // 40 ms alone by 10 ms: 30 left. Then two on one core: the short one (5 ms) takes 10 ms, to 20 ms; the long one
        // has 25 left and is alone: 45.
        let mut cfs = Cfs::new(CfsConfig {
            cores: 1,
            ..CfsConfig::default()
        })
        .unwrap();
        cfs.start(1, millis(40), Time::ZERO);
        let wake = cfs.start(2, millis(5), Time::ZERO + millis(10));
        assert_eq!(run(&mut cfs, wake), [(2, 20), (1, 45)]);
    }

    #[test]
    fn a_processor_that_cannot_run_is_named() {
        let with = |config| Cfs::<u32>::new(config).err();
        let config = CfsConfig::default();
        assert_eq!(with(CfsConfig { cores: 0, ..config }), Some(CfsError::Cores));
        let period = Duration::ZERO;
        assert_eq!(with(CfsConfig { period, ..config }), Some(CfsError::Period));
        let quota = Some(Duration::ZERO);
        assert_eq!(with(CfsConfig { quota, ..config }), Some(CfsError::Quota));
    }
}
