//! Chains through ConfigMaps, generators and aliases to the settings that code reads.

use super::{assert_way, of, platform};
use cofferdam_model::Platform;
use cofferdam_model::database::Pool;
use cofferdam_model::workload::ConfigObject;
use cofferdam_syntax::Layer::{Alias, Content, Include, Merge, Override, Reference};

fn pool(platform: &Platform) -> &Pool {
    platform.environments[0].pools.first().expect("a pool")
}

fn config<'p>(platform: &'p Platform, name: &str) -> &'p ConfigObject {
    let mut objects = platform.environments[0].config_objects.iter();
    objects.find(|o| o.id.name == name).expect("a ConfigMap")
}

const CONFIG: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  LEVEL: info
  app.yaml: |
    database:
      url: postgres://db/app
      pool_size: 5
      max_overflow: 10
";

#[test]
fn a_value_in_a_config_map_has_the_entry_in_its_chain() {
    let platform = platform(&[("k8s/conf.yaml", CONFIG)]);
    assert_way(
        &platform,
        of(&pool(&platform).size),
        "k8s/conf.yaml:10",
        &[(Content, "k8s/conf.yaml:8")],
    );
}

#[test]
fn an_entry_of_a_config_map_has_its_kustomizations_in_its_chain() {
    let platform = platform(&[
        ("base/kustomization.yaml", "resources:\n  - conf.yaml\n"),
        ("base/conf.yaml", CONFIG),
        ("prod/kustomization.yaml", "resources:\n  - ../base\n"),
    ]);
    let ways = [
        (Include, "base/kustomization.yaml:2"),
        (Include, "prod/kustomization.yaml:2"),
    ];
    assert_way(
        &platform,
        of(&pool(&platform).overflow),
        "base/conf.yaml:11",
        &[&[(Content, "base/conf.yaml:8")][..], &ways].concat(),
    );
    let level = &config(&platform, "web").data["LEVEL"];
    assert_way(&platform, level.span().unwrap(), "base/conf.yaml:6", &ways);
}

#[test]
fn a_file_that_a_generator_includes_is_content() {
    let platform = platform(&[
        (
            "base/kustomization.yaml",
            "configMapGenerator:
  - name: web
    files:
      - app.yaml
    envs:
      - web.env
",
        ),
        (
            "base/app.yaml",
            "database:\n  url: postgres://db/app\n  pool_size: 7\n",
        ),
        ("base/web.env", "LEVEL=info\n"),
        (
            "prod/kustomization.yaml",
            "resources:
  - ../base
configMapGenerator:
  - name: web
    behavior: merge
    literals:
      - LEVEL=warn
",
        ),
    ]);
    assert_way(
        &platform,
        of(&pool(&platform).size),
        "base/app.yaml:3",
        &[
            (Content, "base/kustomization.yaml:4"),
            (Include, "prod/kustomization.yaml:2"),
        ],
    );
    let level = &config(&platform, "web").data["LEVEL"];
    assert_way(
        &platform,
        level.span().unwrap(),
        "prod/kustomization.yaml:7",
        &[(Override, "base/web.env:1")],
    );
}

#[test]
fn a_variable_refers_to_the_entry_of_a_config_map() {
    let pod = |env: &str| {
        format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  containers:
    - name: web
      image: x
      {env}
"
        )
    };
    let conf = "apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data:
  DB_POOL_SIZE: '5'
  DB_MAX_OVERFLOW: '10'
";
    for env in [
        "envFrom: [{configMapRef: {name: conf}}]",
        "env: [{name: DB_POOL_SIZE, valueFrom: {configMapKeyRef: {name: conf, key: DB_POOL_SIZE}}}]",
    ] {
        let platform = platform(&[
            (
                "k/kustomization.yaml",
                "resources:\n  - web.yaml\n  - conf.yaml\n",
            ),
            ("k/web.yaml", &pod(env)),
            ("k/conf.yaml", conf),
        ]);
        assert_way(
            &platform,
            of(&pool(&platform).size),
            "k/conf.yaml:5",
            &[(Include, "k/kustomization.yaml:3"), (Reference, "k/web.yaml:8")],
        );
    }
}

#[test]
fn an_alias_in_a_base_and_a_merge_key_are_kept() {
    let platform = platform(&[
        (
            "base/kustomization.yaml",
            "resources:
  - web.yaml
",
        ),
        (
            "base/web.yaml",
            "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: a
          image: x
          resources:
            limits: &limits
              memory: 1Gi
        - name: b
          image: y
          resources:
            limits: *limits
        - name: c
          image: z
          resources:
            limits:
              <<: *limits
",
        ),
    ]);
    let containers = &platform.environments[0].workloads[0].containers;
    for (container, link) in containers[1..].iter().zip([(Alias, 17), (Merge, 22)]) {
        assert_way(
            &platform,
            of(&container.memory_limit),
            "base/web.yaml:13",
            &[
                (link.0, &format!("base/web.yaml:{}", link.1)),
                (Include, "base/kustomization.yaml:2"),
            ],
        );
    }
}
