//! Lost packets as the time that they cost a request. TCP sends a lost segment again when no answer has come
//! for the retransmission time-out, and doubles that for every further loss. A request fails only when its
//! caller's own timeout ends.
//!
//! Source: RFC 6298 (the time-out doubles), with Linux' minimum time-out of 200 ms (`TCP_RTO_MIN`) instead of
//! its one second; a lost SYN waits one second (RFC 6298, 2.1). Left out: fast retransmission, which needs
//! three later segments in flight and therefore does not help short requests.

use std::time::Duration;

use crate::chance::Chance;

/// Linux' minimum retransmission time-out.
pub const LEAST_TIMEOUT: Duration = Duration::from_millis(200);
/// The time-out of a connection's first packet.
pub const SYN_TIMEOUT: Duration = Duration::from_secs(1);
/// A packet that was lost this often is given up (`tcp_retries2` of Linux is 15).
const MOST: u32 = 15;

/// The delay of one packet if each of its transmissions is lost with probability `loss`.
pub fn delay(loss: f64, first: Duration, chance: &mut Chance) -> Duration {
    let mut waited = Duration::ZERO;
    let mut timeout = first;
    for _ in 0..MOST {
        if !chance.happens(loss) {
            break;
        }
        waited += timeout;
        timeout *= 2;
    }
    waited
}

/// The delay of a request and its answer on an open connection, one packet each.
pub fn exchange_delay(loss: f64, chance: &mut Chance) -> Duration {
    delay(loss, LEAST_TIMEOUT, chance) + delay(loss, LEAST_TIMEOUT, chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Streams;

    #[test]
    fn ten_percent_packet_loss_delays_a_fifth_of_the_calls_by_powers_of_two() {
        let mut chance = Streams::new(1, 0).stream("network", "loss");
        let delays: Vec<u128> = (0..100_000)
            .map(|_| exchange_delay(0.1, &mut chance).as_millis())
            .collect();
        let share = |delay: u128| delays.iter().filter(|d| **d == delay).count() as f64 / 100_000.0;
        // None lost: 0.9² = 0.81. One of the two, once: 2 × 0.9 × (0.1 × 0.9) = 0.162.
        assert!((share(0) - 0.81).abs() < 0.005);
        assert!((share(200) - 0.162).abs() < 0.005);
        // One of them twice (200 + 400): 2 × 0.9 × 0.009 = 0.0162.
        assert!((share(600) - 0.0162).abs() < 0.003);
    }
}
