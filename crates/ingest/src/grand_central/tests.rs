//! The same platform in different notations, and files that only look similar.

use super::*;
use cofferdam_model::kafka::Acks;
use cofferdam_model::secrets::{Passage, SecretKind};
use cofferdam_model::workload::Completeness;
use cofferdam_model::{FileId, Priority, VariableValue};
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::yaml;
use proptest::prelude::*;
use std::path::Path;

fn node(text: &str) -> Node {
    let mut stream = yaml::parse(text, FileId(0), 0);
    assert!(stream.errors.is_empty(), "{:?}", stream.errors);
    stream.documents.remove(0)
}

fn read(environment: &str, text: &str) -> Parts {
    let repo = Repo::default();
    let place = Place {
        repo: &repo,
        environment,
        path: Path::new("deploy.yml"),
        completeness: Completeness::Whole,
    };
    let mut env = Parts::default();
    let node = node(text);
    assert!(is_deployment_file(&node), "{text}");
    interpret(&node, place, &mut env);
    env
}

/// What the deep technical analysis quotes of the file, put together.
const WHOLE: &str = r#"
project_name: clean-platform
team: platform
environments:
  - name: staging
    env_vars: {KAFKA_PRODUCER_ACKS: "all"}
    instances: 1
  - name: production
    autoscaling: {max_replicas: 50}
base_environment:
  instances: 2
  env_vars:
    KAFKA_PRODUCER_ACKS: "1"  # Only leader acknowledgment
    WORKER_THREADS: "7"
    DATABASE_POOL_SIZE: "20"
  secrets:
    VAULT_TOKEN: vault-credentials#token
  resources:
    requests: {cpu: 500m}
    limits: {cpu: 1000m}
  autoscaling:
    min_replicas: 2
    max_replicas: 10
    behavior:
      scale_up:
        stabilization_window_seconds: 60
        policies:
        - type: Percent
          value: 100
          period_seconds: 30
  kafka:
    topics:
      - name: platform-events
        partitions: 12
    consumer_group: clean-platform
  cells:
    - name: us-core-ops
      capacity_percentage: 60
    - name: us-alt-mule
      capacity_percentage: 40
  deployment_windows:
    - start: "09:00"
      end: "17:00"
      timezone: "America/New_York"
      days: ["monday", "tuesday", "wednesday", "thursday", "friday"]
  slos:
    - {name: availability, target: 99.95, window: 7d}
  entity_synthesis:
    domain: PLATFORM
    type: CLEAN_PLATFORM_SERVICE
"#;

#[test]
fn the_quoted_platform_is_read_completely() {
    let env = read("production", WHOLE);
    let [service] = env.services.as_slice() else {
        panic!("{:?}", env.services)
    };
    assert_eq!(service.name, "clean-platform");
    assert_eq!(service.scale.current.as_ref().unwrap().value, 2);
    assert_eq!(service.variables.len(), 4);
    assert_eq!(env.producers[0].acks.as_ref().unwrap().value, Acks::Leader);
    let [consumer] = env.consumers.as_slice() else {
        panic!()
    };
    assert_eq!(
        (
            consumer.workers[0].count.value,
            consumer.group.as_ref().unwrap().value.as_str()
        ),
        (7, "clean-platform")
    );
    assert_eq!(env.topics[0].partitions.as_ref().unwrap().value, 12);
    assert_eq!(env.pools[0].size.as_ref().unwrap().value, 20);
    let scaler = &env.autoscalers[0];
    assert_eq!(
        (
            scaler.min.as_ref().unwrap().value,
            scaler.max.as_ref().unwrap().value
        ),
        (2, 50)
    );
    assert_eq!(scaler.up.policies.len(), 1);
    assert_eq!(env.cells.len(), 2);
    assert_eq!(env.deliveries[0].windows.len(), 1);
    assert!(env.deliveries[0].declarable && env.deliveries[0].override_path.is_none());
    assert_eq!(env.slos.len(), 1);
    let secret = env.secret_uses.iter().find(|s| s.name == "VAULT_TOKEN").unwrap();
    assert_eq!(secret.kind, SecretKind::VaultToken);
    assert_eq!(
        secret.passage,
        Passage::EnvironmentReference {
            secret: "vault-credentials".into(),
            key: "token".into()
        }
    );
    let said: Vec<_> = env.descriptions.iter().map(|d| d.attribute.as_str()).collect();
    for attribute in [
        "replicas",
        "max replicas",
        "cpu limit",
        "entity type",
        "partitions",
    ] {
        assert!(said.contains(&attribute), "{attribute} in {said:?}");
    }
    assert_eq!(env.producers.len(), 1);
}

