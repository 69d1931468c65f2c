//! A value that came through layers keeps all of them: the place and the chain of each value are compared
//! with those written by hand from the files. The values are those of the model, which rules and reports use.

use crate::pipeline::read_files;
use cofferdam_model::database::{Database, Pool};
use cofferdam_model::workload::{ConfigObject, Workload};
use cofferdam_model::{Fact, Platform, Span};
use cofferdam_syntax::Layer::{self, Alias, Argument, Change, Content, Include, Merge, Override, Reference};

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// The places of a value, as `path:line` (a text block is at its first line): where it is written, then each
/// that it passed through.
type Way = (String, Vec<(Layer, String)>);

fn way(platform: &Platform, span: Span) -> Way {
    let sources = &platform.sources;
    let shown = |span: Span| {
        let line = sources.position(span).line;
        format!("{}:{line}", sources.path(span.file).display())
    };
    let chain = sources.chains().of(span);
    let links = chain.iter().map(|link| (link.layer, shown(link.span)));
    (shown(span), links.collect())
}

#[track_caller]
fn assert_way(platform: &Platform, span: Span, written: &str, links: &[(Layer, &str)]) {
    let links = links.iter().map(|(layer, place)| (*layer, (*place).to_owned()));
    assert_eq!(way(platform, span), (written.to_owned(), links.collect()));
}

fn of<T>(fact: &Option<Fact<T>>) -> Span {
    fact.as_ref().expect("a value").span().expect("a place")
}

fn workload<'p>(platform: &'p Platform, name: &str) -> &'p Workload {
    let mut workloads = platform.environments.iter().flat_map(|e| &e.workloads);
    workloads.find(|w| w.id.name == name).expect("the workload")
}

fn with_replicas(platform: &Platform, replicas: u32) -> &Workload {
    let mut workloads = platform.environments.iter().flat_map(|e| &e.workloads);
    let is_it = |w: &&Workload| w.replicas.as_ref().is_some_and(|r| r.value == replicas);
    workloads.find(is_it).expect("the workload")
}

fn database(platform: &Platform) -> &Database {
    let mut databases = platform.environments.iter().flat_map(|e| &e.databases);
    databases.next().expect("a database")
}

fn pool(platform: &Platform) -> &Pool {
    platform.environments[0].pools.first().expect("a pool")
}

fn config<'p>(platform: &'p Platform, name: &str) -> &'p ConfigObject {
    let mut objects = platform.environments[0].config_objects.iter();
    objects.find(|o| o.id.name == name).expect("a ConfigMap")
}

// === kustomize ===

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

// === Helm ===

