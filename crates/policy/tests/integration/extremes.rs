//! Every configuration that a policy accepts can be run: extreme numbers, time that goes back, foreign
//! tokens.

use std::collections::BTreeMap;
use std::time::Duration;

use cofferdam_policy::admission::{Admission, AdmissionConfig, Answer, Claim, Class};
use cofferdam_policy::breaker::{Breaker, BreakerConfig, SlowCalls};
use cofferdam_policy::budget::{BudgetConfig, RetryBudget};
use cofferdam_policy::emergency::{Condition, Emergency, StateConfig};
use cofferdam_policy::grey::{Bound, GreyConfig, GreyDetector};
use cofferdam_policy::hedge::{Hedge, HedgeConfig};
use cofferdam_policy::outlier::{Deviation, OutlierConfig, OutlierDetector};
use cofferdam_policy::pool_sizing::{Demand, Supply, share_out};
use cofferdam_policy::retry::{Retry, RetryConfig};
use cofferdam_policy::shift::{CellReading, Shift, ShiftConfig};
use cofferdam_policy::timeouts::{Deadline, Layer, inverted};
use cofferdam_policy::window::{Outcome, WindowConfig};
use cofferdam_policy::{Random, Time};
use proptest::prelude::*;

struct Fixed(u64);

impl Random for Fixed {
    fn bits(&mut self) -> u64 {
        self.0
    }
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1.0,
        2 => 0.0..1e6,
        1 => prop::sample::select(vec![
            0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY, f64::NAN,
        ]),
    ]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => (0_u64..100_000).prop_map(Duration::from_millis),
        1 => any::<u64>().prop_map(Duration::from_nanos),
        1 => prop::sample::select(vec![
            Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(86_400), Duration::MAX,
        ]),
    ]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0_u32..20,
        1 => prop::sample::select(vec![0, 1, 1000, u32::MAX - 1, u32::MAX]),
    ]
}

/// Moments in no order, up to the last possible one.
fn moments() -> impl Strategy<Value = Vec<Time>> {
    let moment = prop_oneof![
        8 => (0_u64..200_000_000_000).prop_map(Time::from_nanos),
        1 => any::<u64>().prop_map(Time::from_nanos),
        1 => Just(Time::MAX),
    ];
    prop::collection::vec(moment, 0..60)
}

