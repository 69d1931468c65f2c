//! Which chart, values and environment an installation has.

use crate::pipeline::read_files;
use cofferdam_model::{DeploymentKind, Platform, ReleaseOf};

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

/// The Helm deployments: name, root and environment, and whether they are a chart's defaults.
fn releases(platform: &Platform) -> Vec<String> {
    let all = platform
        .scope
        .deployments
        .iter()
        .zip((0..).map(cofferdam_model::DeploymentId));
    let mut shown: Vec<String> = all
        .filter(|(d, _)| d.kind == DeploymentKind::Helm)
        .map(|(d, id)| {
            let environment = d
                .environment
                .as_ref()
                .map_or(String::new(), |name| format!(" {name}"));
            let by = if platform.scope.by_default.contains(&id) {
                " by default"
            } else {
                ""
            };
            let name = d.name.as_deref().unwrap_or("-");
            format!("{name} {}{environment}{by}", d.root.display())
        })
        .collect();
    shown.sort();
    shown
}

/// What is told of the release of this name.
fn release<'p>(platform: &'p Platform, name: &str) -> &'p ReleaseOf {
    let mut all = platform.scope.releases.iter();
    let is_it = |id: u32| platform.scope.deployments[id as usize].name.as_deref() == Some(name);
    all.find(|(id, _)| is_it(id.0)).expect("the release").1
}

const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {replicas: '{{ .Values.replicas }}'}\n";

/// Two charts, so that one has to be chosen.
const CHARTS: [(&str, &str); 7] = [
    ("README.md", ""),
    ("charts/api/Chart.yaml", "apiVersion: v2\nname: api\n"),
    ("charts/api/values.yaml", "replicas: 1\n"),
    ("charts/api/templates/d.yaml", TEMPLATE),
    ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\n"),
    ("charts/web/values.yaml", "replicas: 1\n"),
    ("charts/web/templates/d.yaml", TEMPLATE),
];

fn with<'f>(more: &[(&'f str, &'f str)]) -> Platform {
    let mut files: Vec<(&str, &str)> = CHARTS.to_vec();
    files.extend(more);
    platform(&files)
}

const DEFAULT_API: &str = "api charts/api by default";

#[test]
fn a_command_installs_the_chart_that_it_names_with_its_values() {
    let found = with(&[("up.sh", "helm upgrade --install front charts/web\n")]);
    assert_eq!(releases(&found), [DEFAULT_API, "front charts/web"]);
    let of = release(&found, "front");
    assert_eq!(of.by.as_deref(), Some("up.sh".as_ref()));
    assert!(of.values.is_empty());
    let values = [
        ("charts/web/values-prod.yaml", "replicas: 9\n"),
        ("charts/web/values-dev.yaml", "replicas: 2\n"),
    ];
    let command = (
        "up.sh",
        "helm upgrade --install front charts/web -f charts/web/values-prod.yaml\n",
    );
    let found = with(&[values[0], values[1], command]);
    assert_eq!(releases(&found), [DEFAULT_API, "front charts/web production"]);
    let of = release(&found, "front");
    assert_eq!(
        of.values,
        [std::path::PathBuf::from("charts/web/values-prod.yaml")]
    );
    // With other files for environments beside them, it is not known which values an open command takes.
    let open = (
        "up.sh",
        "helm upgrade --install front charts/web -f charts/web/values-$ENV.yaml\n",
    );
    let found = with(&[values[0], values[1], open]);
    let both = ["front charts/web development", "front charts/web production"];
    assert_eq!(releases(&found), [DEFAULT_API, both[0], both[1]]);
}

#[test]
fn an_option_with_a_variable_loses_no_release() {
    let values = [
        ("charts/web/values-production.yaml", "replicas: 9\n"),
        ("charts/web/values-staging.yaml", "replicas: 2\n"),
    ];
    let install =
        "helm upgrade --install live charts/web -n web-production -f charts/web/values-production.yaml";
    for rest in [
        "",
        "--set image.tag=$TAG",
        "--set-string x=$Y",
        "--timeout $TIMEOUT --set image.tag=$(git rev-parse HEAD)",
        "-f \"$EXTRA\"",
        "$EXTRA_ARGS",
    ] {
        let command = format!("{install} {rest}\n");
        let found = with(&[values[0], values[1], ("up.sh", &command)]);
        let live = "live charts/web production";
        assert_eq!(releases(&found), [DEFAULT_API, live], "{rest}");
        let of = release(&found, "live");
        assert_eq!(of.namespace.as_deref(), Some("web-production"), "{rest}");
    }
}

