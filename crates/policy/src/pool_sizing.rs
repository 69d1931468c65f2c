//! How many of the available connections each service gets.
//!
//! A service needs, on average, arrivals a second × seconds that each holds a connection (Little's law), and
//! some more because arrivals are random; it asks for the number that brings the wait below a bound by
//! Erlang's formula. If all together ask for more than are available, every service keeps its minimum, then
//! classes are served in order of priority, and within a class all give up the same part of their request
//! above the minimum. The sum never exceeds the limit.
//!
//! Sources: J. D. C. Little, *A Proof for the Queuing Formula L = λW*, 1961; A. K. Erlang, 1917 (delay
//! formula).

use std::fmt;
use std::time::Duration;

use crate::admission::Class;

/// A service that wants connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// Its priority.
    pub class: Class,
    /// The minimum number of connections to work at all.
    pub least: u32,
    /// The maximum number of connections that it can use (its replicas × the number that each can open).
    pub most: u32,
    /// How often it takes a connection in a second, all replicas together.
    pub rate: f64,
    /// How long it keeps one, on average.
    pub hold: Duration,
    /// Connections that it uses now, if known: it asks for no fewer, whatever its rate and hold time are.
    pub used: Option<u32>,
    /// How long it waits for one now, if known: above the bound it asks for more than the formula gives.
    pub wait: Option<Duration>,
}

/// The available connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supply {
    /// The server's limit.
    pub limit: u32,
    /// Connections that no service here may take.
    pub reserved: u32,
    /// No service shall wait longer than this on average.
    pub wait: Duration,
}

/// The result for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Connections that it gets.
    pub connections: u32,
    /// Connections that it asks for, by its load.
    pub asked: u32,
}

impl Grant {
    /// Connections that it lacks.
    #[must_use]
    pub const fn short(&self) -> u32 {
        self.asked.saturating_sub(self.connections)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short() {
            0 => write!(f, "{}, and it asks for {}", counted(self.connections), self.asked),
            short => write!(
                f,
                "{} of {} that it asks for: {short} short",
                counted(self.connections),
                self.asked
            ),
        }
    }
}

fn counted(connections: u32) -> String {
    match connections {
        1 => "1 connection".to_owned(),
        n => format!("{n} connections"),
    }
}

/// Why the connections cannot be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizingError {
    /// The sum of the minimums is more than available.
    #[error("{least} connections are needed at least, and there are {available}")]
    Least {
        /// Sum of the minimums.
        least: u64,
        /// Limit less reserve.
        available: u32,
    },
}

/// Mean wait for one of `connections` at a load of `erlangs`, in units of the hold time; infinite at or above
/// it.
fn mean_wait(connections: u32, erlangs: f64) -> f64 {
    let c = f64::from(connections);
    if erlangs >= c {
        return f64::INFINITY;
    }
    // Erlang B by its recursion, then C from B.
    let mut blocked = 1.0;
    for servers in 1..=connections {
        blocked = erlangs * blocked / (f64::from(servers) + erlangs * blocked);
        // From here on it only falls: the wait is shorter than a clock can measure.
        if blocked < 1e-18 {
            return 0.0;
        }
    }
    let waits = blocked / (1.0 - erlangs / c * (1.0 - blocked));
    waits / (c - erlangs)
}

/// The load in erlangs up to which the wait is computed exactly; above it the square root alone is off by
/// less than a thousandth.
const LARGEST: f64 = 1e5;

/// Connections that keep the mean wait at or below a bound, at least the load rounded up and at most `most`.
#[must_use]
pub fn asked(demand: &Demand, wait: Duration) -> u32 {
    let hold = demand.hold.as_secs_f64();
    // `max` turns not-a-number into zero; an infinite rate stays infinite, unless the hold time is zero.
    let erlangs = if hold > 0.0 {
        demand.rate.max(0.0) * hold
    } else {
        0.0
    };
    let used = demand.used.unwrap_or(0);
    if erlangs == 0.0 {
        return used.clamp(demand.least, demand.most.max(demand.least));
    }
    if demand.most <= demand.least || erlangs >= f64::from(demand.most) {
        return demand.most.max(demand.least);
    }
    let bound = wait.as_secs_f64() / hold;
    // At or below the load the wait is infinite. It falls with every additional connection, so a binary
    // search finds the first number that is enough, between the load and four times its square root above:
    // there fewer than one in ten thousand wait (Halfin and Whitt, 1981).
    let above = erlangs + 4.0 * erlangs.sqrt() + 16.0;
    if erlangs > LARGEST {
        return (above as u32).clamp(demand.least, demand.most);
    }
    let (mut low, mut high) = (erlangs as u32, demand.most);
    if above < f64::from(high) && mean_wait(above as u32, erlangs) <= bound {
        high = above as u32;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if mean_wait(middle, erlangs) <= bound {
            high = middle
        } else {
            low = middle
        }
    }
    let pressed = demand.wait.is_some_and(|now| now > wait);
    // A service that waits too long although the formula is satisfied has burstier load than the formula
    // assumes: a quarter more.
    let enough = high.max(used);
    let more = if pressed { enough.div_ceil(4) } else { 0 };
    enough.saturating_add(more).clamp(demand.least, demand.most)
}

