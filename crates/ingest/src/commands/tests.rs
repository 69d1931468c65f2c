use super::found::Commands;
use super::read;
use crate::scope::Projects;
use cofferdam_render::selected::Selected;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Value};
use std::path::{Path, PathBuf};

fn commands(files: &[(&str, &str)]) -> Commands {
    let repo = Repo::from_texts(files);
    let selected = Selected::of(&repo, &|_, _| true);
    read(&repo, &Projects::of(&repo, &|_| false), &selected)
}

const HERE: &[(&str, &str)] = &[
    ("charts/a/Chart.yaml", "apiVersion: v2\nname: a\n"),
    ("charts/a/prod.yaml", "x: 1\n"),
    ("k8s/base/kustomization.yaml", "resources: []\n"),
    ("infra/prod/main.tf", "\n"),
    ("infra/prod/a.tfvars", "\n"),
];

fn with(path: &str, text: &str) -> Commands {
    let mut files = HERE.to_vec();
    files.push((path, text));
    commands(&files)
}

#[test]
fn a_helm_command_gives_chart_values_and_namespace() {
    let command =
        "helm upgrade --install web ./charts/a -f charts/a/prod.yaml --set a.b=1,c=2 -n shop --wait";
    for (path, text) in [
        ("deploy.sh", command.to_owned()),
        ("Makefile", format!("deploy:\n\t{command}\n")),
        (
            ".github/workflows/d.yaml",
            format!("jobs: {{d: {{steps: [{{run: '{command}'}}]}}}}\n"),
        ),
        (".gitlab-ci.yml", format!("d:\n  script:\n    - {command}\n")),
        (
            "cloudbuild.yaml",
            format!(
                "steps: [{{name: gcr.io/x/helm, args: {:?}}}]\n",
                command.split(' ').skip(1).collect::<Vec<_>>()
            ),
        ),
        (
            "scripts/d.sh",
            command.replace("charts/a", "$ROOT/charts/a").replace("./$", "$"),
        ),
    ] {
        let found = with(path, &text);
        let release = &found.releases[0];
        let set: Vec<(&str, Option<&str>)> = release.set.iter().map(|(p, v)| (&**p, v.as_str())).collect();
        assert_eq!(release.name.as_str(), Some("web"), "{path}");
        assert_eq!(release.dir.as_deref(), Some(Path::new("charts/a")), "{path}");
        assert_eq!(release.files, [PathBuf::from("charts/a/prod.yaml")], "{path}");
        assert_eq!(set, [("a.b", Some("1")), ("c", Some("2"))], "{path}");
        assert_eq!(
            release.namespace.as_ref().and_then(Node::as_str),
            Some("shop"),
            "{path}"
        );
        assert!(release.known, "{path}");
    }
}

#[test]
fn dry_runs_and_test_clusters_are_not_deployments() {
    let install = "helm upgrade --install web charts/a\n";
    let installs = |path: &str, text: &str| !with(path, text).releases.is_empty();
    assert!(installs("d.sh", install));
    for trial in [
        "helm template web charts/a\n",
        "helm template web charts/a | kubeconform -\n",
        "helm template web charts/a | kubectl apply --dry-run=server -f -\n",
        "helm upgrade --install web charts/a --dry-run\n",
        "helm lint charts/a\n",
    ] {
        assert!(!installs("d.sh", trial) || trial.contains("kubectl"), "{trial}");
    }
    assert!(installs(
        "d.sh",
        "helm template web charts/a -f charts/a/prod.yaml | kubectl apply -f -\n"
    ));
    assert!(installs("d.sh", &install.replace("\n", " --dry-run=none\n")));
    // A cluster that the script or the job makes is there for a test.
    assert!(!installs("up.sh", &format!("kind create cluster\n{install}")));
    let job = |step: &str| {
        format!(
            "jobs:\n  a:\n    steps:\n      - {step}\n      - run: {install}  b:\n    steps: [{{run: make}}]\n"
        )
    };
    assert!(!installs(
        ".github/workflows/t.yaml",
        &job("uses: helm/kind-action@v1")
    ));
    assert!(!installs(
        ".github/workflows/t.yaml",
        &job("run: k3d cluster create x")
    ));
    assert!(installs(
        ".github/workflows/t.yaml",
        &job("uses: azure/setup-helm@v4")
    ));
    // A script of tests deploys nothing of the platform.
    assert!(!installs("tests/up.sh", install));
    let kubectl = |text: &str| with("d.sh", text).directories.len();
    assert_eq!(
        (
            kubectl("kubectl apply -f k8s\n"),
            kubectl("kubectl apply -f k8s --dry-run=client\n")
        ),
        (1, 0)
    );
}

#[test]
fn manifests_from_elsewhere_are_remembered() {
    let found = with("d.sh", "kubectl apply -f https://example.com/a.yaml\n");
    assert_eq!(found.remote.len(), 1);
}

#[test]
fn shell_variables_are_unknown() {
    let known = |rest: &str| with("d.sh", &format!("helm install web charts/a {rest}\n")).releases[0].known;
    assert!(known("--set a=1"));
    // One value that is not known leaves all others as they are.
    assert!(known("--set a=$TAG"));
    assert!(known("--set-string 'a.b[0].c=x,d={x,y}'"));
    assert!(!known("--set $NAME=1"));
    assert!(!known("--set $ALL"));
    assert!(!known("$ARGS"));
    assert!(!known("-f values-$ENV.yaml"));
    assert!(!known("-f gone.yaml"));
    assert!(
        with("d.sh", "helm install web bitnami/redis\n").releases[0]
            .dir
            .is_none()
    );
    assert!(with("d.sh", "helm lint charts/a\n").releases.is_empty());
    // The chart of the directory that the command runs in.
    let own = |path: &str| with(path, "helm install web .\n").releases[0].dir.clone();
    assert_eq!(own("charts/a/d.sh"), Some(PathBuf::from("charts/a")));
}

