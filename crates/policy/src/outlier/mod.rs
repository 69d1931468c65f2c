//! Removes a host that fails more than the others from service, for a while.
//!
//! Envoy's semantics (Envoy documentation, "Outlier detection", and the API's `OutlierDetection`): failures
//! in a row eject at once; success rates are compared at each sweep, among hosts with enough calls, with
//! `mean − factor × standard deviation` of the population; an ejection lasts `base × n`, at most the longest,
//! where n grows by one with each ejection and shrinks by one with each sweep that finds the host in service
//! for an interval or more; hosts come back at the first sweep after that; ejections stop at a percentage of
//! the hosts.
//!
//! Differences from Envoy: a result counts only in the state in which its call began, so calls that were in
//! flight when a host was ejected do not eject it again when it is back; if the percentage allows fewer
//! ejections than there are outliers, the worst are ejected first; a number of hosts always stays; and a host
//! that comes back gets its load gradually ([`OutlierDetector::weight`]). There is no jitter: randomness
//! belongs to the caller.
//!
//! Sweeps are due at multiples of the interval; missed ones are made when the detector is next called.
//! Nothing here allocates after [`OutlierDetector::new`].

mod config;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use config::{Deviation, OutlierConfig, OutlierError};

use crate::Time;
use crate::window::{Counts, Outcome, share};

/// The weight of a host with its full load.
pub const FULL_WEIGHT: u32 = 1000;

/// Permission to call one host, to be returned with the result. A dropped one does not count.
#[derive(Debug)]
#[must_use = "a ticket is reported with `record`"]
pub struct Ticket {
    host: usize,
    generation: u64,
}

/// Why a host is ejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EjectReason {
    /// This many failures without a success between them.
    InARow(u32),
    /// A success rate below the others'.
    SuccessRate {
        /// The host's, in `[0, 1]`.
        rate: f64,
        /// The mean of all hosts with enough calls.
        mean: f64,
        /// The minimum that it would have needed.
        bound: f64,
    },
}

impl fmt::Display for EjectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InARow(1) => f.write_str("1 failure"),
            Self::InARow(failures) => write!(f, "{failures} failures in a row"),
            Self::SuccessRate { rate, mean, bound } => write!(
                f,
                "{:.1} % of its calls succeed, below {:.1} % (mean of the hosts {:.1} %)",
                rate * 100.0,
                bound * 100.0,
                mean * 100.0
            ),
        }
    }
}

/// A host that must not be called.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the host is ejected since {since}: {reason}")]
pub struct Ejected {
    /// Since when.
    pub since: Time,
    /// How long from then, at least: it comes back at the first sweep after.
    pub lasts: Duration,
    /// Why.
    pub reason: EjectReason,
}

/// The effect of a reported result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noted {
    /// It was counted.
    Counted,
    /// It ejected the host.
    Ejected(EjectReason),
    /// It would have ejected the host, but the maximum number is already ejected.
    Spared(EjectReason),
    /// It changed nothing: the host has been ejected, or replaced, since the call began.
    Ignored,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted => f.write_str("counted"),
            Self::Ejected(reason) => write!(f, "ejected the host: {reason}"),
            Self::Spared(reason) => write!(f, "too many hosts are ejected to eject another: {reason}"),
            Self::Ignored => f.write_str("ignored: the host has been ejected or replaced since"),
        }
    }
}

/// Watches hosts that do the same work.
#[derive(Debug)]
pub struct OutlierDetector {
    config: OutlierConfig,
    hosts: Box<[Host]>,
    ejected: usize,
    /// When the next sweep is due.
    due: Time,
    latest: Time,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Host {
    /// Increases with every ejection, return and replacement.
    generation: u64,
    ejected: Option<Ejected>,
    returned: Option<Time>,
    /// The factor for the base time: ejections, less healthy sweeps.
    multiplier: u32,
    in_a_row: u32,
    /// Since the latest sweep.
    counts: Counts,
}

impl Host {
    const NEW: Self = Self {
        generation: 0,
        ejected: None,
        returned: None,
        multiplier: 0,
        in_a_row: 0,
        counts: Counts {
            success: 0,
            slow: 0,
            failure: 0,
        },
    };

    fn success_rate(&self) -> f64 {
        share(self.counts.success + self.counts.slow, self.counts.total())
    }

