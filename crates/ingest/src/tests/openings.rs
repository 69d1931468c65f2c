//! Where an opening counts: in its own environment, where there is evidence for that, and otherwise in all.

use crate::pipeline::read_files;
use cofferdam_model::{Absence, Platform};

fn platform(files: &[(&str, &str)]) -> Platform {
    read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())))
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

/// Two environments that their paths name.
const BOTH: &[(&str, &str)] = &[("k8s/dev/c.yaml", CONFIG), ("k8s/prod/c.yaml", CONFIG)];

/// The environments in which something is open whose reason has these words, of the platform with one file more.
fn open_in(files: &[(&str, &str)], kind: Absence, words: &str) -> Vec<String> {
    let mut all = BOTH.to_vec();
    all.extend(files);
    let platform = platform(&all);
    let is_open = |env: &&cofferdam_model::Environment| {
        let own = platform
            .scope
            .openings
            .iter()
            .filter(|o| o.reason.contains(words));
        let scope = cofferdam_model::Scope {
            openings: own.cloned().collect(),
            ..cofferdam_model::Scope::default()
        };
        scope.open_for(kind, env.project, &env.name).is_some()
    };
    let open = platform.environments.iter().filter(is_open);
    open.map(|env| env.name.clone()).collect()
}

const ALL: &[&str] = &["development", "production"];
const ONE: &[&str] = &["development"];

#[test]
fn a_file_that_was_not_read_opens_the_environment_of_its_path() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: cache}\nspec: {chart: {spec: {chart: redis, sourceRef: {kind: HelmRepository, name: pantry}}}}\n";
    let operator =
        "apiVersion: example.org/v1\nkind: HarbourApp\nmetadata: {name: parcels}\nspec: {size: 3}\n";
    let flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: far}\nspec: {path: ./gone, sourceRef: {kind: GitRepository, name: other}}\n";
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n  generators: [{clusters: {}}]\n  template: {metadata: {name: x}, spec: {source: {repoURL: r, path: k8s}}}\n";
    for (text, kind, words) in [
        (release, Absence::Service, "the chart redis"),
        (operator, Absence::Workload, "HarbourApp"),
        (
            flux,
            Absence::NetworkPolicy,
            "./gone of other (Kustomization far)",
        ),
        (set, Absence::NetworkPolicy, "generator `clusters`"),
        ("kind: [broken\n", Absence::Alert, "could not be read"),
    ] {
        assert_eq!(open_in(&[("k8s/dev/x.yaml", text)], kind, words), ONE, "{text}");
        assert_eq!(open_in(&[("k8s/x.yaml", text)], kind, words), ALL, "{text}");
    }
    let broken = "resource \"a\" {\n";
    let unread = |path: &str| open_in(&[(path, broken)], Absence::Terraform, "could not be read");
    assert_eq!(unread("k8s/dev/x.tf"), ONE);
    assert_eq!(unread("k8s/x.tf"), ALL);
}

#[test]
fn an_application_opens_the_environment_that_it_names() {
    let app = |name: &str, source: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec: {{source: {{repoURL: r, {source}}}}}\n"
        )
    };
    for (source, kind, words) in [
        ("path: far", Absence::NetworkPolicy, "the directory far"),
        (
            "chart: redis, targetRevision: '1'",
            Absence::Service,
            "the chart redis",
        ),
    ] {
        let of = |name: &str| open_in(&[("a.yaml", &app(name, source))], kind, words);
        assert_eq!(of("web-dev"), ONE, "{source}");
        assert_eq!(of("web"), ALL, "{source}");
        // Nothing else is of that environment, so that it is none.
        assert_eq!(of("web-uat"), ALL, "{source}");
    }
}

#[test]
fn a_root_of_terraform_opens_its_own_environment() {
    let module = "module \"ledger\" {\n  source = \"r.example.org/h/database/aws\"\n}\n";
    let data = "data \"aws_backup_plan\" \"p\" {\n  plan_id = \"x\"\n}\n";
    for (text, kind, words) in [
        (module, Absence::Pooler, "the module ledger"),
        (data, Absence::Backup, "only looked up"),
    ] {
        assert_eq!(open_in(&[("k8s/dev/m.tf", text)], kind, words), ONE, "{text}");
        assert_eq!(open_in(&[("tf/m.tf", text)], kind, words), ALL, "{text}");
    }
}