#[test]
fn a_chart_from_elsewhere_is_open_only_where_values_turn_it_on() {
    let open = |production: &str, staging: &str| {
        let found = with(&[
            (
                "charts/shop/Chart.yaml",
                "apiVersion: v2\nname: shop\ndependencies: [{name: redis, repository: 'https://c.example.com', condition: redis.enabled}]\n",
            ),
            ("charts/shop/values.yaml", "redis: {enabled: false}\n"),
            ("charts/shop/values-production.yaml", production),
            ("charts/shop/values-staging.yaml", staging),
        ]);
        let openings = found.scope.openings.iter();
        let of_chart = openings.filter(|o| o.reason.contains("the chart redis"));
        let environments: Vec<String> = of_chart
            .map(|o| o.environment.clone().unwrap_or_else(|| "all".to_owned()))
            .collect();
        environments.join(" ")
    };
    let (on, off) = ("redis: {enabled: true}\n", "redis: {enabled: false}\n");
    assert_eq!(open(on, off), "production");
    assert_eq!(open("a: 1\n", on), "staging");
    assert_eq!(open(on, on), "all");
    assert_eq!(open("a: 1\n", off), "");
}

#[test]
fn pods_of_a_chart_that_was_not_read_are_not_missing() {
    let selects = |selector: &str, on: bool| {
        let budget = format!(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b}}\nspec: {{minAvailable: 1, selector: {{matchLabels: {selector}}}}}\n"
        );
        let values = format!("grafana: {{enabled: {on}}}\n");
        let found = with(&[
            (
                "charts/shop/Chart.yaml",
                "apiVersion: v2\nname: shop\ndependencies: [{name: grafana, repository: 'https://c.example.com', condition: grafana.enabled}]\n",
            ),
            ("charts/shop/values.yaml", &values),
            ("charts/shop/templates/pdb.yaml", &budget),
            (
                "charts/shop/templates/d.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {selector: {matchLabels: {app: shop}}, template: {metadata: {labels: {app: shop, release: live}}, spec: {containers: [{name: a, image: x}]}}}\n",
            ),
            ("up.sh", "helm upgrade --install live charts/shop\n"),
        ]);
        let env = &found.environments[0];
        env.dangling.len()
    };
    assert_eq!(selects("{app: shop}", true), 0);
    assert_eq!(selects("{app: grafana, release: live}", true), 0);
    assert_eq!(selects("{app: grafana, release: live}", false), 1);
    assert_eq!(
        selects(
            "{app.kubernetes.io/instance: live, app.kubernetes.io/component: x}",
            true
        ),
        0
    );
    assert_eq!(selects("{app: mail}", true), 1);
}

#[test]
fn a_file_of_values_is_no_compose_file() {
    let values = ("conf/front.yaml", "services: {a: {image: x}}\n");
    let compose = |files: &[(&str, &str)]| {
        let all = with(files).scope.deployments;
        all.iter().filter(|d| d.kind == DeploymentKind::Compose).count()
    };
    assert_eq!(compose(&[values]), 1);
    let command = (
        "up.sh",
        "helm upgrade --install front charts/web -f conf/front.yaml\n",
    );
    assert_eq!(compose(&[values, command]), 0);
}

#[test]
fn an_application_has_the_files_of_values_that_it_names() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: front}\nspec: {source: {repoURL: r, path: charts/web, helm: {releaseName: front, valueFiles: [big.yaml]}}}\n";
    let found = with(&[("apps/a.yaml", app), ("charts/web/big.yaml", "replicas: 9\n")]);
    assert_eq!(releases(&found), [DEFAULT_API, "front charts/web"]);
    let of = release(&found, "front");
    assert_eq!(of.values, [std::path::PathBuf::from("charts/web/big.yaml")]);
}