#[test]
fn an_environment_overrides_the_base_and_keeps_its_places() {
    let env = read("staging", WHOLE);
    let acks = env.producers[0].acks.as_ref().unwrap();
    assert_eq!(acks.value, Acks::All);
    let span = acks.span().unwrap();
    assert_eq!(&WHOLE[span.start as usize..span.end as usize], "\"all\"");
    assert_eq!(env.services[0].scale.current.as_ref().unwrap().value, 1);
    assert_eq!(env.autoscalers[0].max.as_ref().unwrap().value, 10);
    assert_eq!(env.pools[0].size.as_ref().unwrap().value, 20);
}

#[test]
fn files_of_other_environments_change_nothing() {
    assert_eq!(environments(&node(WHOLE)), ["staging", "production"]);
    let env = read("development", WHOLE);
    assert!(env.services.is_empty() && env.producers.is_empty() && env.cells.is_empty());
}

#[test]
fn bases_and_environments_are_read_in_any_spelling() {
    let files = [
        "project_name: api\nteam: a\nbase:\n  env_vars: {DB_POOL_SIZE: 5, DB_HOST: db}\nenvironments:\n  production: {env_vars: {DB_POOL_SIZE: 9}}\n",
        "projectName: api\nteam: a\nbaseEnvironment:\n  environmentVariables: [{name: DB_POOL_SIZE, value: 5}, {name: DB_HOST, value: db}]\nenvironments:\n  - name: prod\n    environmentVariables: [{name: DB_POOL_SIZE, value: 9}]\n",
        "service: {name: api}\nteam: a\nenv_vars: {DB_POOL_SIZE: 5, DB_HOST: db}\nenvironments:\n  prod: {env_vars: [{name: DB_POOL_SIZE, value: 9}]}\n",
        "service_name: api\nslack_channel: c\ndefaults:\n  env-vars: {DB_POOL_SIZE: 5, DB_HOST: db}\nproduction:\n  env-vars: {DB_POOL_SIZE: 9}\n",
        "project: api\nteam: a\ncommon:\n  env_vars: [{name: DB_POOL_SIZE, value: 5}, {name: DB_HOST, value: db}]\nenvironments:\n  - {name: production, env_vars: {DB_POOL_SIZE: 9}}\n",
        "project_name: api\nteam: a\nenvironments:\n  base: {env_vars: {DB_POOL_SIZE: 5, DB_HOST: db}}\n  production: {env_vars: {DB_POOL_SIZE: 9}}\n",
        "project_name: api\nteam: a\nbase: {kubernetes: {env_vars: {DB_POOL_SIZE: 5, DB_HOST: db}}}\nenvironments: {production: {kubernetes: {env_vars: {DB_POOL_SIZE: 9}}}}\n",
    ];
    for text in files {
        assert_eq!(environments(&node(text)), ["production"], "{text}");
        let env = read("production", text);
        assert_eq!(env.services[0].name, "api", "{text}");
        assert_eq!(env.pools.len(), 1, "{text}");
        assert_eq!(env.pools[0].size.as_ref().unwrap().value, 9, "{text}");
        assert_eq!(env.pools[0].host.as_ref().unwrap().value, "db", "{text}");
    }
}

#[test]
fn a_file_without_environments_applies_to_all() {
    let text = "project_name: api\nteam: a\nenv_vars: {DB_POOL_SIZE: 5}\n";
    assert!(environments(&node(text)).is_empty());
    assert_eq!(read("anything", text).pools.len(), 1);
}

#[test]
fn each_service_of_a_file_is_a_separate_owner() {
    for services in [
        "services:\n  data-collector: {instances: 2, env_vars: {DB_POOL_SIZE: 20}, autoscaling: {max_replicas: 50}, priority: critical}\n  data-processor: {instances: 3}\n",
        "services:\n  - {name: data-collector, instances: 2, env_vars: {DB_POOL_SIZE: 20}, autoscaling: {max_replicas: 50}, priority: critical}\n  - {name: data-processor, instances: 3}\n",
    ] {
        let text = format!(
            "project_name: clean-platform\nteam: a\nenv_vars: {{KAFKA_PRODUCER_ACKS: \"1\", DB_POOL_SIZE: 5}}\nautoscaling: {{min_replicas: 2}}\nkafka: {{topics: [{{name: platform-events, partitions: 12}}], performance: {{worker_threads: 7}}}}\ncells: [{{name: a, weight: 60}}, {{name: b, weight: 40}}]\nslos: [{{name: availability, target: 99.9}}]\n{services}"
        );
        let env = read("production", &text);
        let names: Vec<_> = env.services.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["data-collector", "data-processor"]);
        let pools: Vec<_> = env.pools.iter().map(|p| p.size.as_ref().unwrap().value).collect();
        assert_eq!(pools, [20, 5]);
        assert_eq!(env.producers.len(), 2);
        let scalers: Vec<_> = env
            .autoscalers
            .iter()
            .map(|a| {
                (
                    a.owner.name.as_deref().unwrap(),
                    a.min.as_ref().unwrap().value,
                    a.max.as_ref().map(|m| m.value),
                )
            })
            .collect();
        assert_eq!(
            scalers,
            [("data-collector", 2, Some(50)), ("data-processor", 2, None)]
        );
        assert_eq!(
            env.services[0].priority.as_ref().unwrap().value,
            Priority::Critical
        );
        assert_eq!((env.topics.len(), env.cells.len(), env.slos.len()), (1, 2, 1));
        assert!(
            env.consumers
                .iter()
                .all(|c| c.workers[0].count.value == 7 && c.owner.name.as_deref() != Some("clean-platform"))
        );
    }
}

