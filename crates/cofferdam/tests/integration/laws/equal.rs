//! What `check` and `simulate` say about one thing is equal.

use std::collections::BTreeMap;

use cofferdam_audit::{Finding, Report};
use cofferdam_model::{Environment, Platform};
use cofferdam_simulate::rehearse::{Rehearsal, Settings, Summary, rehearse};
use cofferdam_simulate::scenarios;

use super::platform::{Alert, Pool, Service, Spec};
use super::{checked, environment, findings, over_platforms};

/// The share of the things that either verb speaks of, of which both have to.
const SPOKEN: f64 = 0.8;
/// The simulator counts in seconds, and a window that ends within one is seen at its end.
const SECOND: f64 = 2.0;

const SCENARIOS: [&str; 3] = ["connection-storm", "rebalance-storm", "alert-blind-spot"];

/// How often either verb spoke of a thing of a kind, and how often both did.
#[derive(Debug, Default)]
struct Spoken(BTreeMap<&'static str, (u32, u32)>);

impl Spoken {
    fn count(&mut self, kind: &'static str, check: bool, simulate: bool) {
        if check || simulate {
            let (either, both) = self.0.entry(kind).or_default();
            *either += 1;
            *both += u32::from(check && simulate);
        }
    }
}

#[test]
fn what_check_and_simulate_say_about_one_thing_is_equal() {
    let mut spoken = Spoken::default();
    over_platforms(|spec| {
        let platform = spec.read();
        let report = checked(&platform);
        let rehearsals = rehearsed(&platform, environment(&platform));
        let both = Both {
            spec: &spec,
            report: &report,
            rehearsals: &rehearsals,
        };
        both.connections(&mut spoken)?;
        both.pooler(&mut spoken)?;
        for (name, service) in spec.named() {
            both.members(name, service, &mut spoken)?;
            both.detection(name, service, &mut spoken)?;
            both.climb(name, service, &mut spoken)?;
        }
        Ok(())
    });
    for kind in ["connections", "pooler", "members", "detection", "climb"] {
        let (either, both) = spoken.0.get(kind).copied().unwrap_or_default();
        assert!(
            either >= 50,
            "{kind}: only {either} things to compare: {spoken:?}"
        );
        let share = f64::from(both) / f64::from(either);
        assert!(share >= SPOKEN, "{kind}: both speak of {share}: {spoken:?}");
    }
}

fn rehearsed(platform: &Platform, env: &Environment) -> Vec<Rehearsal> {
    let chosen: Vec<_> = SCENARIOS
        .iter()
        .filter_map(|name| scenarios::find(name))
        .collect();
    let settings = Settings {
        runs: 1,
        seed: 1,
        trace: false,
    };
    rehearse(&chosen, (env, &platform.overlay), settings, &|_, _| {})
}

/// What both verbs say of a platform.
struct Both<'a> {
    spec: &'a Spec,
    report: &'a Report,
    rehearsals: &'a [Rehearsal],
}

fn figure(finding: &Finding, name: &str) -> Option<f64> {
    finding.figures.get(name).map(|figure| figure.value)
}

fn simulated(summary: &Summary, name: &str) -> Option<f64> {
    summary.figure(name).map(|figure| figure.interval.mean)
}

fn equal(what: &str, check: f64, simulate: f64) -> Result<(), String> {
    match (check - simulate).abs() < 1e-6 {
        true => Ok(()),
        false => Err(format!("{what}: check says {check}, simulate {simulate}")),
    }
}

fn at_most(what: &str, simulate: f64, check: f64) -> Result<(), String> {
    match simulate <= check + 1e-6 {
        true => Ok(()),
        false => Err(format!(
            "{what}: check says up to {check}, simulate has {simulate}"
        )),
    }
}

