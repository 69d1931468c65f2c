//! The walk itself, and ordinary configuration that must not be misread.

use super::*;
use cofferdam_model::FileId;
use cofferdam_model::workload::Completeness;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::yaml;
use proptest::prelude::*;
use std::path::Path;

fn fill(environment: &str, text: &str, owner: &Owner, format: &str) -> Parts {
    let stream = yaml::parse(text, FileId(0), 0);
    assert!(stream.errors.is_empty(), "{text}: {:?}", stream.errors);
    let repo = Repo::default();
    let place = Place {
        repo: &repo,
        environment,
        path: Path::new("config/app.yaml"),
        completeness: Completeness::Whole,
    };
    let mut env = Parts::default();
    for document in &stream.documents {
        read_as(document, owner, place, format, &mut env);
    }
    env
}

/// Reads settings of a directory.
pub(super) fn read(text: &str) -> Parts {
    fill(
        "production",
        text,
        &Owner::in_directory("config"),
        SETTINGS_FORMAT,
    )
}

/// The same in another environment.
pub(super) fn read_in(environment: &str, text: &str) -> Parts {
    fill(environment, text, &Owner::in_directory("config"), SETTINGS_FORMAT)
}

/// Reads a section of a deployment file of the service `data-collector`.
pub(super) fn read_deployment(text: &str) -> Parts {
    fill(
        "production",
        text,
        &Owner::named("data-collector"),
        "Grand Central",
    )
}

fn is_empty(parts: &Parts) -> bool {
    parts.cells.is_empty()
        && parts.routings.is_empty()
        && parts.breakers.is_empty()
        && parts.rate_limits.is_empty()
        && parts.local_caches.is_empty()
        && parts.autoscalers.is_empty()
        && parts.topics.is_empty()
        && parts.producers.is_empty()
        && parts.consumers.is_empty()
        && parts.pools.is_empty()
        && parts.deadlines.is_empty()
        && parts.deliveries.is_empty()
        && parts.slos.is_empty()
        && parts.alerts.is_empty()
        && parts.calls.is_empty()
        && parts.services.is_empty()
        && parts.log_stores.is_empty()
        && parts.metric_sources.is_empty()
        && parts.databases.is_empty()
        && parts.descriptions.is_empty()
}

#[test]
fn ordinary_configuration_states_no_fact() {
    for text in [
        // A workflow, a linter, a package, an editor, a schema, a playbook, a translation.
        "name: CI\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    timeout-minutes: 30\n    strategy: {matrix: {os: [a, b]}, max-parallel: 2}\n    services: {redis: {image: redis, ports: [6379]}}\n    steps: [{uses: actions/checkout@v4, with: {cache: npm}}]\n",
        "extends: [airbnb]\nrules: {max-len: [2, {code: 120}]}\nreporter: {retries: 3}\n",
        "{\"name\": \"web\", \"version\": \"1.0.0\", \"scripts\": {\"test\": \"jest\"}, \"dependencies\": {\"kafka\": \"^1\", \"redis\": \"^4\"}, \"jest\": {\"testTimeout\": 3}}",
        "{\"editor.fontSize\": 12, \"files.autoSave\": \"on\", \"cells\": [{\"cell_type\": \"code\"}]}",
        "openapi: 3.0.0\npaths: {/health: {get: {responses: {'200': {description: ok}}}}}\ncomponents: {schemas: {Limit: {type: object, properties: {limit: {type: integer}, window: {type: string}}}}}\n",
        "- hosts: all\n  tasks: [{name: x, retries: 3, delay: 5, until: ok}]\n",
        "en: {alerts: {saved: Saved, failed: Failed}, health: Health, monitors: {title: Monitors}}\n",
        "version: 2\nupdates: [{package-ecosystem: pip, schedule: {interval: weekly}}]\n",
        "logging: {version: 1, handlers: {console: {class: logging.StreamHandler, level: INFO}}}\n",
        "repos: [{repo: https://x, hooks: [{id: black}]}]\nminimum_version: 3\n",
    ] {
        let env = read(text);
        assert!(is_empty(&env), "{text}\n{env:#?}");
    }
}

#[test]
fn sections_count_at_every_level() {
    for text in [
        "rate_limit: {rps: 5}",
        "base: {rate_limit: {rps: 5}}",
        "kubernetes: {gateway: {rateLimit: {rps: 5}}}",
        "production: {rate_limit: {rps: 5}}",
        "environments: {prod: {rate_limit: {rps: 5}}, staging: {rate_limit: {rps: 1}}}",
        "list: [{rate_limit: {rps: 5}}]",
    ] {
        let env = read(text);
        let limits: Vec<f64> = env.rate_limits.iter().map(|r| r.limit.value.0).collect();
        assert_eq!(limits, [5.0], "{text}");
    }
}

#[test]
fn settings_below_a_service_belong_to_it() {
    let env = read("services: {api: {database: {pool_size: 5}}, worker: {database: {pool_size: 9}}}");
    let owners: Vec<_> = env
        .pools
        .iter()
        .map(|p| (p.owner.name.as_deref(), p.size.as_ref().unwrap().value))
        .collect();
    assert_eq!(owners, [(Some("api"), 5), (Some("worker"), 9)]);
}

#[test]
fn flat_names_mean_the_same_in_a_tree_and_in_a_flat_file() {
    let env = read("app:\n  KAFKA_PRODUCER_ACKS: '1'\n  spring.datasource.hikari.maximum-pool-size: 20\n");
    assert_eq!((env.producers.len(), env.pools.len()), (1, 1));
}

#[test]
fn ambiguous_words_are_not_names_of_environments() {
    for key in [
        "performance",
        "test",
        "canary",
        "integration",
        "live",
        "demo",
        "local",
    ] {
        assert_eq!(section_environment(key), None, "{key}");
    }
    assert_eq!(section_environment("prod"), Some("production"));
    assert_eq!(section_environment("STG"), Some("staging"));
}

#[test]
fn other_sections_of_the_quoted_plans_are_ignored() {
    // Plans and wishes in YAML are not configuration.
    let env = read(
        "multi_cloud_strategy:\n  primary: GCP (current)\n  secondary: AWS (disaster recovery)\n\ndisaster_recovery:\n  rto: 15 minutes\n  rpo: 5 minutes\n\nfailover_triggers:\n  - vpc_connector_capacity_exhaustion\n  - sustained_error_rate > 10%\nemergency_dev_config:\n  database: local_postgresql\n  redis: local_redis\n",
    );
    assert!(is_empty(&env), "{env:#?}");
    // Entity rules and absent backups.
    let env = read_deployment(
        "entity_synthesis:\n  domain: PLATFORM\n  type: CLEAN_PLATFORM_SERVICE\n# No backup retention specified\n",
    );
    assert!(is_empty(&env), "{env:#?}");
}

proptest! {
    #[test]
    fn no_tree_panics(text in "(cells|kafka|alerts|slos|autoscaling|deployment_windows|retry|rate_limit|cache|logging|pool|services|topics|health): ?[\\[{]?(name|topics|min|max|threshold|window|start|end|days|weight|limit|path|5|-1|1e999|24:00|99\\.9|[a-z%:, ]){0,6}[\\]}]?") {
        let repo = Repo::default();
        let place = Place { repo: &repo, environment: "default", path: Path::new("a.yaml"), completeness: Completeness::Whole };
        let mut env = Parts::default();
        for document in &yaml::parse(&text, FileId(0), 0).documents {
            read_section(document, &Owner::named("a"), place, &mut env);
            read_as(document, &Owner::named("a"), place, "Grand Central", &mut env);
        }
    }
}