    fn bring_back(&mut self, now: Time) {
        self.generation += 1;
        self.ejected = None;
        self.returned = Some(now);
        self.in_a_row = 0;
    }
}

impl OutlierDetector {
    /// A detector of this many hosts, numbered from 0, all in service.
    ///
    /// # Errors
    ///
    /// [`OutlierError`] if `config` is invalid.
    pub fn new(config: OutlierConfig, hosts: usize) -> Result<Self, OutlierError> {
        config.check()?;
        Ok(Self {
            hosts: vec![Host::NEW; hosts].into(),
            ejected: 0,
            due: Time::ZERO + config.interval,
            latest: Time::ZERO,
            config,
        })
    }

    /// Requests permission to call a host. A caller that calls an ejected host nevertheless, because all are
    /// ejected, has no ticket and nothing to report.
    ///
    /// # Errors
    ///
    /// Since when and why the host is ejected.
    pub fn acquire(&mut self, now: Time, host: usize) -> Result<Ticket, Ejected> {
        self.sweep(now);
        match self.hosts.get(host) {
            Some(Host {
                ejected: Some(ejected),
                ..
            }) => Err(*ejected),
            Some(Host { generation, .. }) => Ok(Ticket {
                host,
                generation: *generation,
            }),
            // A host that does not exist: its results will be ignored.
            None => Ok(Ticket { host, generation: 0 }),
        }
    }

    /// Reports how a call to a host ended. Do not report calls that never reached the host: drop the ticket.
    pub fn record(&mut self, now: Time, ticket: Ticket, outcome: Outcome) -> Noted {
        let now = self.sweep(now);
        let Some(host) = self.hosts.get_mut(ticket.host) else {
            return Noted::Ignored;
        };
        if host.generation != ticket.generation {
            return Noted::Ignored;
        }
        host.counts.add(outcome);
        if outcome != Outcome::Failure {
            host.in_a_row = 0;
            return Noted::Counted;
        }
        host.in_a_row += 1;
        match self.config.consecutive_failures {
            Some(most) if host.in_a_row >= most => {
                host.in_a_row = 0;
                self.eject(now, ticket.host, EjectReason::InARow(most))
            }
            _ => Noted::Counted,
        }
    }

    /// Makes the sweeps that are due. The other methods do this themselves. Returns the latest time seen.
    pub fn sweep(&mut self, now: Time) -> Time {
        self.latest = self.latest.max(now);
        if self.latest < self.due {
            return self.latest;
        }
        let first = self.due;
        self.bring_back(first);
        self.compare(first);
        self.forgive(first);
        // The sweeps after it had no calls to compare.
        let interval = self.interval();
        let more = self.latest.since(first).as_nanos() as u64 / interval;
        if more > 0 {
            self.idle(first, more);
        }
        let last = first.as_nanos().saturating_add(more * interval);
        self.due = Time::from_nanos(last) + self.config.interval;
        self.latest
    }

    /// The share of a full load that a host should have, in thousandths of [`FULL_WEIGHT`]: zero while
    /// ejected, and after that a share that rises linearly (as Envoy's slow start with aggression 1).
    pub fn weight(&mut self, now: Time, host: usize) -> u32 {
        let now = self.sweep(now);
        let Some(host) = self.hosts.get(host) else {
            return 0;
        };
        match (host.ejected, host.returned) {
            (Some(_), _) => 0,
            (None, Some(returned)) if now.since(returned) < self.config.ramp => {
                let risen = now.since(returned).as_secs_f64() / self.config.ramp.as_secs_f64();
                (risen.max(self.config.ramp_from) * f64::from(FULL_WEIGHT)) as u32
            }
            _ => FULL_WEIGHT,
        }
    }

    /// Since when and why a host is ejected, if it is.
    pub fn ejection(&mut self, now: Time, host: usize) -> Option<Ejected> {
        self.sweep(now);
        self.hosts.get(host)?.ejected
    }

    /// How many hosts are ejected.
    pub fn ejected(&mut self, now: Time) -> usize {
        self.sweep(now);
        self.ejected
    }

    /// Forgets a host, because another has taken its place. Results of calls to the old one are ignored.
    pub fn replace(&mut self, now: Time, host: usize) {
        self.sweep(now);
        if let Some(host) = self.hosts.get_mut(host) {
            self.ejected -= usize::from(host.ejected.is_some());
            *host = Host {
                generation: host.generation + 1,
                ..Host::NEW
            };
        }
    }

    /// Nanoseconds between sweeps; `check` has made sure that they fit.
    fn interval(&self) -> u64 {
        self.config.interval.as_nanos() as u64
    }

