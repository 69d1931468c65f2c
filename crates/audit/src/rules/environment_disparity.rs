//! A test in staging proves something for production only if both are alike.

use crate::finding::{Finding, Severity, Subject};
use crate::rule::{Check, Context, Fix, Group, Rule, RuleId, Verdicts};
use cofferdam_model::units::count;
use cofferdam_model::{Absence, Environment, Fact, Span};
use cofferdam_syntax::environment;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The rule.
pub static RULE: Rule = Rule {
    id: RuleId::new("environment-disparity"),
    group: Group::Delivery,
    severity: Severity::Low,
    fix: Fix::Advice,
    summary: Cow::Borrowed("staging and production differ in settings that should be alike"),
    absences: &[Absence::Workload, Absence::Variable],
    settings: &[],
    page: Cow::Borrowed(include_str!("../../../../docs/rules/environment-disparity.md")),
    check: Check::BuiltIn(check),
};

/// A difference: the setting, its value in staging and in production, and the places.
struct Pair {
    what: String,
    staging: String,
    production: String,
    places: Vec<Span>,
    /// The environment that lacks the value; `None` if both have one.
    lacks: Option<(Absence, &'static str)>,
}

fn check(cx: &Context<'_>, out: &mut Verdicts) {
    if cx.env.name != "production" {
        return;
    }
    let is_staging = |e: &&Environment| e.name == "staging" && e.project == cx.env.project;
    let Some(staging) = cx.platform.environments.iter().find(is_staging) else {
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
        // A value that one of the two lacks may be in a file that was not read.
        .filter(|p| !p.lacks.is_some_and(|(kind, name)| is_open(cx, kind, name)))
        .collect();
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
        Subject::all("staging and production"),
        match pairs.as_slice() {
            [only] => format!("staging and production differ in the {}", only.what),
            [first, others @ ..] => format!(
                "staging and production differ in the {} and {}",
                first.what,
                count(others.len() as u64, "other thing")
            ),
            [] => return,
        },
    )
    .explain(format!(
        "{}{more}. A version that passes in staging has not been tested as it will run in production.",
        words.join("; ")
    ))
    .remedy(format!(
        "Make them alike, or allow differences by their name at the top of cofferdam.yaml: `may_differ: [\"{}\"]`.",
        pairs.first().map_or("", |pair| &pair.what)
    ))
    .figure("differences", pairs.len() as f64, "differences");
    finding.absence = pairs.iter().find_map(|p| p.lacks.map(|(kind, _)| kind));
    for span in pairs.iter().flat_map(|p| &p.places).take(6) {
        finding = finding.at(*span, "");
    }
    out.report(finding);
}

fn is_open(cx: &Context<'_>, kind: Absence, environment: &str) -> bool {
    let scope = &cx.platform.scope;
    scope.open_for(kind, cx.env.project, environment).is_some()
}

fn pairs(staging: &Environment, production: &Environment) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let running = |env: &'_ Environment| -> Vec<(String, Option<Span>)> {
        let all = env.services.iter().filter(|s| !s.workloads.is_empty());
        all.map(|s| (s.name.clone(), s.declared.first().copied()))
            .collect()
    };
    let (ours, theirs) = (running(production), running(staging));
    // An environment about which the files contain nothing is not a different one.
    if !theirs.is_empty() {
        for (own, others, is_ours) in [(&ours, &theirs, true), (&theirs, &ours, false)] {
            let place = |span: &Option<Span>| span.map(|span| (span.file, span.start));
            let names: BTreeSet<String> = others.iter().map(|(name, _)| of_any(name)).collect();
            let places: BTreeSet<_> = others.iter().filter_map(|(_, span)| place(span)).collect();
            // What one line makes in both is one service, whatever each of them calls it.
            let is_in_both = |name: &str, span: &Option<Span>| {
                names.contains(&of_any(name)) || place(span).is_some_and(|at| places.contains(&at))
            };
            for (name, place) in own.iter().filter(|(name, span)| !is_in_both(name, span)) {
                let there = |is_there: bool| if is_there { "there" } else { "absent" }.to_owned();
                pairs.push(Pair {
                    what: format!("service {name}"),
                    staging: there(!is_ours),
                    production: there(is_ours),
                    places: place.iter().copied().collect(),
                    lacks: Some((Absence::Workload, if is_ours { "staging" } else { "production" })),
                });
            }
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
                    lacks: Some((Absence::Variable, "staging")),
                });
            }
        }
    }
    pairs
}

