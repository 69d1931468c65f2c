//! Which directories of Terraform are deployed, and in which environment.

use crate::pipeline::read_files;
use cofferdam_model::DeploymentKind;

/// The deployments of Terraform: root and environment.
fn roots(files: &[(&str, &str)]) -> Vec<String> {
    let platform = read_files(files.iter().map(|(p, t)| ((*p).into(), t.as_bytes().to_vec())));
    let all = platform.scope.deployments.iter();
    let mut shown: Vec<String> = all
        .filter(|d| d.kind == DeploymentKind::Terraform)
        .map(|d| {
            let root = d.root.display().to_string();
            let environment = d.environment.as_deref().unwrap_or("-");
            format!("{root} {environment}").trim().to_owned()
        })
        .collect();
    shown.sort();
    shown
}

const DATABASE: &str =
    "variable \"name\" {}\nresource \"aws_db_instance\" \"main\" {\n  identifier = var.name\n}\n";
const TOPIC: &str = "resource \"aws_sns_topic\" \"t\" {\n  name = \"t\"\n}\n";
const MODULE: (&str, &str) = ("modules/db/main.tf", DATABASE);
const README: (&str, &str) = ("README.md", "");

fn call(source: &str, more: &str) -> String {
    format!("module \"db\" {{\n  source = \"{source}\"\n  name = \"main\"\n{more}}}\n")
}

#[test]
fn a_directory_of_an_environment_that_calls_a_module_is_deployed() {
    let calls = call("../../modules/db", "");
    let envs = [
        "tf/envs/dev/main.tf",
        "tf/envs/qa/main.tf",
        "tf/envs/prod/main.tf",
    ];
    let mut files = vec![("tf/modules/db/main.tf", DATABASE), README];
    files.extend(envs.map(|path| (path, calls.as_str())));
    assert_eq!(
        roots(&files),
        [
            "tf/envs/dev development",
            "tf/envs/prod production",
            "tf/envs/qa qa"
        ]
    );
    // Directories that have no word for a stage, and call a module.
    let files = [
        MODULE,
        README,
        ("live/main.tf", ""),
        ("sites/a/main.tf", &calls),
        ("sites/b/main.tf", &calls),
    ];
    assert_eq!(roots(&files), ["sites/a -", "sites/b -"]);
}

#[test]
fn each_sign_that_somebody_runs_terraform_makes_a_root() {
    let of = |more: &[(&str, &str)]| {
        let mut files = vec![README, ("net/main.tf", DATABASE)];
        files.extend(more);
        roots(&files)
    };
    assert_eq!(of(&[]), [""; 0], "a module that nothing calls");
    let root = ["net -"];
    assert_eq!(of(&[("net/p.tf", "provider \"aws\" {}\n")]), root);
    assert_eq!(of(&[("net/b.tf", "terraform {\n  backend \"s3\" {}\n}\n")]), root);
    assert_eq!(of(&[("net/.terraform.lock.hcl", "provider \"x\" {}\n")]), root);
    assert_eq!(of(&[("net/terraform.tfvars", "name = \"a\"\n")]), root);
    assert_eq!(roots(&[("main.tf", TOPIC)]), ["-"], "one file alone");
    assert_eq!(roots(&[README, ("infra/main.tf", TOPIC)]), ["infra -"]);
}

#[test]
fn a_library_of_modules_is_not_deployed() {
    let inner = call("../db", "");
    let output = "output \"id\" {\n  value = aws_sns_topic.t.id\n}\n";
    let topic = format!("{TOPIC}{output}");
    for files in [
        &[MODULE, ("modules/app/main.tf", &*inner), README][..],
        &[("db/main.tf", DATABASE), ("topic/main.tf", &*topic), README],
        &[("modules/topic/main.tf", TOPIC), README],
        &[("terraform-modules/prod/main.tf", DATABASE), README],
        &[
            ("modules/dev/main.tf", TOPIC),
            ("modules/prod/main.tf", TOPIC),
            README,
        ],
        // A published module with its parts.
        &[
            (
                "main.tf",
                &*format!("{}{}{output}", call("./modules/db", ""), topic),
            ),
            MODULE,
            README,
        ],
        // Only values and outputs for others.
        &[("shared/main.tf", "locals {\n  a = 1\n}\n"), README],
    ] {
        assert_eq!(roots(files), [""; 0], "{files:?}");
    }
}