#[test]
fn a_directory_that_flux_deploys_opens_the_scope_unless_it_is_here() {
    let flux = |path: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: far}}\nspec: {{path: {path}, sourceRef: {{name: other}}}}\n"
        )
    };
    let of = |path: &str| open_in(&[("x.yaml", &flux(path))], Absence::Topic, "was not read");
    assert_eq!(of("./gone"), ALL);
    assert_eq!(of("./k8s/dev"), [""; 0]);
    assert_eq!(of("/k8s"), [""; 0]);
    // A kustomization of kustomize names no path to be deployed.
    let other = flux("./gone").replace("kustomize.toolkit.fluxcd.io", "example.org");
    let open = open_in(&[("x.yaml", &other)], Absence::Topic, "was not read");
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_command_that_installs_a_remote_chart_opens_the_scope() {
    let of = |chart: &str| {
        let text = format!("helm upgrade --install cache {chart}\n");
        open_in(&[("d.sh", &text)], Absence::Service, "the chart")
    };
    assert_eq!(of("bitnami/redis"), ALL);
    assert_eq!(of("oci://r.example.org/redis"), ALL);
    let chart = ("charts/web/Chart.yaml", "apiVersion: v2\nname: web\n");
    let here = [chart, ("d.sh", "helm install web charts/web\n")];
    assert_eq!(open_in(&here, Absence::Service, "the chart"), [""; 0]);
    for here in ["redis", "./redis", "../x/redis", "/redis"] {
        assert_eq!(of(here), [""; 0], "{here}");
    }
}

#[test]
fn workspaces_that_no_file_names_are_told() {
    let notes = |workspace: &str| -> Vec<String> {
        let text = format!(
            "terraform {{\n  backend \"s3\" {{}}\n}}\nlocals {{\n  {workspace}\n}}\nresource \"aws_sqs_queue\" \"a\" {{ name = \"a\" }}\n"
        );
        let found = platform(&[("README.md", ""), ("infra/main.tf", &text)]);
        let notes = found.reading.notes.iter().map(|note| note.message.clone());
        notes.filter(|note| note.contains("workspaces")).collect()
    };
    assert_eq!(
        notes("stage = terraform.workspace"),
        [
            "not known from the files that are read, so what differs between them is not judged: the Terraform workspaces of infra"
        ]
    );
    assert_eq!(notes("# stage = terraform.workspace"), [""; 0]);
    assert_eq!(notes("stage = \"prod\""), [""; 0]);
}

#[test]
fn a_base_that_nothing_uses_opens_nothing_that_is_deployed() {
    let overlay = [
        ("k8s/overlays/dev/kustomization.yaml", "resources: [c.yaml]\n"),
        ("k8s/overlays/dev/c.yaml", CONFIG),
    ];
    let broken = |path: &'static str| {
        let mut files = overlay.to_vec();
        files.push((path, "resources: [gone.yaml]\n"));
        open_in(&files, Absence::Workload, "could not be built").len()
    };
    assert_eq!(broken("k8s/base/left/kustomization.yaml"), 0);
    assert!(broken("k8s/other/kustomization.yaml") > 0);
}

#[test]
fn a_template_that_cannot_be_rendered_opens_the_kinds_that_are_written_in_it() {
    let open = |kind: Absence| {
        let chart = [
            ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            ("c/values.yaml", "a: 1\n"),
            (
                "c/templates/d.yaml",
                "kind: Deployment\nmetadata: {name: a\nspec: {{ end }}\n",
            ),
        ];
        open_in(&chart, kind, "could not be rendered").len()
    };
    assert!(open(Absence::Workload) > 0);
    assert_eq!(open(Absence::NetworkPolicy), 0);
}

#[test]
fn what_a_compose_file_takes_in_from_elsewhere_opens_and_is_named() {
    let text = "include: [../db/compose.yaml]\nservices:\n  api: {image: a, depends_on: [db], env_file: ../api.env}\n";
    let platform = crate::pipeline::read_files([("compose.yaml".into(), text.as_bytes().to_vec())]);
    let env = &platform.environments[0];
    let open = |kind| platform.scope.open_for(kind, env.project, &env.name).is_some();
    for kind in [Absence::Workload, Absence::Variable, Absence::Pooler] {
        assert!(open(kind), "{kind:?}");
    }
    assert!(!open(Absence::DisruptionBudget));
    // The service that it needs may be in what was not read.
    assert_eq!(env.dangling.len(), 0);
    let told: Vec<&str> = platform
        .reading
        .notes
        .iter()
        .map(|n| n.message.as_str())
        .collect();
    let told = told.join("\n");
    assert!(told.contains("2 files that Compose files take in"), "{told}");
    assert!(told.contains("../api.env, ../db/compose.yaml"), "{told}");
    let closed = "services:\n  api: {image: a, depends_on: [db]}\n";
    let platform = crate::pipeline::read_files([("compose.yaml".into(), closed.as_bytes().to_vec())]);
    let env = &platform.environments[0];
    assert!(
        platform
            .scope
            .open_for(Absence::Workload, env.project, &env.name)
            .is_none()
    );
    assert_eq!(env.dangling.len(), 1);
}