#[test]
fn options_set_values_by_path_and_what_the_shell_knows_is_unknown() {
    let set = |options: &str| {
        let found = with(
            "d.sh",
            &format!("helm upgrade --install web charts/a {options}\n"),
        );
        let [release] = found.releases.as_slice() else {
            panic!("{options}")
        };
        assert_eq!(release.name.as_str(), Some("web"), "{options}");
        let shown = |node: &Node| match &node.value {
            Value::Seq(items) => format!("{:?}", items.iter().map(Node::as_str).collect::<Vec<_>>()),
            _ => node.as_str().unwrap_or("?").to_owned(),
        };
        let set = release.set.iter();
        let set: Vec<String> = set
            .map(|(path, node)| format!("{path}={}", shown(node)))
            .collect();
        set.join(" ")
    };
    for (options, wanted) in [
        ("--set image.tag=$TAG --set b=2", "image.tag=? b=2"),
        ("--set-string image.tag=\"${TAG}\"", "image.tag=?"),
        (
            "--set image.tag=${{ needs.build-image.outputs.tag }}",
            "image.tag=?",
        ),
        ("--set=image.tag=`git rev-parse`,b=2", "image.tag=? b=2"),
        ("--set image=$REGISTRY/web", "image=?"),
        (
            "--set 'hosts={a.example.com,b.example.com},c=1'",
            "hosts=[Some(\"a.example.com\"), Some(\"b.example.com\")] c=1",
        ),
        ("--set 'a=x\\,y'", "a=x,y"),
        ("--set 'hosts[0].host=x'", "hosts=?"),
        ("--set 'labels.app\\.io/name=x'", "labels=?"),
        ("--set-json 'a={\"b\": [1, 2]}'", "a=?"),
        ("--set-file key=./key.pem", "key=?"),
        ("$EXTRA_ARGS --set b=2", "b=2"),
    ] {
        assert_eq!(set(options), wanted, "{options}");
    }
}

#[test]
fn a_kubectl_command_gives_the_applied_paths() {
    let found = with(
        "d.sh",
        "kubectl apply -k k8s/base\nkubectl -n shop apply -f k8s\nkubectl apply -f k8s/a.yaml\n",
    );
    assert_eq!(found.kustomizations, [PathBuf::from("k8s/base")].into());
    assert_eq!(found.directories.len(), 1);
    let namespace = found.directories[Path::new("k8s")].as_ref();
    assert_eq!(namespace.and_then(Node::as_str), Some("shop"));
    assert!(
        with("d.sh", "kubectl delete -k k8s/base\n")
            .kustomizations
            .is_empty()
    );
    // A Job of the cluster runs in the cluster.
    let job = "apiVersion: batch/v1\nkind: Job\nspec: {args: ['kubectl apply -k k8s/base']}\n";
    assert!(with("job.yaml", job).kustomizations.is_empty());
}

#[test]
fn terraform_is_run_in_a_directory() {
    let dirs = |path: &str, text: &str| -> Vec<String> {
        let found = with(path, text);
        found
            .terraform
            .keys()
            .map(|dir| dir.display().to_string())
            .collect()
    };
    assert_eq!(dirs("d.sh", "cd infra/prod && terraform apply\n"), ["infra/prod"]);
    assert_eq!(
        dirs("d.sh", "terraform -chdir=infra/prod apply\n"),
        ["infra/prod"]
    );
    let step = "jobs: {d: {steps: [{run: terraform apply, working-directory: infra/prod}]}}\n";
    assert_eq!(dirs(".github/workflows/d.yaml", step), ["infra/prod"]);
    assert_eq!(
        dirs("infra/prod/Makefile", "apply:\n\tterraform apply\n"),
        ["infra/prod"]
    );
    assert_eq!(dirs("d.sh", "cd infra/prod && terraform fmt\n"), [""; 0]);
}

#[test]
fn arguments_of_terraform_set_variables() {
    let set = |rest: &str| {
        let found = with(
            "d.sh",
            &format!("export TF_VAR_one=1\nterraform -chdir=infra/prod apply {rest}\n"),
        );
        let set = found.terraform[Path::new("infra/prod")].clone();
        (
            set.names.into_iter().collect::<Vec<_>>().join(" "),
            set.unknown_file,
        )
    };
    assert_eq!(set(""), ("one".to_owned(), false));
    assert_eq!(set("-var two=$X"), ("one two".to_owned(), false));
    assert_eq!(set("-var-file=a.tfvars"), ("one".to_owned(), false));
    assert_eq!(set("-var-file=$ENV.tfvars"), ("one".to_owned(), true));
}

#[test]
fn compose_files_of_one_command_are_one_deployment() {
    let mut files = HERE.to_vec();
    files.extend([
        ("compose.yaml", ""),
        ("compose.prod.yaml", ""),
        (
            "up.sh",
            "docker compose -f compose.yaml -f compose.prod.yaml up -d\ndocker-compose up\n",
        ),
    ]);
    let found = commands(&files);
    assert_eq!(
        found.compose,
        [["compose.yaml", "compose.prod.yaml"].map(PathBuf::from)]
    );
}