    /// Ejects a host, if the maximum is not reached.
    fn eject(&mut self, now: Time, host: usize, reason: EjectReason) -> Noted {
        if self.ejected >= self.config.most_ejected(self.hosts.len()) {
            return Noted::Spared(reason);
        }
        let Some(host) = self.hosts.get_mut(host) else {
            return Noted::Ignored;
        };
        let OutlierConfig {
            base_ejection: base,
            longest_ejection: longest,
            ..
        } = self.config;
        // The multiplier stops at the longest ejection, so that it also shrinks from there.
        if base.saturating_mul(host.multiplier) < longest {
            host.multiplier += 1;
        }
        let lasts = base.saturating_mul(host.multiplier).min(longest);
        host.generation += 1;
        host.ejected = Some(Ejected {
            since: now,
            lasts,
            reason,
        });
        self.ejected += 1;
        Noted::Ejected(reason)
    }

    /// Brings back the hosts whose time is over.
    fn bring_back(&mut self, now: Time) {
        for host in &mut self.hosts {
            if host
                .ejected
                .is_some_and(|ejected| now.since(ejected.since) >= ejected.lasts)
            {
                host.bring_back(now);
                self.ejected -= 1;
            }
        }
    }

    /// Ejects the hosts whose success rate is below the others', the worst first, and begins a new interval.
    fn compare(&mut self, now: Time) {
        if let Some(deviation) = self.config.deviation
            && let Some((mean, bound)) = self.bound(&deviation)
        {
            while let Some(host) = self.worst(&deviation, bound) {
                let rate = self.hosts[host].success_rate();
                // Without calls it is not examined again.
                self.hosts[host].counts = Counts::default();
                self.eject(now, host, EjectReason::SuccessRate { rate, mean, bound });
            }
        }
        for host in &mut self.hosts {
            host.counts = Counts::default();
        }
    }

    /// The success rates of the hosts that are in service and had enough calls.
    fn rates(&self, deviation: &Deviation) -> impl Iterator<Item = (usize, f64)> {
        let enough = u64::from(deviation.minimum_calls);
        let compared = move |host: &Host| host.ejected.is_none() && host.counts.total() >= enough;
        self.hosts
            .iter()
            .enumerate()
            .filter(move |(_, host)| compared(host))
            .map(|(index, host)| (index, host.success_rate()))
    }

    /// The mean of the success rates, and the bound below which a host is an outlier; `None` if too few hosts
    /// can be compared.
    fn bound(&self, deviation: &Deviation) -> Option<(f64, f64)> {
        let hosts = self.rates(deviation).count();
        if hosts == 0 || hosts < deviation.minimum_hosts as usize {
            return None;
        }
        let mean = self.rates(deviation).map(|(_, rate)| rate).sum::<f64>() / hosts as f64;
        let squares = self
            .rates(deviation)
            .map(|(_, rate)| (rate - mean) * (rate - mean))
            .sum::<f64>();
        let spread = (squares / hosts as f64).sqrt();
        // Rates that differ only by rounding are equal.
        (spread > 1e-9).then_some((mean, mean - deviation.factor * spread))
    }

    /// The host with the lowest success rate below `bound`; of several, the first.
    fn worst(&self, deviation: &Deviation, bound: f64) -> Option<usize> {
        let below = self.rates(deviation).filter(|(_, rate)| *rate < bound);
        below
            .min_by(|(_, one), (_, other)| one.total_cmp(other))
            .map(|(host, _)| host)
    }

    /// Shortens the next ejection of hosts that have been in service for an interval.
    fn forgive(&mut self, now: Time) {
        for host in &mut self.hosts {
            if host
                .returned
                .is_some_and(|returned| now.since(returned) >= self.config.interval)
            {
                host.multiplier = host.multiplier.saturating_sub(u32::from(host.ejected.is_none()));
            }
        }
    }

    /// Makes this many sweeps after `first` at once, in which there were no calls.
    fn idle(&mut self, first: Time, sweeps: u64) {
        let interval = self.interval();
        let nth = |sweep: u64| Time::from_nanos(first.as_nanos() + sweep * interval);
        for host in &mut self.hosts {
            if let Some(ejected) = host.ejected {
                let over = (ejected.since + ejected.lasts).since(first).as_nanos() as u64;
                let sweep = over.div_ceil(interval);
                if sweep > sweeps {
                    continue;
                }
                host.bring_back(nth(sweep));
                self.ejected -= 1;
            }
            // Of the sweeps, those that found it in service for an interval.
            let served = host
                .returned
                .map_or(0, |returned| nth(sweeps).since(returned).as_nanos() as u64);
            let healthy = (served / interval).min(sweeps);
            host.multiplier = host
                .multiplier
                .saturating_sub(u32::try_from(healthy).unwrap_or(u32::MAX));
        }
    }
}