/// A name without the words for its environment: `hooks-staging` and `hooks-production` are one service.
fn of_any(name: &str) -> String {
    let is_stage = |word: &&str| matches!(environment::canonical(word), Some("staging" | "production"));
    let words = name.split(['-', '_', '.']);
    let words: Vec<&str> = words.filter(|word| !is_stage(word)).collect();
    match words.is_empty() {
        true => name.to_owned(),
        false => words.join("-"),
    }
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
            lacks: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{self, fact, span};
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
        let environments = platform.environments.iter();
        environments
            .flat_map(|env| testing::verdicts_in(&RULE, env, &platform).findings)
            .collect()
    }

    #[test]
    fn things_missing_in_staging_are_reported_only_if_all_of_staging_was_read() {
        let with_variable = |name: &str, variables: &[&str]| {
            let mut env = env(name, "16", 1);
            let mut service = crate::rules::testing::service("api", (1, 1, 1));
            for variable in variables {
                let value = cofferdam_model::Variable {
                    value: fact(cofferdam_model::VariableValue::Literal("x".to_owned()), 7),
                    name_span: span(8),
                };
                service.variables.insert((*variable).to_owned(), value.into());
            }
            env.services.push(service);
            env
        };
        let mut platform = Platform {
            environments: vec![
                with_variable("production", &["A", "B"]),
                with_variable("staging", &["A"]),
            ],
            ..Platform::default()
        };
        let run =
            |platform: &Platform| testing::verdicts_in(&RULE, &platform.environments[0], platform).findings;
        let found = run(&platform);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].title,
            "staging and production differ in the variable B of api"
        );
        platform.scope.openings.push(cofferdam_model::Opening {
            project: cofferdam_model::ProjectId(0),
            environment: Some("staging".to_owned()),
            kinds: [Absence::Variable].into(),
            reason: "the file of variables is not here".to_owned(),
            span: None,
            ..cofferdam_model::Opening::default()
        });
        assert!(run(&platform).is_empty());
        // The staging environment of another project proves nothing.
        platform.scope.openings = Default::default();
        platform.environments[1].project = cofferdam_model::ProjectId(1);
        assert!(run(&platform).is_empty());
    }

    #[test]
    fn a_name_with_its_environment_in_it_is_the_same_service() {
        let named = |environment: &str, names: &[&str]| {
            let mut env = env(environment, "16", 1);
            for name in names {
                let mut service = crate::rules::testing::service(name, (1, 1, 1));
                service.workloads.push(cofferdam_model::WorkloadId(0));
                env.services.push(service);
            }
            env
        };
        // Names that kustomize or a template makes of one line.
        let at = |line: usize, name: &str| {
            let mut env = named(name, &[if name == "production" { "p-web" } else { "s-web" }]);
            env.services[0].declared = vec![span(line)];
            env
        };
        let count = |environments: [Environment; 2]| {
            let platform = Platform {
                environments: environments.into(),
                ..Platform::default()
            };
            testing::verdicts_in(&RULE, &platform.environments[0], &platform)
                .findings
                .len()
        };
        for (line, wanted) in [(40, 0), (41, 1)] {
            assert_eq!(count([at(40, "production"), at(line, "staging")]), wanted);
        }
        for (staging, production, wanted) in [
            ("hooks-staging", "hooks-production", 0),
            ("stg-hooks", "prod-hooks", 0),
            ("shop.staging.hooks", "shop.production.hooks", 0),
            ("hooks_stage", "hooks_prd", 0),
            ("hooks", "hooks-production", 0),
            ("staging", "production", 1),
            ("hooks-staging", "mail-production", 1),
            ("hooks-dev", "hooks-production", 1),
        ] {
            let both = [named("production", &[production]), named("staging", &[staging])];
            assert_eq!(count(both), wanted, "{staging} {production}");
        }
    }

    #[test]
    fn versions_that_differ_are_reported_once() {
        assert_eq!(run("15").len(), 1);
        assert!(run("16").is_empty());
    }
}