impl Both<'_> {
    /// The cases of a scenario whose subject ends with a name.
    fn cases(&self, scenario: &str, subject: &str) -> Vec<&Summary> {
        let of = self
            .rehearsals
            .iter()
            .filter(|rehearsal| rehearsal.scenario.name == scenario);
        of.flat_map(|rehearsal| &rehearsal.results)
            .filter(|summary| summary.subject.ends_with(subject))
            .collect()
    }

    /// Connections to the database.
    fn connections(&self, spoken: &mut Spoken) -> Result<(), String> {
        let found = findings(self.report, "database-connection-exhaustion", "main");
        let cases = self.cases("connection-storm", "main");
        let case = cases.first().copied();
        let of_case = |name: &str| case.and_then(|case| simulated(case, name));
        let direct = match self.spec.pooler.is_some() {
            true => of_case("connections wanted at full scale, beside the pooler"),
            false => of_case("connections wanted at full scale"),
        };
        let slots = of_case("slots of the server");
        let rollout = of_case("connections wanted while a rollout overlaps");
        let is_short = |(direct, slots): (f64, f64)| direct > slots;
        spoken.count(
            "connections",
            !found.is_empty(),
            direct.zip(slots).is_some_and(is_short) || (!found.is_empty() && case.is_some()),
        );
        let (Some(direct), Some(slots)) = (direct, slots) else {
            return Ok(());
        };
        let Some(finding) = found.first() else {
            // Silent: nothing is known, or all fits.
            let is_open = self
                .report
                .unjudged
                .iter()
                .any(|u| u.rule == "database-connection-exhaustion");
            return match is_open {
                true => Ok(()),
                false => at_most("direct connections without a finding", direct, slots),
            };
        };
        let of_poolers = figure(finding, "of_poolers").unwrap_or(0.0);
        let wanted = figure(finding, "wanted").unwrap_or(0.0);
        equal(
            "connections available",
            figure(finding, "available").unwrap_or(0.0),
            slots,
        )?;
        equal("connections wanted", wanted - of_poolers, direct)?;
        if self.spec.pooler.is_none() {
            equal(
                "wanted in a rollout",
                figure(finding, "wanted_in_rollout").unwrap_or(0.0),
                rollout.unwrap_or(0.0),
            )?;
        }
        Ok(())
    }

    /// Server connections of the pooler.
    fn pooler(&self, spoken: &mut Spoken) -> Result<(), String> {
        let found = findings(self.report, "pooler-overcommit", "pgbouncer");
        let cases = self.cases("connection-storm", "main");
        let may = (cases.first())
            .and_then(|case| simulated(case, "connections that the pooler may open to the server"));
        let Some(finding) = found.first() else {
            return Ok(());
        };
        // Without known clients there is nothing to simulate.
        let is_used = self
            .spec
            .services
            .iter()
            .any(|service| self.spec.goes_through(service) && !matches!(service.pool, Pool::Unknown));
        if is_used {
            spoken.count("pooler", true, may.is_some());
        }
        match (figure(finding, "connections_at_most"), may) {
            (Some(most), Some(may)) => equal("connections of the pooler", most, may),
            _ => Ok(()),
        }
    }

    /// Members of a group.
    fn members(&self, name: &str, service: &Service, spoken: &mut Spoken) -> Result<(), String> {
        let Some(_) = &service.consumer else {
            return Ok(());
        };
        let subject = format!("consumer group {name}");
        let idle = findings(self.report, "kafka-idle-members", &subject);
        let storm = findings(self.report, "kafka-rebalance-storm", &subject);
        let cases = self.cases("rebalance-storm", &subject);
        let case = cases.first();
        let of_case = case.and_then(|case| simulated(case, "members without a partition"));
        let of_check = idle.first().and_then(|finding| figure(finding, "idle_at_max"));
        spoken.count(
            "members",
            of_check.is_some(),
            of_case.is_some_and(|idle| idle > 0.0),
        );
        if let Some(of_case) = of_case {
            equal("idle members", of_check.unwrap_or(0.0), of_case)?;
        }
        let deploy = storm
            .first()
            .and_then(|finding| figure(finding, "rebalances_per_deploy"));
        let rebalances = case.and_then(|case| simulated(case, "rebalances"));
        match (deploy, rebalances) {
            (Some(deploy), Some(rebalances)) => equal("rebalances of a rollout", deploy, rebalances),
            _ => Ok(()),
        }
    }

    /// The time to the page.
    fn detection(&self, name: &str, service: &Service, spoken: &mut Spoken) -> Result<(), String> {
        if service.alert.is_none() {
            return Ok(());
        }
        let alert = format!("{name} errors");
        let found = (self.report.findings.iter())
            .find(|finding| finding.rule == "alert-detection-delay" && finding.title.contains(&alert));
        let cases = self.cases("alert-blind-spot", name);
        let page = cases
            .first()
            .and_then(|case| simulated(case, "time to the page, all requests fail"));
        let slight =
            (cases.first()).and_then(|case| simulated(case, "time to the page, 6 of 100 requests fail"));
        spoken.count("detection", found.is_some(), page.is_some());
        let Some(finding) = found else {
            return Ok(());
        };
        let (bound, slight_bound) = (
            figure(finding, "detection").unwrap_or(0.0),
            figure(finding, "detection_of_slight_failure").unwrap_or(0.0),
        );
        if let Some(page) = page {
            at_most("a page after a full outage", page - SECOND, bound)?;
        }
        match slight {
            Some(slight) => at_most("a page after a slight failure", slight - SECOND, slight_bound),
            None => Ok(()),
        }
    }

    /// The time in which the autoscaler reaches its maximum.
    fn climb(&self, name: &str, service: &Service, spoken: &mut Spoken) -> Result<(), String> {
        // Without an alert neither verb follows the autoscaler.
        let Some(Alert::NewRelic(..) | Alert::Prometheus(..)) = &service.alert else {
            return Ok(());
        };
        let found = findings(self.report, "autoscaler-runaway", name);
        let cases = self.cases("alert-blind-spot", name);
        let reached =
            (cases.first()).and_then(|case| simulated(case, "time to the largest number of replicas"));
        let Some(check) = found.first().and_then(|finding| figure(finding, "time_to_max")) else {
            return Ok(());
        };
        spoken.count("climb", true, reached.is_some());
        let Some(reached) = reached else {
            return Ok(());
        };
        // The load begins at any time between two looks of the autoscaler.
        at_most("time to the maximum", reached, check)?;
        at_most("time to the maximum, at least", check - 15.0, reached)
    }
}
