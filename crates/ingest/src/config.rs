//! Application settings in YAML or JSON without a format of their own (`config/production.yaml`,
//! `appsettings.json`, Spring's `application.yml`). Any tree may be one, so it counts only if a part of it
//! has the shape of an idea; the files of known tools are skipped.

use crate::context::Place;
use crate::ideas;
use cofferdam_model::workload::Completeness;
use cofferdam_model::{Owner, Parts};
use cofferdam_syntax::environment;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Value, fold};
use std::path::Path;

/// The name of such files in reports.
pub const FORMAT: &str = "settings";

/// Top-level keys (as written) that identify a file of some tool: workflows, pipelines, schemas, packages,
/// dashboards, playbooks, notebooks, charts, templates.
const TOOLS: &[&str] = &[
    "$schema",
    "AWSTemplateFormatVersion",
    "Resources",
    "openapi",
    "swagger",
    "asyncapi",
    "jobs",
    "stages",
    "steps",
    "pipelines",
    "workflows",
    "repos",
    "dependencies",
    "devDependencies",
    "lockfileVersion",
    "compilerOptions",
    "panels",
    "nbformat",
    "hosts",
    "releases",
    "repositories",
    "provider",
    "builders",
    "linters",
    "rules",
    "extends",
    "plugins",
    "updates",
    "definitions",
    "mkdocs",
    "nav",
    "paths",
    "components",
    "scrape_configs",
    "groups",
    "receivers",
    "route",
    "exporters",
    "static_resources",
];

/// Files of tools by their names.
const TOOL_FILES: &[&str] = &[
    "package.json",
    "composer.json",
    "tsconfig.json",
    "chart.yaml",
    "mkdocs.yml",
    "cofferdam.yaml",
    "cofferdam.yml",
    "renovate.json",
    "skaffold.yaml",
    "taskfile.yml",
    "buildspec.yml",
    "azure-pipelines.yml",
    "cloudbuild.yaml",
    "bitbucket-pipelines.yml",
    "appveyor.yml",
    "codecov.yml",
    "lerna.json",
    "vercel.json",
    "firebase.json",
    "angular.json",
    "babel.config.json",
    "jest.config.json",
];

/// Directories whose contents do not run a platform.
const TOOL_DIRECTORIES: &[&str] = &[
    "tests",
    "test",
    "testdata",
    "fixtures",
    "__tests__",
    "__fixtures__",
    "e2e",
    "spec",
    "specs",
    "locales",
    "locale",
    "i18n",
    "translations",
    "schemas",
    "schema",
    "docs",
    "mocks",
    "__mocks__",
];

/// Whether a tree at `path` may contain application settings.
pub fn may_be_settings(node: &Node, path: &Path) -> bool {
    let Some(map) = node.as_map() else { return false };
    if map.is_empty() || map.iter().any(|(key, _)| TOOLS.contains(&&*key.text)) {
        return false;
    }
    let mut parts: Vec<String> = path
        .iter()
        .filter_map(|p| p.to_str())
        .map(str::to_ascii_lowercase)
        .collect();
    let Some(name) = parts.pop() else { return false };
    let is_tool = |part: &String| part.starts_with('.') || TOOL_DIRECTORIES.contains(&part.as_str());
    !name.starts_with('.') && !TOOL_FILES.contains(&name.as_str()) && !parts.iter().any(is_tool)
}