#[test]
fn a_library_is_no_deployment() {
    let chart = |kind: &str| {
        let text = format!("apiVersion: v2\nname: c\ntype: {kind}\n");
        let files = [("c/Chart.yaml", text.as_str()), ("c/templates/a.yaml", TEMPLATE)];
        releases(&platform(&files))
    };
    assert_eq!(chart("application"), ["c c by default"]);
    assert!(chart("library").is_empty());
}

#[test]
fn only_what_is_installed_from_elsewhere_is_a_release_from_elsewhere() {
    let config = ("a.yaml", "a: 1\n");
    let command = |chart: &str| {
        let text = format!("helm install cache {chart}\n");
        releases(&platform(&[config, ("up.sh", &text)]))
    };
    assert_eq!(command("pantry/redis"), ["cache up.sh"]);
    for path in ["/redis", "./redis", "redis"] {
        assert!(command(path).is_empty(), "{path}");
    }
    let app = |name: &str| {
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{{name}}}\nspec: {{source: {{repoURL: 'https://r', chart: loki, targetRevision: '1'}}}}\n"
        );
        releases(&platform(&[("apps/a.yaml", &text)]))
    };
    assert_eq!(app("name: logs"), ["logs apps/a.yaml"]);
    assert_eq!(app(""), ["loki apps/a.yaml"]);
    // A dependency is a part of the chart that brings it.
    let chart = [
        (
            "c/Chart.yaml",
            "apiVersion: v2\nname: c\ndependencies: [{name: redis, version: 1, repository: 'https://r'}]\n",
        ),
        ("c/templates/a.yaml", TEMPLATE),
    ];
    let found = platform(&chart);
    assert_eq!(releases(&found), ["c c by default"]);
    assert!(
        found
            .scope
            .openings
            .iter()
            .any(|o| o.reason.contains("the chart redis"))
    );
}

/// A root of Terraform with a `helm_release` of this body.
fn root(body: &str) -> String {
    format!(
        "terraform {{\n  backend \"s3\" {{}}\n}}\nvariable \"given\" {{}}\nresource \"helm_release\" \"front\" {{\n{body}\n}}\n"
    )
}

#[test]
fn terraform_installs_the_chart_that_it_names() {
    let of = |body: &str| with(&[("infra/main.tf", &root(body))]);
    let web = "  chart = \"../charts/web\"\n";
    let known = of(&format!("{web}  name = \"front\"\n  namespace = \"shop\"\n"));
    assert_eq!(releases(&known), [DEFAULT_API, "front charts/web"]);
    assert_eq!(release(&known, "front").namespace.as_deref(), Some("shop"));
    let open = of(&format!("{web}  name = \"front\"\n  namespace = var.given\n"));
    assert_eq!(release(&open, "front").namespace, None);
    // A release whose name is not known is not the one that is known.
    let nameless = of(&format!("{web}  name = var.given\n"));
    assert_eq!(releases(&nameless), [DEFAULT_API, "web charts/web by default"]);
    for chart in ["../charts/web", "redis"] {
        let other = root(&format!("  chart = \"{chart}\"\n  name = \"front\"\n"))
            .replace("helm_release", "helm_chart");
        let found = with(&[("infra/main.tf", &other)]);
        assert_eq!(
            releases(&found),
            [DEFAULT_API, "web charts/web by default"],
            "{chart}"
        );
    }
}

#[test]
fn values_that_terraform_sets_are_all_where_they_can_be_read() {
    let is_default = |body: &str| {
        let text = root(&format!(
            "  chart = \"../charts/web\"\n  name = \"front\"\n{body}"
        ));
        let platform = with(&[("infra/main.tf", &text)]);
        let values = platform
            .sources
            .iter()
            .find(|(_, f)| f.path.ends_with("web/values.yaml"));
        platform
            .scope
            .default_files
            .contains(&values.expect("the values").0)
    };
    assert!(!is_default(""));
    assert!(!is_default("  values = [\"replicas: 3\"]\n"));
    for open in [
        "  values = [\"replicas: {\"]\n",
        "  values = [var.given]\n",
        "  set {\n    name = \"replicas\"\n    value = \"3\"\n  }\n",
    ] {
        assert!(is_default(open), "{open}");
    }
}