const OUTCOMES: [Outcome; 3] = [Outcome::Failure, Outcome::Success, Outcome::Slow];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_breaker_works_with_every_accepted_configuration(
        (row, share, slow, minimum) in (prop::option::of(count()), prop::option::of(number()), prop::option::of((duration(), number())), count()),
        (open, growth, cap, probe, probes, threshold) in (duration(), number(), duration(), duration(), count(), count()),
        (length, slices, calls) in (duration(), 0_u32..100, prop::option::of(0_u32..2000)),
        times in moments(),
    ) {
        let config = BreakerConfig {
            consecutive_failures: row,
            failure_share: share,
            slow: slow.map(|(after, share)| SlowCalls { after, share }),
            minimum_calls: minimum,
            window: calls.map_or(WindowConfig::Time { length, slices }, WindowConfig::Calls),
            open_time: open,
            open_growth: growth,
            open_time_cap: cap,
            probe_timeout: probe,
            probes,
            success_threshold: threshold,
            ..BreakerConfig::default()
        };
        let (Ok(mut one), Ok(mut other)) = (Breaker::new(config), Breaker::new(config)) else { return Ok(()) };
        for (now, outcome) in times.iter().zip(OUTCOMES.into_iter().cycle()) {
            if let Ok(permit) = one.acquire(*now) {
                one.record(*now, permit, outcome);
            }
            if let Ok(permit) = one.acquire(*now) {
                // Another breaker's permit, even of the same phase and place, is not evidence about its
                // target.
                let before = (other.counts(*now), other.tally().ignored);
                other.record(*now, permit, Outcome::Failure);
                prop_assert_eq!((other.counts(*now), other.tally().ignored), (before.0, before.1 + 1));
            }
        }
        let tally = one.tally();
        prop_assert!(tally.closed <= tally.opened);
    }

    #[test]
    fn a_budget_never_gives_more_than_its_limit_at_any_time(
        (ratio, floor, window) in (number(), number(), duration()),
        times in moments(),
    ) {
        let Ok(mut budget) = RetryBudget::new(BudgetConfig { ratio, floor, window }) else { return Ok(()) };
        for (number, now) in times.into_iter().enumerate() {
            if number % 3 == 0 {
                budget.request(now);
            }
            let _ = budget.withdraw(now);
            let (spent, allowed) = budget.balance(now);
            // Spending from a time when more was allowed must not make the allowance negative.
            prop_assert!(spent <= number as u64 + 1 && (spent <= allowed || budget.withdraw(now).is_err()));
        }
    }

    #[test]
    fn retries_hedges_and_deadlines_accept_any_time(
        (attempts, base, cap, deadline) in (count(), duration(), duration(), prop::option::of(duration())),
        (percentile, minimum, memory, least) in (number(), count(), 0_u32..5000, duration()),
        (times, bits) in (moments(), any::<u64>()),
    ) {
        let mut budget = RetryBudget::new(BudgetConfig::default()).unwrap();
        if let Ok(retry) = Retry::new(RetryConfig { attempts, base, cap, deadline }) {
            for pair in times.windows(2) {
                let failed = attempts.saturating_sub(1).max(1);
                if let Ok(wait) = retry.next((pair[0], pair[1]), failed, &mut budget, &mut Fixed(bits)) {
                    prop_assert!(wait <= cap);
                }
            }
        }
        if let Ok(mut hedge) = Hedge::new(HedgeConfig { percentile, minimum, memory, least }) {
            for now in &times {
                hedge.record(Duration::from_nanos(now.as_nanos()));
                prop_assert!(hedge.after().is_none_or(|after| after >= least));
                let _ = hedge.ask(*now, least, &mut budget);
            }
        }
        for pair in times.windows(2) {
            let outer = Deadline::after(pair[0], base);
            if let Some(inner) = outer.below(pair[1], cap, least) {
                prop_assert!(inner.left(pair[1]) <= outer.left(pair[1]));
            }
        }
        let layer = |timeout| Layer { name: "a".into(), timeout, attempts, backoff: base };
        prop_assert!(inverted(&[layer(cap), layer(least)], base).len() <= 1);
    }

    #[test]
    fn an_admission_works_with_every_accepted_configuration(
        (total, queue, shares) in (count(), count(), (number(), number())),
        patience in (duration(), duration(), duration()),
        times in moments(),
    ) {
        let config = AdmissionConfig {
            total: total.min(2_000_000),
            queue: queue.min(2_000_000),
            shares: [shares.0, shares.1, 1.0 - shares.0 - shares.1],
            patience: [patience.0, patience.1, patience.2],
        };
        let Ok(mut admission) = Admission::new(config) else { return Ok(()) };
        let guaranteed: u32 = Class::ALL.iter().map(|class| admission.guaranteed(*class)).sum();
        prop_assert_eq!(guaranteed, total);
        let (mut slots, mut tickets) = (Vec::new(), Vec::new());
        for (number, now) in times.into_iter().enumerate() {
            match admission.acquire(now, Class::ALL[number % 3]) {
                Ok(Answer::Admitted(slot)) => slots.push(slot),
                Ok(Answer::Queued(ticket)) => tickets.push(ticket),
                Err(rejected) => prop_assert!(rejected.retry_after <= config.patience[number % 3]),
            }
            if number % 4 == 0 && let Some(slot) = slots.pop() {
                admission.release(now, slot);
            }
            if number % 3 == 0 && let Some(ticket) = tickets.pop()
                && let Claim::Admitted(slot) = admission.claim(now, ticket)
            {
                slots.push(slot);
            }
            let used: u32 = Class::ALL.iter().map(|class| admission.in_use(*class)).sum();
            prop_assert!(used <= total && used as usize >= slots.len());
        }
    }

    #[test]
    fn no_more_hosts_are_ejected_than_allowed_at_any_time(
        (row, deviation) in (prop::option::of(count()), prop::option::of((number(), count(), count()))),
        (interval, base, longest, percent, one, keep) in (duration(), duration(), duration(), count(), any::<bool>(), count()),
        (ramp, from, hosts) in (duration(), number(), 0_usize..11),
        times in moments(),
    ) {
        let config = OutlierConfig {
            consecutive_failures: row,
            deviation: deviation.map(|(factor, minimum_hosts, minimum_calls)| Deviation { factor, minimum_hosts, minimum_calls }),
            interval,
            base_ejection: base,
            longest_ejection: longest,
            most_percent: percent,
            at_least_one: one,
            keep,
            ramp,
            ramp_from: from,
        };
        let Ok(mut detector) = OutlierDetector::new(config, hosts) else { return Ok(()) };
        for (number, now) in times.into_iter().enumerate() {
            for host in 0..=hosts {
                if let Ok(ticket) = detector.acquire(now, host) {
                    detector.record(now, ticket, if host % 2 == 0 { Outcome::Failure } else { OUTCOMES[number % 3] });
                }
                prop_assert!(detector.weight(now, host) <= 1000);
            }
            prop_assert!(detector.ejected(now) <= config.most_ejected(hosts));
            detector.sweep(now);
        }
    }

    #[test]
    fn comparisons_shifts_and_sizes_accept_any_numbers(
        (interval, calls, bad, confirm) in (duration(), count(), count(), count()),
        (a, b, c, d) in (number(), number(), number(), number()),
        (ill, well) in (count(), count()),
        (limit, reserved, wait) in (count(), count(), duration()),
        demands in prop::collection::vec((count(), count(), number(), duration(), prop::option::of(count())), 0..6),
        times in moments(),
    ) {
        let config = GreyConfig {
            interval,
            minimum_calls: calls,
            minimum_bad: bad,
            suspect: Bound { deviations: a, difference: b },
            clear: Bound { deviations: c, difference: d },
            confirmations: confirm,
            ..GreyConfig::default()
        };
        if let Ok(mut detector) = GreyDetector::new(config, 3) {
            for (number, now) in times.iter().enumerate() {
                detector.record(*now, number % 4, OUTCOMES[number % 3]);
                let grey = (0..4).filter(|target| detector.standing(*now, *target).is_grey()).count();
                prop_assert!(grey < 3);
            }
        }
        let config = ShiftConfig { step: a, safe_load: b, ill_after: ill, well_after: well };
        if let Ok(mut shift) = Shift::new(config, &[c, d, 1.0 - c - d]) {
            for number in 0..20 {
                let reading = |cell: usize| CellReading { healthy: number % (cell + 2) != 0, capacity: [a, b, 1000.0][cell] };
                let decision = shift.step([c * 1000.0, d, 10.0], &[0, 1, 2].map(reading));
                prop_assert!(decision.shed.iter().all(|shed| (0.0..=1.0).contains(shed)));
                for cell in 0..3 {
                    prop_assert!(shift.sent(cell).is_finite() && shift.sent(cell) >= 0.0);
                }
            }
        }
        let demands: Vec<Demand> = demands
            .into_iter()
            .map(|(least, most, rate, hold, used)| Demand { class: Class::Important, least, most, rate, hold, used, wait: used.map(|_| hold) })
            .collect();
        if let Ok(grants) = share_out(Supply { limit, reserved, wait }, &demands) {
            let sum: u64 = grants.iter().map(|grant| u64::from(grant.connections)).sum();
            prop_assert!(sum <= u64::from(limit.saturating_sub(reserved)));
        }
    }

    #[test]
    fn an_emergency_is_in_one_of_its_states_for_every_input(
        (enter, leave, bound, out) in (duration(), duration(), number(), number()),
        (signals, times) in (prop::collection::vec(number(), 60), moments()),
    ) {
        let state = |name: &str| StateConfig {
            name: name.into(),
            enter: vec![Condition::above("load", bound)],
            enter_after: enter,
            leave: vec![Condition::below("load", out)],
            leave_after: leave,
            ..Emergency::connections()
        };
        let Ok(mut emergency) = Emergency::new(vec![state("one"), state("two")]) else { return Ok(()) };
        for (now, load) in times.into_iter().zip(signals) {
            emergency.observe(now, &BTreeMap::from([("load".to_owned(), load)]));
            prop_assert!(emergency.state().is_none_or(|state| ["one", "two"].contains(&state)));
        }
    }
}
