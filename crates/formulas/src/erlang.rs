//! Closed forms of queueing theory: results that a simulation must reproduce, and results that need no
//! simulation.
//!
//! `servers` is the number of servers c; `load` is a = λ·s, the arrivals a second times the mean service time
//! in seconds (in erlangs). Arrivals are always Poisson. Sources: Kleinrock, *Queueing Systems*, volume 1,
//! chapters 3 and 5; the recursion for B is the one that ITU-T's Teletraffic Handbook gives.

/// Share of arrivals that find all servers busy if none may wait (Erlang's B, M/G/c/c).
///
/// With a load of 0 or below, or not a number, nothing is blocked; without servers everything is.
#[must_use]
pub fn erlang_b(servers: u32, load: f64) -> f64 {
    if load.is_nan() || load <= 0.0 {
        return 0.0;
    }
    // B(0) = 1; B(n) = a·B(n−1) / (n + a·B(n−1)): all terms are positive, so no precision is lost.
    (1..=servers).fold(1.0, |blocked, n| {
        let offered = load * blocked;
        offered / (f64::from(n) + offered)
    })
}

/// Share of arrivals that must wait if all may (Erlang's C, M/M/c); 1 if the load is not below the servers.
#[must_use]
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    let spare = 1.0 - load / f64::from(servers);
    if spare.is_nan() || spare <= 0.0 {
        return 1.0;
    }
    let blocked = erlang_b(servers, load);
    blocked / (spare + (1.0 - spare) * blocked)
}

/// Mean wait before service in M/M/c, in units of the mean service time; infinite if the load is not below
/// the servers.
#[must_use]
pub fn mmc_wait(servers: u32, load: f64) -> f64 {
    let spare = f64::from(servers) - load;
    if spare > 0.0 {
        erlang_c(servers, load) / spare
    } else {
        f64::INFINITY
    }
}

/// Mean wait before service in M/G/1, in units of the mean service time (Pollaczek and Khinchine); infinite from a
/// load of 1 on.
///
/// `variation`: deviation of the service time ÷ its mean: 1 for exponential, 0 for constant.
#[must_use]
pub fn mg1_wait(load: f64, variation: f64) -> f64 {
    if load < 1.0 {
        load * (1.0 + variation * variation) / (2.0 * (1.0 - load))
    } else {
        f64::INFINITY
    }
}

/// Share of arrivals that are refused in M/M/c with room for `room` pieces of work, waiting and in service.
///
/// Arrivals see time averages, so this is the probability that the room is full. `room` below `servers` means that
/// only `room` servers can ever work.
#[must_use]
pub fn mmck_refused(servers: u32, room: u32, load: f64) -> f64 {
    if load.is_nan() || load <= 0.0 {
        return if room == 0 { 1.0 } else { 0.0 };
    }
    // With p(n) the probability of n in the system and F(n) = p(n) / (p(0) + … + p(n)):
    // F(n) = r·F(n−1) / (1 + r·F(n−1)) with r = p(n)/p(n−1) = a / min(n, c). Erlang's recursion, continued.
    (1..=room).fold(1.0, |full, n| {
        let next = load / f64::from(n.min(servers)) * full;
        next / (1.0 + next)
    })
}

/// Throughput of a closed system, in answers per mean service time: `clients` that think for `think` mean service
/// times on average between an answer and the next request to one exponential server (the machine-repair model).
#[must_use]
pub fn closed_throughput(clients: u32, think: f64) -> f64 {
    // Mean value analysis: response R(n) = 1 + Q(n−1), throughput X(n) = n / (R + Z), queue Q(n) = X·R.
    let (mut queue, mut throughput) = (0.0, 0.0);
    for n in 1..=clients {
        let response = 1.0 + queue;
        throughput = f64::from(n) / (response + think);
        queue = throughput * response;
    }
    throughput
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
    }

    #[test]
    fn closed_forms_give_the_values_of_the_design() {
        close(mmc_wait(1, 0.8), 4.0, 1e-12);
        close(mg1_wait(0.8, 1.0), 4.0, 1e-12);
        close(mg1_wait(0.8, 0.0), 2.0, 1e-12);
        close(erlang_c(50, 45.0), 0.363_864, 5e-7);
        close(mmc_wait(50, 45.0), 0.072_773, 5e-7);
        close(erlang_c(10, 8.0), 0.409_180, 5e-7);
        close(mmck_refused(1, 10, 0.8), 0.023_493, 5e-7);
        close(erlang_b(40, 80.0), 0.5114, 5e-5);
        close(erlang_b(1000, 2000.0), 0.5005, 5e-5);
    }

    #[test]
    fn small_systems_agree_with_explicit_sums() {
        // B(3, 2) = (8/6) / (1 + 2 + 2 + 8/6) = 4/19.
        close(erlang_b(3, 2.0), 4.0 / 19.0, 1e-15);
        // C(2, 1) = 1/3, and M/M/2 waits C/(2−1) = 1/3 of a service time.
        close(erlang_c(2, 1.0), 1.0 / 3.0, 1e-15);
        close(mmc_wait(2, 1.0), 1.0 / 3.0, 1e-15);
        // M/M/1/2 at a = 1: three states alike.
        close(mmck_refused(1, 2, 1.0), 1.0 / 3.0, 1e-15);
        // Without room to wait it is Erlang's B.
        close(mmck_refused(7, 7, 5.0), erlang_b(7, 5.0), 1e-15);
    }

    #[test]
    fn published_tables_and_exact_fractions_agree() {
        // The printed Erlang B tables: the load at which so many channels lose 1 %.
        for (channels, load) in [
            (1, 0.0101),
            (5, 1.361),
            (10, 4.461),
            (20, 12.031),
            (50, 37.901),
            (100, 84.064),
        ] {
            close(erlang_b(channels, load), 0.01, 1e-5);
        }
        // Erlang C from its definition in exact fractions.
        close(erlang_c(5, 4.0), 128.0 / 231.0, 1e-15);
        close(erlang_c(20, 18.0), 0.550_769_004_816_117_6, 1e-14);
        close(erlang_c(100, 95.0), 0.506_456_853_913_020_6, 1e-14);
    }

    #[test]
    fn extreme_inputs_have_results() {
        assert_eq!((erlang_b(0, 3.0), erlang_b(5, 0.0)), (1.0, 0.0));
        assert_eq!((erlang_c(4, 4.0), erlang_c(0, 0.0)), (1.0, 1.0));
        assert_eq!(
            (mmc_wait(2, 2.0), mg1_wait(1.0, 0.0)),
            (f64::INFINITY, f64::INFINITY)
        );
        assert_eq!((mmck_refused(1, 0, 0.0), mmck_refused(1, 3, 0.0)), (1.0, 0.0));
        // A million servers: the recursion neither overflows nor loses precision (B ≈ √(2/(π·a)) at a = c).
        close(erlang_b(1_000_000, 1e6), 7.976e-4, 1e-6);
    }

    #[test]
    fn a_closed_system_is_limited_by_its_clients_and_by_its_server() {
        // One client: one answer per think + service time.
        close(closed_throughput(1, 4.0), 0.2, 1e-15);
        // Two clients, no think time: the server never rests.
        close(closed_throughput(2, 0.0), 1.0, 1e-15);
        // Two clients, Z = 1: states 0, 1, 2 at the server with weights 1, 2, 2 (rates 2 and 1 in): busy 4/5.
        close(closed_throughput(2, 1.0), 0.8, 1e-15);
    }
}