#[test]
fn a_base_that_flux_deploys_is_deployed() {
    let defaults = |more: &[(&str, &str)]| {
        let mut files = vec![
            ("README.md", ""),
            ("k8s/base/kustomization.yaml", "resources: [c.yaml]\n"),
            (
                "k8s/base/c.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
            ),
        ];
        files.extend(more);
        platform(&files).scope.by_default.len()
    };
    let flux = |group: &str| {
        format!(
            "apiVersion: {group}/v1\nkind: Kustomization\nmetadata: {{name: x}}\nspec: {{path: ./k8s/base}}\n"
        )
    };
    assert_eq!(defaults(&[]), 1);
    assert_eq!(defaults(&[("x.yaml", &flux("kustomize.toolkit.fluxcd.io"))]), 0);
    assert_eq!(defaults(&[("x.yaml", &flux("example.org"))]), 1);
}

#[test]
fn what_a_base_shares_with_a_build_is_no_default() {
    let config = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let (own, shared) = (config("own"), config("shared"));
    let platform = platform(&[
        ("README.md", ""),
        (
            "base/kustomization.yaml",
            "resources: [own.yaml, ../both/shared.yaml]\n",
        ),
        ("base/own.yaml", &own),
        ("both/shared.yaml", &shared),
        ("web/kustomization.yaml", "resources: [../both/shared.yaml]\n"),
    ]);
    let files = platform.scope.default_files.iter();
    let paths: Vec<String> = files
        .map(|id| platform.sources.path(*id).display().to_string())
        .collect();
    assert_eq!(paths, ["base/own.yaml"]);
}

#[test]
fn what_of_a_chart_is_a_default() {
    let platform = with(&[]);
    let files = platform.scope.default_files.iter();
    let paths: Vec<String> = files
        .map(|id| platform.sources.path(*id).display().to_string())
        .collect();
    assert_eq!(paths, ["charts/api/values.yaml", "charts/web/values.yaml"]);
}

#[test]
fn each_command_of_compose_has_its_own_files() {
    let service = |name: &str| format!("services: {{{name}: {{image: x}}}}\n");
    let (a, b, c) = (service("a"), service("b"), service("c"));
    let all = platform(&[
        ("one.yaml", &a),
        ("two.yaml", &b),
        ("three.yaml", &c),
        (
            "up.sh",
            "docker-compose -f one.yaml up\ndocker-compose -f two.yaml -f three.yaml up\n",
        ),
    ]);
    let roots = all.scope.deployments.iter().map(|d| d.root.display().to_string());
    assert_eq!(roots.collect::<Vec<_>>(), ["one.yaml", "two.yaml"]);
}

#[test]
fn a_release_of_a_chart_without_a_text_for_a_name_has_the_charts_name() {
    let files = [
        ("c/Chart.yaml", "apiVersion: v2\nname: 5\n"),
        ("c/templates/a.yaml", TEMPLATE),
    ];
    assert_eq!(releases(&platform(&files)), ["5 c by default"]);
}

#[test]
fn an_application_in_a_chart_is_not_read_before_its_template_is_filled_in() {
    let app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: 'web-{{ .Values.env }}'}\nspec: {source: {repoURL: r, path: k8s/x}}\n";
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    let found = platform(&[
        ("README.md", ""),
        ("apps/Chart.yaml", "apiVersion: v2\nname: apps\n"),
        ("apps/values.yaml", "env: prod\n"),
        ("apps/templates/a.yaml", app),
        ("k8s/x/c.yaml", config),
    ]);
    let names = found.scope.deployments.iter().filter_map(|d| d.name.as_deref());
    assert!(
        !names.into_iter().any(|name| name.contains("{{")),
        "{:?}",
        found.scope.deployments
    );
}

#[test]
fn manifests_below_a_build_are_a_deployment_of_their_own_directory() {
    let config = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    let (a, b) = (config("a"), config("b"));
    let found = platform(&[
        ("README.md", ""),
        ("k8s/kustomization.yaml", "resources: [a.yaml]\n"),
        ("k8s/a.yaml", &a),
        ("k8s/more/b.yaml", &b),
    ]);
    let roots = found.scope.deployments.iter().map(|d| d.shown());
    assert_eq!(roots.collect::<Vec<_>>(), ["k8s", "k8s/more"]);
}
