//! Chains through bases, patches and entries of kustomizations.

use super::{assert_way, of, platform, workload};
use cofferdam_syntax::Layer::{Change, Content, Include, Override, Reference};

const BASE: &[(&str, &str)] = &[
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
metadata:
  name: web
spec:
  replicas: 2
  template:
    spec:
      terminationGracePeriodSeconds: 60
      containers:
        - name: web
          image: registry.example/web:1.0
          resources:
            requests:
              memory: 256Mi
            limits:
              memory: 512Mi
              cpu: '1'
          env:
            - name: LOG_LEVEL
              value: debug
",
    ),
    (
        "region/kustomization.yaml",
        "namePrefix: eu-
resources:
  - ../base
patches:
  - path: memory.yaml
  - target:
      kind: Deployment
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 4
      - op: replace
        path: /spec/template/spec/terminationGracePeriodSeconds
        value: 90
",
    ),
    (
        "region/memory.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          resources:
            requests:
              memory: 300Mi
            limits:
              memory: 1Gi
",
    ),
    (
        "overlays/prod/kustomization.yaml",
        "resources:
  - ../../region
components:
  - ../../quiet
images:
  - name: registry.example/web
    newTag: '2.1'
replicas:
  - name: eu-web
    count: 9
patches:
  - path: memory.yaml
",
    ),
    (
        "overlays/prod/memory.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: eu-web
spec:
  template:
    spec:
      containers:
        - name: web
          resources:
            limits:
              memory: 2Gi
",
    ),
    (
        "quiet/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  - path: level.yaml
",
    ),
    (
        "quiet/level.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          env:
            - name: LOG_LEVEL
              value: warn
",
    ),
];

#[test]
fn three_levels_of_kustomizations_are_three_levels() {
    let platform = platform(BASE);
    let web = workload(&platform, "eu-web");
    let container = &web.containers[0];
    // Unchanged values came in through each level.
    assert_way(
        &platform,
        of(&container.cpu_limit),
        "base/web.yaml:18",
        &[
            (Include, "base/kustomization.yaml:2"),
            (Include, "region/kustomization.yaml:3"),
            (Include, "overlays/prod/kustomization.yaml:2"),
        ],
    );
    // A prefix is added to the name at the place of the prefix.
    assert_way(
        &platform,
        web.span,
        "base/web.yaml:4",
        &[
            (Include, "base/kustomization.yaml:2"),
            (Include, "region/kustomization.yaml:3"),
            (Change, "region/kustomization.yaml:1"),
            (Include, "overlays/prod/kustomization.yaml:2"),
        ],
    );
}

#[test]
fn the_chain_of_a_patch_has_the_replaced_value_and_the_entry_that_includes_it() {
    let platform = platform(BASE);
    let web = workload(&platform, "eu-web");
    let container = &web.containers[0];
    // From the middle level, over the base.
    assert_way(
        &platform,
        of(&container.memory_request),
        "region/memory.yaml:12",
        &[
            (Include, "region/kustomization.yaml:5"),
            (Override, "base/web.yaml:15"),
            (Include, "overlays/prod/kustomization.yaml:2"),
        ],
    );
    // From the last level, over the middle, over the base.
    assert_way(
        &platform,
        of(&container.memory_limit),
        "overlays/prod/memory.yaml:12",
        &[
            (Include, "overlays/prod/kustomization.yaml:12"),
            (Override, "base/web.yaml:17"),
            (Override, "region/memory.yaml:14"),
        ],
    );
    // Written inside the kustomization.
    assert_way(
        &platform,
        of(&web.grace),
        "region/kustomization.yaml:14",
        &[
            (Content, "region/kustomization.yaml:9"),
            (Override, "base/web.yaml:9"),
            (Include, "overlays/prod/kustomization.yaml:2"),
        ],
    );
    // Of a component.
    assert_way(
        &platform,
        container.variables["LOG_LEVEL"].value.span().unwrap(),
        "quiet/level.yaml:12",
        &[
            (Include, "quiet/kustomization.yaml:4"),
            (Include, "overlays/prod/kustomization.yaml:4"),
            (Override, "base/web.yaml:21"),
        ],
    );
}

#[test]
fn entries_of_a_kustomization_override_the_base() {
    let platform = platform(BASE);
    let web = workload(&platform, "eu-web");
    assert_way(
        &platform,
        of(&web.replicas),
        "overlays/prod/kustomization.yaml:10",
        &[
            (Override, "base/web.yaml:6"),
            (Override, "region/kustomization.yaml:11"),
        ],
    );
    let image = web.containers[0].image.as_ref().unwrap();
    assert_way(
        &platform,
        of(&image.tag),
        "overlays/prod/kustomization.yaml:7",
        &[(Override, "base/web.yaml:12")],
    );
}

#[test]
fn an_application_overrides_the_build_that_it_deploys() {
    let app = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
spec:
  source:
    repoURL: git
    path: overlays/prod
    kustomize:
      replicas:
        - name: eu-web
          count: 20
";
    let platform = platform(&[BASE, &[("apps/shop.yaml", app)]].concat());
    let web = workload(&platform, "eu-web");
    assert_way(
        &platform,
        of(&web.replicas),
        "apps/shop.yaml:12",
        &[
            (Override, "base/web.yaml:6"),
            (Override, "region/kustomization.yaml:11"),
            (Override, "overlays/prod/kustomization.yaml:10"),
        ],
    );
}

#[test]
fn a_replacement_is_a_reference_that_overrides_its_target() {
    let platform = platform(&[
        (
            "k/kustomization.yaml",
            "resources: [web.yaml, limits.yaml]
replacements:
  - source:
      kind: ConfigMap
      fieldPath: data.grace
    targets:
      - select: {kind: Deployment}
        fieldPaths: [spec.template.spec.terminationGracePeriodSeconds]
",
        ),
        (
            "k/web.yaml",
            "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 30
      containers: [{name: web, image: x}]
",
        ),
        (
            "k/limits.yaml",
            "apiVersion: v1
kind: ConfigMap
metadata: {name: limits}
data:
  grace: '75'
",
        ),
    ]);
    let web = &platform.environments[0].workloads[0];
    assert_way(
        &platform,
        of(&web.grace),
        "k/limits.yaml:5",
        &[
            (Include, "k/kustomization.yaml:1"),
            (Reference, "k/kustomization.yaml:5"),
            (Override, "k/web.yaml:7"),
        ],
    );
}