#[test]
fn secrets_are_variables_without_a_text() {
    let env = read(
        "production",
        "project_name: api\nteam: a\nenv_vars:\n  DB_PASSWORD: {secret: api-db, key: password}\n  API_TOKEN: vault:secret/api#token\n  LEVEL: info\n  HOST: ${HOST}\nsecrets:\n  - {name: tls, vault_path: secret/tls, mount_path: /etc/tls}\n  - {name: OTHER_PASSWORD, path: secret/other, field: password}\n",
    );
    let uses: Vec<_> = env
        .secret_uses
        .iter()
        .map(|s| (s.name.as_str(), &s.passage))
        .collect();
    let by_name = |secret: &str, key: &str| Passage::EnvironmentReference {
        secret: secret.to_owned(),
        key: key.to_owned(),
    };
    assert_eq!(uses[0], ("DB_PASSWORD", &by_name("api-db", "password")));
    assert_eq!(uses[1], ("API_TOKEN", &by_name("secret/api", "token")));
    assert_eq!(
        uses[2],
        (
            "/etc/tls",
            &Passage::File {
                secret: "secret/tls".to_owned()
            }
        )
    );
    assert_eq!(uses[3], ("OTHER_PASSWORD", &by_name("secret/other", "password")));
    let variables = &env.services[0].variables;
    assert_eq!(
        variables["LEVEL"].value.value,
        VariableValue::Literal("info".to_owned())
    );
    assert!(matches!(variables["HOST"].value.value, VariableValue::Unknown(_)));
    assert!(env.secret_literals.is_empty());
}

#[test]
fn a_secret_in_clear_is_reported_without_its_value() {
    let env = read(
        "production",
        "project_name: api\nteam: a\nenv_vars: {DB_PASSWORD: hunter2hunter2}\n",
    );
    assert_eq!(env.secret_literals.len(), 1);
    assert!(!format!("{:?}", env.secret_literals).contains("hunter2"));
}

#[test]
fn files_of_other_kinds_are_not_read() {
    for text in [
        "apiVersion: v1\nkind: ConfigMap\nproject_name: a\nteam: b\nenv_vars: {}\n",
        "services: {web: {image: nginx, environment: {A: 1}}}\nversion: '3'\n",
        "environments: {default: {values: []}}\nreleases: []\nrepositories: []\ncommonLabels: {}\n",
        "replicaCount: 1\nimage: {repository: a, tag: b}\nautoscaling: {enabled: false}\nresources: {}\nenv: []\n",
        "service: my-service\nprovider: {name: aws}\nfunctions: {}\nenvironments: {}\nenv_vars: {}\n",
        "name: x\nteam: y\n",
        "{\"project_name\": \"x\"}",
        "[1, 2]",
        "stages: [build]\nenvironments: {}\nproject_name: a\nteam: b\n",
    ] {
        assert!(!is_deployment_file(&node(text)), "{text}");
    }
}

proptest! {
    #[test]
    fn no_tree_panics(text in "project_name: a\nteam: b\nenv_vars: ?[\\[{]?(name|value|A|secret|[a-z%:, ]){0,6}[\\]}]?\n(environments|services|base|secrets|kubernetes|instances): ?[\\[{]?(name: a|b|prod|[a-z%:, ]){0,5}[\\]}]?") {
        let repo = Repo::default();
        let place = Place { repo: &repo, environment: "production", path: Path::new("a.yml"), completeness: Completeness::Whole };
        let mut env = Parts::default();
        for document in &yaml::parse(&text, FileId(0), 0).documents {
            environments(document);
            interpret(document, place, &mut env);
        }
    }
}