#[test]
fn siblings_and_arguments_of_modules_name_the_environment() {
    let prod = call("../../modules/db", "  environment = \"prod\"\n");
    let staging = call("../../modules/db", "  environment = \"staging\"\n");
    let module = (
        "modules/db/main.tf",
        &*format!("{DATABASE}variable \"environment\" {{}}\n"),
    );
    let plain = call("../../modules/db", "");
    let both = format!("{prod}{}", staging.replace("\"db\" {", "\"other\" {"));
    let unknown = format!(
        "{}variable \"env\" {{ default = \"prod\" }}\n",
        call("../../modules/db", "  environment = var.env\n")
    );
    let of = |a: &str, b: &str| {
        let names = ["sites/backup-a", "sites/backup-b"];
        let files = [
            README,
            (module.0, module.1),
            ("sites/backup-a/main.tf", a),
            ("sites/backup-b/main.tf", b),
        ];
        let found = roots(&files);
        names.map(|name| {
            found
                .iter()
                .find_map(|row| Some(row.strip_prefix(name)?.trim().to_owned()))
                .unwrap_or_default()
        })
    };
    assert_eq!(of(&prod, &staging), ["production", "staging"]);
    assert_eq!(of(&both, &unknown), ["-", "-"]);
    // One of several calls says nothing of the others.
    let one = format!("{prod}{}", plain.replace("\"db\" {", "\"other\" {"));
    assert_eq!(of(&one, &prod), ["-", "production"]);
    let named =
        |a: &'static str, b: &'static str| roots(&[README, (module.0, module.1), (a, &plain), (b, &plain)]);
    assert_eq!(
        named("tf/backup-prod/main.tf", "tf/backup-staging/main.tf"),
        ["tf/backup-prod production", "tf/backup-staging staging"]
    );
    assert_eq!(
        named("tf/prod-backup/main.tf", "tf/stg-backup/main.tf"),
        ["tf/prod-backup production", "tf/stg-backup staging"]
    );
    // One of a kind proves nothing.
    assert_eq!(
        named("tf/backup-prod/main.tf", "tf/mail-staging/main.tf"),
        ["tf/backup-prod -", "tf/mail-staging -"]
    );
}

#[test]
fn the_only_file_of_values_names_an_environment_that_something_else_shows() {
    let root =
        "provider \"x\" {}\nvariable \"name\" {}\nresource \"aws_sns_topic\" \"t\" {\n  name = var.name\n}\n";
    let values = "name = \"a\"\n";
    let alone = [
        README,
        ("tf/ovh/main.tf", root),
        ("tf/ovh/bids-ovh.tfvars", values),
    ];
    assert_eq!(roots(&alone), ["tf/ovh -"]);
    let mut shown = alone.to_vec();
    shown.extend([
        ("tf/other/main.tf", root),
        ("tf/other/bids-ovh.tfvars", values),
        ("tf/other/gesis.tfvars", values),
        (".github/workflows/deploy.yml", "jobs:\n  d:\n    strategy: {matrix: {cluster: [bids-ovh, gesis]}}\n    steps:\n    - run: helm upgrade --install shop chart -f config/${{ matrix.cluster }}.yaml\n"),
        ("config/bids-ovh.yaml", "a: 1\n"),
        ("config/gesis.yaml", "a: 2\n"),
        ("chart/Chart.yaml", "apiVersion: v2\nname: shop\n"),
    ]);
    assert_eq!(
        roots(&shown),
        ["tf/other bids-ovh", "tf/other gesis", "tf/ovh bids-ovh"]
    );
}

#[test]
fn an_environment_that_only_calls_modules_from_elsewhere_is_deployed() {
    let text = "terraform {\n  backend \"s3\" {}\n}\nvariable \"zone\" { default = null }\nmodule \"dns\" {\n  source = \"registry.example/dns/aws\"\n  zone = var.zone\n}\nresource \"aws_sns_topic\" \"t\" {\n  count = var.zone != null ? 1 : 0\n  name = \"t\"\n}\n";
    let files = [
        ("dns/main.tf", text),
        ("dns/config/development.tfvars.json", "{\"other\": 1}\n"),
        (
            "dns/config/production.tfvars.json",
            "{\"zone\": \"example.net\"}\n",
        ),
    ];
    assert_eq!(roots(&files), ["dns development", "dns production"]);
    let only_calls = text.split("resource").next().unwrap();
    assert_eq!(roots(&[("dns/main.tf", only_calls)]), ["dns -"]);
}
