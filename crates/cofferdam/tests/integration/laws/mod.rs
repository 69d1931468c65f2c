//! Laws over platforms made at random: what `check` and `simulate` say about one thing is equal, and advice that is taken
//! silences the rule that gave it.

mod advice;
mod equal;
mod platform;

use cofferdam_audit::{Finding, Options, Report, audit};
use cofferdam_model::{Environment, Platform};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many platforms each law is tested on.
const PLATFORMS: u32 = 1000;

/// Tries a law on platforms that are the same in every run.
fn over_platforms(mut law: impl FnMut(platform::Spec) -> Result<(), String>) {
    let config = Config {
        cases: PLATFORMS,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let law = std::cell::RefCell::new(&mut law);
    let tried = runner.run(&platform::specs(), |spec| {
        (*law.borrow_mut())(spec).map_err(proptest::test_runner::TestCaseError::fail)
    });
    if let Err(failed) = tried {
        panic!("{failed}");
    }
}

/// The report of `check`.
fn checked(platform: &Platform) -> Report {
    audit(platform, &Options::default())
}

/// The findings of a rule about a subject.
fn findings<'a>(report: &'a Report, rule: &'a str, subject: &'a str) -> Vec<&'a Finding> {
    let all = report.findings.iter();
    all.filter(|finding| finding.rule == rule && finding.subject.contains(subject))
        .collect()
}

/// The environment with the services.
fn environment(platform: &Platform) -> &Environment {
    let mut all = platform.environments.iter();
    all.find(|env| !env.services.is_empty())
        .expect("an environment with services")
}