/// The environments for which a file has sections with settings: at least two at the top, or those below
/// `environments`. A file with a section called `production` for something else names no environment.
pub fn environments(node: &Node, path: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |key: &str| {
        if let Some(name) = ideas::section_environment(key)
            && !names.iter().any(|n| n == name)
        {
            names.push(name.to_owned());
        }
    };
    let place = node
        .like("environments")
        .filter(|n| n.as_map().is_some())
        .unwrap_or(node);
    place
        .entries()
        .filter(|(_, value)| value.as_map().is_some())
        .for_each(|(key, _)| add(&key.text));
    let enough = names.len() >= 2;
    names.retain(|name| enough && says_something(node, path, name));
    // A document that declares its profile names an environment directly.
    let profiles = profile(node, "").into_iter().flat_map(words_of_profile);
    for name in profiles.filter_map(environment::canonical) {
        if !names.iter().any(|n| n == name) && says_something(node, path, name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn words_of_profile(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '|', '&', ' '])
        .filter(|word| !word.starts_with('!'))
}

/// Whether any key below is a section for one environment, or a document declares a profile.
pub fn has_sections(node: &Node) -> bool {
    profile(node, "").is_some() || has_section(node)
}

fn has_section(node: &Node) -> bool {
    match &node.value {
        Value::Map(map) => map.iter().any(|(key, value)| {
            (value.as_map().is_some() && ideas::section_environment(&key.text).is_some())
                || has_section(value)
        }),
        Value::Seq(items) => items.iter().any(has_section),
        _ => false,
    }
}

/// Whether reading a tree for an environment gives anything.
fn says_something(node: &Node, path: &Path, environment: &str) -> bool {
    if !may_be_settings(node, path) {
        return false;
    }
    let repo = Repo::default();
    let place = Place {
        repo: &repo,
        environment,
        path,
        completeness: Completeness::Whole,
    };
    let mut env = Parts::default();
    interpret(node, place, &mut env);
    !env.is_empty()
}

/// Reads one document.
pub fn read(node: &Node, place: Place<'_>) -> Parts {
    let mut parts = Parts::default();
    interpret(node, place, &mut parts);
    parts
}

/// Reads the settings of a tree that [`may_be_settings`], as those of its directory.
fn interpret(node: &Node, place: Place<'_>, parts: &mut Parts) {
    if !may_be_settings(node, place.path) || is_for_another_profile(node, place.environment) {
        return;
    }
    let owner = Owner::in_directory(place.path.parent().unwrap_or(Path::new("")));
    ideas::read_section(node, &owner, place, parts);
}

/// Whether a document declares a profile other than this environment (Spring's
/// `spring.config.activate.on-profile`, `spring.profiles`, in either nesting).
fn is_for_another_profile(node: &Node, environment: &str) -> bool {
    let words = profile(node, "");
    words.is_some_and(|words| {
        let mut named = words_of_profile(words)
            .filter_map(environment::canonical)
            .peekable();
        named.peek().is_some() && !named.any(|name| name == environment)
    })
}

fn profile<'n>(node: &'n Node, above: &str) -> Option<&'n str> {
    node.entries().find_map(|(key, value)| {
        let path = format!("{above}{}", fold(&key.text));
        if matches!(path.as_str(), "springconfigactivateonprofile" | "springprofiles") {
            return value.as_str();
        }
        "springconfigactivateonprofile"
            .starts_with(&path)
            .then(|| profile(value, &path))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::read_files;
    use cofferdam_model::{FileId, Platform};
    use cofferdam_syntax::yaml;
    use proptest::prelude::*;

    fn read(files: &[(&str, &str)]) -> Platform {
        read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
    }

    fn node(text: &str) -> Node {
        yaml::parse(text, FileId(0), 0).documents.remove(0)
    }

    #[test]
    fn a_file_for_an_environment_applies_only_to_it() {
        let platform = read(&[
            (
                "services/api/config/production.yaml",
                "database: {pool_size: 20, host: db}\n",
            ),
            (
                "services/api/config/staging.yaml",
                "database: {pool_size: 5, host: db}\n",
            ),
            (
                "services/api/config/default.yaml",
                "database: {max_overflow: 7}\n",
            ),
        ]);
        let found: Vec<_> = platform
            .environments
            .iter()
            .map(|e| {
                (
                    e.name.as_str(),
                    e.pools[0].size.as_ref().unwrap().value,
                    e.pools[0].overflow.as_ref().unwrap().value,
                )
            })
            .collect();
        assert_eq!(found, [("production", 20, 7), ("staging", 5, 7)]);
    }

    #[test]
    fn sections_for_environments_name_them() {
        let text = "{\"staging\": {\"initialization_timeout\": 75.0, \"connection_timeout\": 35.0}, \"production\": {\"initialization_timeout\": 90.0, \"connection_timeout\": 35.0}}";
        assert_eq!(
            environments(&node(text), Path::new("config/timeouts.json")),
            ["staging", "production"]
        );
        let platform = read(&[("config/timeouts.json", text)]);
        let found: Vec<_> = platform
            .environments
            .iter()
            .map(|e| (e.name.as_str(), e.deadlines[0].value.value.as_secs()))
            .collect();
        assert_eq!(found, [("production", 90), ("staging", 75)]);
        assert!(
            environments(
                &node("{development: {adapter: x}, production: {adapter: y}}"),
                Path::new("config/a.yml")
            )
            .is_empty()
        );
    }

    #[test]
    fn spring_documents_apply_to_their_profile() {
        let text = "spring: {datasource: {hikari: {maximum-pool-size: 5}}}\n---\nspring:\n  config: {activate: {on-profile: prod}}\n  datasource: {hikari: {maximum-pool-size: 50}}\n---\nspring.profiles: staging\nspring: {datasource: {hikari: {maximum-pool-size: 9}}}\n";
        let platform = read(&[
            ("api/src/main/resources/application.yml", text),
            (
                "api/src/main/resources/application-prod.properties",
                "spring.kafka.producer.acks=1\n",
            ),
            (
                "k8s/production/cm.yaml",
                "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
            ),
        ]);
        let env = platform
            .environments
            .iter()
            .find(|e| e.name == "production")
            .unwrap();
        assert_eq!(env.pools[0].size.as_ref().unwrap().value, 50);
    }

    #[test]
    fn files_of_tools_state_no_fact() {
        let pool = "database: {pool_size: 5}\n";
        for path in [
            ".github/workflows/ci.yml",
            "tests/fixtures/app.yaml",
            "package.json",
            ".travis.yml",
            "docs/example.yaml",
            "schemas/a.json",
            "api/cofferdam.yaml",
        ] {
            assert!(!says_something(&node(pool), Path::new(path), "default"), "{path}");
        }
        assert!(says_something(
            &node(pool),
            Path::new("config/app.yaml"),
            "default"
        ));
        assert!(!says_something(
            &node("jobs: {a: {}}\ndatabase: {pool_size: 5}\n"),
            Path::new("ci.yml"),
            "default"
        ));
        assert!(!says_something(
            &node("title: hello\n"),
            Path::new("config/app.yaml"),
            "default"
        ));
    }

    #[test]
    fn entity_definitions_and_golden_metrics_state_no_fact() {
        for text in [
            "domain: PLATFORM\ntype: CLEAN_PLATFORM_SERVICE\nsynthesis:\n  rules:\n  - identifier: pod.name\n    name: service.name\n    encodeIdentifierInGUID: true\n    conditions:\n    - attribute: eventType\n      value: PlatformSample\n    tags: {cell: {}}\nconfiguration: {entityExpirationTime: EIGHT_DAYS, alertable: true}\n",
            "throughput:\n  title: Throughput\n  unit: REQUESTS_PER_SECOND\n  queries:\n    newRelic: {select: rate(count(*), 1 second), from: Transaction, where: \"appName = 'x'\"}\nerrorRate: {title: Errors, unit: PERCENTAGE, query: {select: average(x)}}\n",
            "name: Platform\npages: [{name: Overview, widgets: [{title: Lag, rawConfiguration: {nrqlQueries: [{query: SELECT 1}]}}]}]\n",
        ] {
            assert!(
                !says_something(&node(text), Path::new("newrelic/definition.yml"), "default"),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_tree_panics(text in "(production|staging|spring|database): ?[\\[{]?(production: |staging: |pool_size: 5|profiles|config: |[a-z{}:, ]){0,6}[\\]}]?") {
            for document in &yaml::parse(&text, FileId(0), 0).documents {
                environments(document, Path::new("config/a.yaml"));
                says_something(document, Path::new("config/a.yaml"), "production");
            }
        }
    }
}