const TEMPLATE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      terminationGracePeriodSeconds: {{ include \"grace\" . }}
      containers:
        - name: a
          image: x
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
";

const CHART: &[(&str, &str)] = &[
    ("charts/service/Chart.yaml", "apiVersion: v2\nname: service\n"),
    (
        "charts/service/values.yaml",
        "replicas: 1
grace: 45
resources:
  limits:
    memory: 512Mi
",
    ),
    ("charts/service/templates/d.yaml", TEMPLATE),
    (
        "charts/service/templates/_grace.tpl",
        "{{- define \"grace\" -}}
{{ .Values.grace }}
{{- end -}}
",
    ),
];

#[test]
fn a_template_passes_on_the_values_of_its_chart() {
    let platform = platform(CHART);
    let web = &platform.environments[0].workloads[0];
    assert_way(
        &platform,
        of(&web.replicas),
        "charts/service/values.yaml:1",
        &[(Reference, "charts/service/templates/d.yaml:5")],
    );
    // Through a named template: first its own expression, then the one that includes it.
    assert_way(
        &platform,
        of(&web.grace),
        "charts/service/values.yaml:2",
        &[
            (Reference, "charts/service/templates/_grace.tpl:2"),
            (Reference, "charts/service/templates/d.yaml:8"),
        ],
    );
    assert_way(
        &platform,
        of(&web.containers[0].memory_limit),
        "charts/service/values.yaml:5",
        &[(Reference, "charts/service/templates/d.yaml:13")],
    );
}

#[test]
fn a_release_overrides_the_values_of_its_chart() {
    let helmfile = "environments: {prod: {}}
---
releases:
  - name: api
    chart: ./charts/service
    values:
      - values/all.yaml
      - values/{{ .Environment.Name }}.yaml
";
    let files = [
        ("helmfile.yaml", helmfile),
        ("values/all.yaml", "replicas: 3\ngrace: 50\n"),
        ("values/prod.yaml", "# more\nreplicas: 9\n"),
    ];
    let platform = platform(&[CHART, &files].concat());
    let api = workload(&platform, "api");
    assert_way(
        &platform,
        of(&api.replicas),
        "values/prod.yaml:2",
        &[
            (Include, "helmfile.yaml:8"),
            (Override, "charts/service/values.yaml:1"),
            (Override, "values/all.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
    assert_way(
        &platform,
        of(&api.grace),
        "values/all.yaml:2",
        &[
            (Include, "helmfile.yaml:7"),
            (Override, "charts/service/values.yaml:2"),
            (Reference, "charts/service/templates/_grace.tpl:2"),
            (Reference, "charts/service/templates/d.yaml:8"),
        ],
    );
}

#[test]
fn a_release_of_flux_overrides_the_values_of_its_chart() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: api}
spec:
  chart: {spec: {chart: ./charts/service, sourceRef: {kind: GitRepository, name: r}}}
  values:
    replicas: 7
";
    let platform = platform(&[CHART, &[("flux/prod/api.yaml", release)]].concat());
    let api = workload(&platform, "api");
    assert_way(
        &platform,
        of(&api.replicas),
        "flux/prod/api.yaml:7",
        &[
            (Override, "charts/service/values.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
}

#[test]
fn files_and_inline_values_of_an_application_override_a_chart() {
    let app = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: api-prod}
spec:
  source:
    repoURL: git
    path: charts/service
    helm:
      valueFiles:
        - big.yaml
      values: |
        grace: 120
";
    let files = [
        ("apps/prod/api.yaml", app),
        ("charts/service/big.yaml", "replicas: 12\n"),
    ];
    let platform = platform(&[CHART, &files].concat());
    let api = with_replicas(&platform, 12);
    assert_way(
        &platform,
        of(&api.replicas),
        "charts/service/big.yaml:1",
        &[
            (Include, "apps/prod/api.yaml:10"),
            (Override, "charts/service/values.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
    assert_way(
        &platform,
        of(&api.grace),
        "apps/prod/api.yaml:12",
        &[
            (Content, "apps/prod/api.yaml:12"),
            (Override, "charts/service/values.yaml:2"),
            (Reference, "charts/service/templates/_grace.tpl:2"),
            (Reference, "charts/service/templates/d.yaml:8"),
        ],
    );
}

#[test]
fn a_parent_chart_passes_arguments_to_its_subcharts() {
    let files = [
        (
            "charts/shop/Chart.yaml",
            "apiVersion: v2
name: shop
dependencies:
  - name: service
    alias: api
    repository: file://../service
",
        ),
        (
            "charts/shop/values.yaml",
            "api:
  replicas: 6
",
        ),
    ];
    let platform = platform(&[CHART, &files].concat());
    let api = with_replicas(&platform, 6);
    assert_way(
        &platform,
        of(&api.replicas),
        "charts/shop/values.yaml:2",
        &[
            (Argument, "charts/shop/Chart.yaml:4"),
            (Override, "charts/service/values.yaml:1"),
            (Reference, "charts/service/templates/d.yaml:5"),
        ],
    );
}

// === Terraform ===

const MODULE: &[(&str, &str)] = &[
    (
        "modules/db/variables.tf",
        "variable \"multi_az\" {
  default = false
}
variable \"version_of\" {}
variable \"tier\" {
  default = \"db.t3.small\"
}
variable \"guarded\" {
  default = true
}
",
    ),
    (
        "modules/db/main.tf",
        "locals {
  tier = var.tier
}
resource \"aws_db_instance\" \"main\" {
  identifier          = \"orders\"
  engine              = \"postgres\"
  engine_version      = var.version_of
  instance_class      = local.tier
  multi_az            = var.multi_az
  deletion_protection = var.guarded
}
",
    ),
    (
        "live/prod/main.tf",
        "variable \"engine\" {
  default = \"14\"
}
variable \"tier\" {
  default = \"db.t3.medium\"
}
module \"db\" {
  source     = \"../../modules/db\"
  version_of = var.engine
  tier       = var.tier
  multi_az   = true
}
",
    ),
    (
        "live/prod/terraform.tfvars",
        "tier = \"db.r6g.large\"
",
    ),
];

#[test]
fn the_default_of_a_variable_is_passed_on_as_an_argument() {
    let platform = platform(MODULE);
    let database = database(&platform);
    assert_way(
        &platform,
        of(&database.version),
        "live/prod/main.tf:2",
        &[
            (Reference, "live/prod/main.tf:9"),
            (Argument, "live/prod/main.tf:7"),
            (Reference, "modules/db/main.tf:7"),
        ],
    );
    // Nobody passes it.
    assert_way(
        &platform,
        of(&database.deletion_protection),
        "modules/db/variables.tf:9",
        &[(Reference, "modules/db/main.tf:10")],
    );
}

#[test]
fn a_value_file_and_an_argument_override_defaults() {
    let platform = platform(MODULE);
    let database = database(&platform);
    assert_way(
        &platform,
        of(&database.tier),
        "live/prod/terraform.tfvars:1",
        &[
            (Override, "live/prod/main.tf:5"),
            (Reference, "live/prod/main.tf:10"),
            (Argument, "live/prod/main.tf:7"),
            (Override, "modules/db/variables.tf:6"),
            (Reference, "modules/db/main.tf:2"),
            (Reference, "modules/db/main.tf:8"),
        ],
    );
    assert_way(
        &platform,
        of(&database.multi_zone),
        "live/prod/main.tf:11",
        &[
            (Argument, "live/prod/main.tf:7"),
            (Override, "modules/db/variables.tf:2"),
            (Reference, "modules/db/main.tf:9"),
        ],
    );
}

#[test]
fn a_file_that_terraform_decodes_is_content() {
    let platform = platform(&[
        (
            "live/prod/main.tf",
            "locals {
  settings = yamldecode(file(\"db.yaml\"))
}
resource \"aws_db_instance\" \"main\" {
  identifier = \"orders\"
  multi_az   = local.settings.multi_az
}
",
        ),
        ("live/prod/db.yaml", "# ours\nmulti_az: true\n"),
    ]);
    assert_way(
        &platform,
        of(&database(&platform).multi_zone),
        "live/prod/db.yaml:2",
        &[
            (Content, "live/prod/main.tf:2"),
            (Reference, "live/prod/main.tf:6"),
        ],
    );
}

// === ConfigMap content ===

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