/// Divides the supply. The grants are in the order of the demands, and their sum never exceeds limit less
/// reserve.
///
/// # Errors
///
/// [`SizingError`]: not even the minimums fit.
pub fn share_out(supply: Supply, demands: &[Demand]) -> Result<Vec<Grant>, SizingError> {
    let available = supply.limit.saturating_sub(supply.reserved);
    let least: u64 = demands.iter().map(|demand| u64::from(demand.least)).sum();
    if least > u64::from(available) {
        return Err(SizingError::Least { least, available });
    }
    let mut grants: Vec<Grant> = demands
        .iter()
        .map(|demand| Grant {
            connections: demand.least,
            asked: asked(demand, supply.wait),
        })
        .collect();
    // The rest is less than 2^32.
    let mut left = available - least as u32;
    for class in Class::ALL {
        let of_class: Vec<usize> = (0..demands.len())
            .filter(|n| demands[*n].class == class)
            .collect();
        let wanted: u64 = of_class.iter().map(|n| u64::from(grants[*n].short())).sum();
        if wanted <= u64::from(left) {
            for number in of_class {
                left -= grants[number].short();
                grants[number].connections = grants[number].asked.max(grants[number].connections);
            }
            continue;
        }
        // Each the same part of its request above its minimum, whole connections first, then the largest
        // remainders.
        let part = |n: usize| u64::from(grants[n].short()) * u64::from(left);
        let whole: Vec<(usize, u32, u64)> = of_class
            .iter()
            .map(|n| (*n, (part(*n) / wanted) as u32, part(*n) % wanted))
            .collect();
        let mut rest = left - whole.iter().map(|(_, share, _)| share).sum::<u32>();
        let mut order = whole.clone();
        order.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        for (number, share, _) in order {
            let one = u32::from(rest > 0);
            rest -= one;
            grants[number].connections += share + one;
        }
        left = 0;
    }
    Ok(grants)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_allowed_pool_is_computed_quickly() {
        let wait = Duration::from_millis(5);
        // 10 erlangs need 12 connections, whatever the maximum is.
        assert_eq!(asked(&demand(Class::Critical, 1, u32::MAX, 500.0), wait), 12);
        // No wait is allowed: as many as make the wait negligible, not all that are available.
        let none = asked(&demand(Class::Critical, 1, 1_000_000, 500.0), Duration::ZERO);
        assert!((40..200).contains(&none), "{none}");
        // 50,000,000 a second × 20 ms = 1,000,000 erlangs: 4,016 more.
        let many = asked(&demand(Class::Critical, 1, u32::MAX, 5e7), wait);
        assert_eq!(many, 1_004_016);
    }

    fn demand(class: Class, least: u32, most: u32, rate: f64) -> Demand {
        Demand {
            class,
            least,
            most,
            rate,
            hold: Duration::from_millis(20),
            used: None,
            wait: None,
        }
    }

    fn supply(limit: u32) -> Supply {
        Supply {
            limit,
            reserved: 3,
            wait: Duration::from_millis(5),
        }
    }

    #[test]
    fn the_demand_of_a_service_follows_littles_law_and_erlang() {
        // 500 a second × 20 ms = 10 erlangs. Waits of M/M/c at 10 erlangs: 11 connections 0.6821 of a hold, 12 0.2247
        // (C = 0.4494), 13 0.0950: 5 ms is a quarter of 20 ms, so 12.
        assert!((mean_wait(11, 10.0) - 0.6821).abs() < 5e-4);
        assert!((mean_wait(12, 10.0) - 0.2247).abs() < 5e-4);
        assert_eq!(
            asked(&demand(Class::Critical, 1, 50, 500.0), Duration::from_millis(5)),
            12
        );
        // Never more than it can use, never fewer than it needs.
        assert_eq!(
            asked(&demand(Class::Critical, 1, 8, 500.0), Duration::from_millis(5)),
            8
        );
        assert_eq!(
            asked(&demand(Class::Critical, 4, 50, 1.0), Duration::from_millis(5)),
            4
        );
        // Without any load it keeps its minimum, and with an infinite one it takes all that it can use.
        let idle = Duration::from_millis(5);
        assert_eq!(asked(&demand(Class::Critical, 0, 50, 0.0), idle), 0);
        assert_eq!(asked(&demand(Class::Critical, 1, 50, f64::INFINITY), idle), 50);
        // It still waits too long: a quarter more.
        let pressed = Demand {
            wait: Some(Duration::from_millis(50)),
            ..demand(Class::Critical, 1, 50, 500.0)
        };
        assert_eq!(asked(&pressed, Duration::from_millis(5)), 15);
        // It uses 20 and waits for more: 20 and a quarter. Idle by its rate, it keeps those that it uses.
        let busy = Demand {
            used: Some(20),
            ..pressed
        };
        assert_eq!(asked(&busy, Duration::from_millis(5)), 25);
        assert_eq!(asked(&Demand { rate: 0.0, ..busy }, Duration::from_millis(5)), 20);
    }

    #[test]
    fn a_shortage_affects_the_least_important_class() {
        let demands = [
            demand(Class::Optional, 2, 50, 500.0),
            demand(Class::Critical, 2, 50, 500.0),
            demand(Class::Important, 2, 50, 500.0),
        ];
        // 33 − 3 = 30 of 36 asked: 2 each, then critical 10 and important 10 more, optional the last 4.
        let grants = share_out(supply(33), &demands).unwrap();
        assert_eq!(
            grants.iter().map(|g| g.connections).collect::<Vec<_>>(),
            [6, 12, 12]
        );
        assert_eq!(grants[0].short(), 6);
        assert_eq!(
            grants[0].to_string(),
            "6 connections of 12 that it asks for: 6 short"
        );
        let one = Grant {
            connections: 1,
            asked: 1,
        };
        assert_eq!(one.to_string(), "1 connection, and it asks for 1");
        // Enough for all: each gets what it asks for, the rest is unassigned.
        let grants = share_out(supply(200), &demands).unwrap();
        assert!(
            grants
                .iter()
                .all(|grant| grant.short() == 0 && grant.connections == 12)
        );
    }

    #[test]
    fn services_of_a_class_share_its_shortage() {
        let demands = [
            demand(Class::Critical, 0, 50, 500.0),
            demand(Class::Critical, 0, 6, 500.0),
        ];
        // 9 for 12 and 6: 6 and 3.
        let grants = share_out(supply(12), &demands).unwrap();
        assert_eq!(grants.iter().map(|g| g.connections).collect::<Vec<_>>(), [6, 3]);
    }

    #[test]
    fn an_impossible_size_is_an_error() {
        let demands = [demand(Class::Critical, 5, 10, 1.0); 3];
        assert_eq!(
            share_out(supply(10), &demands),
            Err(SizingError::Least {
                least: 15,
                available: 7
            })
        );
    }

    proptest! {
        #[test]
        fn the_sum_never_exceeds_the_limit(
            limit in 0_u32..500,
            services in prop::collection::vec((0_usize..3, 0_u32..10, 0_u32..100, 0.0_f64..3000.0, 1_u64..200), 0..12),
        ) {
            let demands: Vec<Demand> = services
                .iter()
                .map(|(class, least, more, rate, hold)| Demand {
                    hold: Duration::from_millis(*hold),
                    ..demand(Class::ALL[*class], *least, least + more, *rate)
                })
                .collect();
            let Ok(grants) = share_out(supply(limit), &demands) else {
                let least: u32 = demands.iter().map(|demand| demand.least).sum();
                prop_assert!(least > limit.saturating_sub(3));
                return Ok(());
            };
            let sum: u32 = grants.iter().map(|grant| grant.connections).sum();
            prop_assert!(sum <= limit.saturating_sub(3));
            for (demand, grant) in demands.iter().zip(&grants) {
                prop_assert!(grant.connections >= demand.least && grant.connections <= demand.most.max(demand.least));
            }
            // No less important service gets more than the minimum while a more important one lacks
            // connections.
            for (one, grant) in demands.iter().zip(&grants) {
                if grant.short() > 0 {
                    for (other, theirs) in demands.iter().zip(&grants) {
                        prop_assert!(other.class <= one.class || theirs.connections == other.least);
                    }
                }
            }
            // Nothing is kept back while a service lacks connections.
            if grants.iter().any(|grant| grant.short() > 0) {
                prop_assert_eq!(sum, limit.saturating_sub(3));
            }
        }
    }
}
