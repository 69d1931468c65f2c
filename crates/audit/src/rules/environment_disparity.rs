//! What is tried in staging proves something for production only where the two are alike.

use crate::finding::{Finding, Severity};
use crate::rule::{Context, Fix, Group, Rule, Verdicts};
use cofferdam_model::{Environment, Fact, Span};
use std::collections::BTreeSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "environment-disparity",
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Advice,
    summary: "staging and production differ in what should be alike",
    page: include_str!("../../../../docs/rules/environment-disparity.md"),
    check,
};

/// A pair that differs: what, in staging, in production, and places.
struct Pair {
    what: String,
    staging: String,
    production: String,
    places: Vec<Span>,
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if cx.env.name != "production" {
        return;
    }
    let Some(staging) = cx.platform.environments.iter().find(|e| e.name == "staging") else {
        return;
    };
    let allowed: Vec<&str> = cx
        .platform
        .overlay
        .disparity_allowed
        .iter()
        .map(|a| a.value.as_str())
        .collect();
    let pairs: Vec<Pair> = pairs(staging, cx.env)
        .into_iter()
        .filter(|p| !allowed.iter().any(|a| p.what.contains(a)))
        .collect();
    if pairs.is_empty() {
        return;
    }
    let words: Vec<String> = pairs
        .iter()
        .take(6)
        .map(|p| {
            format!(
                "{}: {} in staging, {} in production",
                p.what, p.staging, p.production
            )
        })
        .collect();
    let more = if pairs.len() > 6 {
        format!("; and {} more", pairs.len() - 6)
    } else {
        String::new()
    };
    let mut finding = Finding::new(
        "staging and production",
        format!(
            "staging and production differ in {} things that should be alike",
            pairs.len()
        ),
    )
    .explain(format!(
        "{}{more}. What passes in staging has not been tried as it will run.",
        words.join("; ")
    ))
    .remedy("Make them alike, or allow the difference under `rules.environment-disparity` with the reason.")
    .figure("differences", pairs.len() as f64, "differences");
    for span in pairs.iter().flat_map(|p| &p.places).take(6) {
        finding = finding.at(*span, "");
    }
    out.report(finding);
}

fn pairs(staging: &Environment, production: &Environment) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let names = |env: &Environment| {
        env.services
            .iter()
            .filter(|s| !s.workloads.is_empty())
            .map(|s| s.name.clone())
            .collect::<BTreeSet<_>>()
    };
    let (ours, theirs) = (names(production), names(staging));
    // An environment of which the files hold nothing is not a different one.
    if !theirs.is_empty() {
        for name in ours.symmetric_difference(&theirs) {
            let there =
                |set: &BTreeSet<String>| if set.contains(name) { "there" } else { "absent" }.to_owned();
            let env = if ours.contains(name) { production } else { staging };
            let places = env
                .services
                .iter()
                .find(|s| s.name == *name)
                .and_then(|s| s.declared.first().copied());
            pairs.push(Pair {
                what: format!("service {name}"),
                staging: there(&theirs),
                production: there(&ours),
                places: places.into_iter().collect(),
            });
        }
    }
    for database in &production.databases {
        let Some(other) = staging.databases.iter().find(|d| d.name == database.name) else {
            continue;
        };
        compare(
            &mut pairs,
            format!("engine version of {}", database.name),
            other.version.as_ref(),
            database.version.as_ref(),
        );
    }
    for producer in &production.producers {
        let name = production.owner_name(&producer.owner);
        let other = staging
            .producers
            .iter()
            .find(|p| p.role == producer.role && staging.owner_name(&p.owner) == name);
        let Some(other) = other else { continue };
        let show = |acks: &Option<Fact<cofferdam_model::kafka::Acks>>| {
            acks.clone().map(|f| f.map(|a| format!("{a:?}")))
        };
        compare(
            &mut pairs,
            format!("acks of {name}"),
            show(&other.acks).as_ref(),
            show(&producer.acks).as_ref(),
        );
    }
    for pooler in &production.poolers {
        let Some(other) = staging.poolers.iter().find(|p| p.name == pooler.name) else {
            continue;
        };
        compare(
            &mut pairs,
            format!("pool mode of {}", pooler.name),
            other.pool_mode.as_ref(),
            pooler.pool_mode.as_ref(),
        );
    }
    for service in &production.services {
        let Some(other) = staging.services.iter().find(|s| s.name == service.name) else {
            continue;
        };
        if service.variables.is_empty() || other.variables.is_empty() {
            continue;
        }
        for (name, variable) in &service.variables {
            if !other.variables.contains_key(name) {
                pairs.push(Pair {
                    what: format!("variable {name} of {}", service.name),
                    staging: "absent".to_owned(),
                    production: "set".to_owned(),
                    places: vec![variable.name_span],
                });
            }
        }
    }
    pairs
}

fn compare(
    pairs: &mut Vec<Pair>,
    what: String,
    staging: Option<&Fact<String>>,
    production: Option<&Fact<String>>,
) {
    let (Some(staging), Some(production)) = (staging, production) else {
        return;
    };
    if staging.value != production.value {
        let places = [production.span(), staging.span()]
            .into_iter()
            .flatten()
            .collect();
        pairs.push(Pair {
            what,
            staging: staging.value.clone(),
            production: production.value.clone(),
            places,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{fact, span};
    use cofferdam_model::Parts;
    use cofferdam_model::Platform;
    use cofferdam_model::database::Database;

    fn env(name: &str, version: &str, n: usize) -> Environment {
        let mut database = Database::named("main", Some(span(n)));
        database.version = Some(fact(version.to_owned(), n + 1));
        Environment {
            name: name.to_owned(),
            parts: Parts {
                databases: vec![database],
                ..Parts::default()
            },
            ..Environment::default()
        }
    }

    fn run(staging: &str) -> Vec<Finding> {
        let platform = Platform {
            environments: vec![env("production", "16", 1), env("staging", staging, 5)],
            ..Platform::default()
        };
        let mut out = Verdicts::default();
        for env in &platform.environments {
            (RULE.check)(
                &Context {
                    env,
                    platform: &platform,
                    settings: None,
                },
                &mut out,
            );
        }
        out.findings
    }

    #[test]
    fn versions_that_differ_are_told_once() {
        assert_eq!(run("15").len(), 1);
        assert!(run("16").is_empty());
    }
}
