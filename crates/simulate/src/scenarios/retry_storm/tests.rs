use super::*;

fn setup(load: f64) -> Setup {
    Setup {
        rate: load * 100.0,
        capacity: 100.0,
        service: Duration::from_millis(100),
        timeout: Duration::from_secs(1),
        retries: 3,
        backoff: Duration::ZERO,
        declared: Guard::default(),
    }
}

fn figure(outcome: &Outcome, name: &str) -> Option<f64> {
    outcome.figures.iter().find(|f| f.name == name).map(|f| f.value)
}

#[test]
fn above_one_it_stays_down_and_the_policies_of_callers_recover_it() {
    // ρ(1 + R) = 0.325 × 4 = 1.3.
    let out = run(setup(0.325), "x", &Streams::new(1, 0), &mut Recorder::off());
    assert_eq!(figure(&out, "load while all tries time out, ρ(1+R)"), Some(130.0));
    assert_eq!(
        figure(&out, "still down six minutes after it works again"),
        Some(1.0)
    );
    assert!(figure(&out, "time to recover with a breaker and a retry budget").unwrap() <= 10.0);
    assert!(out.moments.iter().any(|m| m.role == Role::Loop));
}

#[test]
fn below_one_it_recovers_by_itself() {
    let out = run(setup(0.2), "x", &Streams::new(1, 0), &mut Recorder::off());
    assert_eq!(
        figure(&out, "still down six minutes after it works again"),
        Some(0.0)
    );
    assert!(out.moments.iter().all(|m| m.role != Role::Loop));
}

#[test]
fn a_declared_breaker_and_budget_limit_the_callers_as_configured() {
    let mut guarded = setup(0.325);
    guarded.declared = Guard {
        breaker: Some(BreakerConfig {
            open_time: Duration::from_secs(1),
            open_time_cap: Duration::from_secs(5),
            ..BreakerConfig::default()
        }),
        budget: Some(BudgetConfig::default()),
    };
    let mut trace = Recorder::on();
    let out = run(guarded, "x", &Streams::new(1, 0), &mut trace);
    assert_eq!(
        figure(&out, "still down six minutes after it works again"),
        Some(0.0)
    );
    let told = crate::rehearse::told(&trace.finish());
    let of = |name: &str, policy: &str, what: &str| {
        told.iter().any(|(entity, words, _)| {
            *entity == format!("callers → x, {name}, {policy}") && words.starts_with(what)
        })
    };
    for name in [AS_IS, GUARDED] {
        for (policy, what) in [
            ("breaker", "permit"),
            ("breaker", "opened"),
            ("breaker", "reject"),
            ("breaker", "closed"),
            ("retries", "retry at once"),
        ] {
            assert!(of(name, policy, what), "{name}: {what}");
        }
    }
}

#[test]
fn overload_from_the_start_is_not_attributed_to_retries() {
    let out = run(setup(1.5), "x", &Streams::new(1, 0), &mut Recorder::off());
    let causes: Vec<_> = out.moments.iter().filter(|m| m.role == Role::Cause).collect();
    assert_eq!(causes.len(), 1);
    assert!(causes[0].text.contains("150 %"), "{}", causes[0].text);
    assert!(out.moments.iter().all(|m| m.role != Role::Loop));
}
