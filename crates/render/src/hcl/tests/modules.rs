//! Modules, value files, and what else is in a directory.

use super::*;

#[test]
fn local_modules_have_arguments_and_outputs() {
    let files = [
        (
            "live/main.tf",
            r#"
module "db" {
  source = "../modules/db"
  name   = "orders"
}
module "cells" {
  source   = "../modules/db"
  for_each = { eu = 3, us = 5 }
  name     = each.key
  size     = each.value
}
resource "t" "r" {
  a = module.db.label
  b = module.cells["us"].label
  c = module.db.endpoint
}
"#,
        ),
        (
            "modules/db/main.tf",
            r#"
variable "name" { type = string }
variable "size" { default = 1 }
resource "aws_db_instance" "this" {
  identifier = var.name
  size       = var.size
}
output "label" { value = "${var.name}/${var.size}" }
output "endpoint" { value = aws_db_instance.this.endpoint }
"#,
        ),
    ];
    let resources = only(&files);
    let addresses: Vec<&str> = resources.iter().map(|r| r.address.as_str()).collect();
    assert_eq!(
        addresses,
        [
            "t.r",
            "module.cells[\"eu\"].aws_db_instance.this",
            "module.cells[\"us\"].aws_db_instance.this",
            "module.db.aws_db_instance.this",
        ]
    );
    let r = &resources[0].body;
    assert_eq!(r.get("a").unwrap().as_str(), Some("orders/1"));
    assert_eq!(r.get("b").unwrap().as_str(), Some("us/5"));
    assert_eq!(
        reference(r.get("c").unwrap()),
        Some("module.db.aws_db_instance.this.endpoint")
    );
    assert_eq!(resources[1].body.get("size").unwrap().as_i64(), Some(3));
    assert_eq!(resources[1].dir, PathBuf::from("modules/db"));
}

#[test]
fn value_files_make_environments() {
    let main = "variable \"n\" {}\nvariable \"m\" { default = 1 }\nresource \"t\" \"r\" {\n  n = var.n\n  m = var.m\n}\n";
    let terraform = terraform(&[
        ("infra/main.tf", main),
        ("infra/terraform.tfvars", "m = 2\n"),
        ("infra/prod.tfvars", "n = 50\n"),
        ("infra/environments/staging/terraform.tfvars", "n = 5\nm = 3\n"),
    ]);
    let shown: Vec<String> = terraform.roots[0]
        .environments
        .iter()
        .map(|e| {
            let body = &e.resources[0].body;
            format!(
                "{:?} {} {}",
                e.environment,
                show(body.get("n").unwrap()),
                show(body.get("m").unwrap())
            )
        })
        .collect();
    assert_eq!(shown, ["Some(\"production\") 50 2", "Some(\"staging\") 5 3"]);
    // A file beside the root belongs to the root that declares what it sets.
    let terraform = self::terraform(&[
        ("tf/main.tf", main),
        ("other/main.tf", "variable \"z\" {}\n"),
        ("env/prod.tfvars", "n = 7\n"),
    ]);
    let root = terraform.roots.iter().find(|r| r.dir == Path::new("tf")).unwrap();
    assert_eq!(root.environments[0].environment.as_deref(), Some("production"));
    assert_eq!(
        show(root.environments[0].resources[0].body.get("n").unwrap()),
        "7"
    );
}

#[test]
fn a_root_in_an_environments_directory_is_of_that_environment() {
    let terraform = terraform(&[
        (
            "environments/prod/main.tf",
            "module \"a\" {\n  source = \"../../modules/a\"\n  n = 9\n}\n",
        ),
        (
            "environments/staging/main.tf",
            "module \"a\" {\n  source = \"../../modules/a\"\n  n = 2\n}\n",
        ),
        (
            "modules/a/main.tf",
            "variable \"n\" {}\nresource \"t\" \"r\" {\n  x = var.n\n}\n",
        ),
    ]);
    let shown: Vec<String> = terraform
        .roots
        .iter()
        .map(|r| {
            let e = &r.environments[0];
            format!(
                "{:?} {}",
                e.environment,
                show(e.resources[0].body.get("x").unwrap())
            )
        })
        .collect();
    assert_eq!(shown, ["Some(\"production\") 9", "Some(\"staging\") 2"]);
}

#[test]
fn optional_attributes_of_a_typed_variable_have_their_defaults() {
    let node = x(r#"
variable "alerts" {
  type = map(object({
    threshold = number
    duration  = optional(number, 300)
    note      = optional(string)
  }))
  default = { lag = { threshold = "5" } }
}
resource "t" "r" { x = var.alerts }
"#);
    assert_eq!(show(&node), "{lag:{threshold:5,duration:300,note:null}}");
}

#[test]
fn json_configurations_are_the_same() {
    let files = [
        (
            "main.tf.json",
            r#"{
  "variable": {"n": {"default": 3}},
  "locals": {"name": "q-${var.n}"},
  "resource": {"t": {"r": {"x": "${local.name}", "y": "${var.n}", "critical": {"threshold": 5}}}}
}"#,
        ),
        ("prod.tfvars.json", "{\"n\": 8}"),
    ];
    let terraform = terraform(&files);
    assert_eq!(terraform.claimed.len(), 2);
    let values = &terraform.roots[0].environments[0];
    assert_eq!(values.environment.as_deref(), Some("production"));
    let body = &values.resources[0].body;
    assert_eq!(body.get("x").unwrap().as_str(), Some("q-8"));
    assert_eq!(body.get("y").unwrap().as_i64(), Some(8));
    assert_eq!(
        block(body, "critical")
            .unwrap()
            .get("threshold")
            .unwrap()
            .as_i64(),
        Some(5)
    );
}

#[test]
fn a_syntax_error_is_reported_with_its_line_and_hides_no_other_file() {
    let terraform = terraform(&[
        ("a.tf", "resource \"t\" \"r\" {\n  x = = 1\n}\n"),
        ("b.tf", "resource \"t\" \"s\" { x = var.elsewhere }\n"),
    ]);
    assert_eq!(terraform.problems.len(), 1);
    let problem = &terraform.problems[0];
    assert!(
        problem.message.starts_with("HCL syntax error in line 2"),
        "{}",
        problem.message
    );
    assert_eq!(terraform.roots[0].environments[0].resources[0].name, "s");
    // The unreadable file may declare it.
    assert_eq!(terraform.roots[0].environments[0].dangling, []);
}

#[test]
fn terraform_under_another_ending_is_still_read() {
    let text = "# terraform/monitoring/emergency-alerts.tf\nresource \"newrelic_nrql_alert_condition\" \"pool\" {\n  name = \"Pool: used\"\n  critical {\n    threshold = 80\n  }\n}\n";
    for path in ["alerts.yaml", "alerts.hcl"] {
        let terraform = terraform(&[(path, text)]);
        assert_eq!(
            terraform.roots[0].environments[0].resources[0].name, "pool",
            "{path}"
        );
        assert_eq!(terraform.misnamed.len(), 1);
        assert!(terraform.claimed.contains(Path::new(path)));
    }
    let terraform = terraform(&[("deploy.yaml", "resource: [\n"), ("x.yaml", "data: {}\n")]);
    assert!(terraform.claimed.is_empty() && terraform.roots.is_empty());
}

#[test]
fn files_of_the_tree_can_be_included() {
    let node = x_with(
        "x = yamldecode(file(\"${path.module}/topics.yaml\")).topics[0].partitions",
        &[("topics.yaml", "topics:\n  - name: a\n    partitions: 12\n")],
    );
    assert_eq!(node.as_i64(), Some(12));
    let node = x_with(
        "x = templatefile(\"t.env\", { name = \"n\" })",
        &[("t.env", "NAME=${name}\n")],
    );
    assert_eq!(node.as_str(), Some("NAME=n\n"));
}

fn x_with(argument: &str, files: &[(&str, &str)]) -> Node {
    let main = format!("resource \"t\" \"r\" {{\n  {argument}\n}}\n");
    let mut all = vec![("main.tf", main.as_str())];
    all.extend_from_slice(files);
    only(&all)[0].body.get("x").unwrap().clone()
}

/// The argument `x` of the one resource of a configuration whose evaluation is stopped.
fn stopped(text: &str) -> Node {
    let terraform = terraform(&[("main.tf", text)]);
    assert_eq!(terraform.problems.len(), 1);
    let resources = &terraform.roots[0].environments[0].resources;
    resources[0].body.get("x").unwrap().clone()
}

#[test]
fn endless_references_and_unbounded_values_stop() {
    let mut chain = String::from("locals {\n  l0 = 1\n");
    for i in 1..5_000 {
        chain.push_str(&format!("  l{i} = local.l{}\n", i - 1));
    }
    chain.push_str("}\nresource \"t\" \"r\" { x = local.l4999 }\n");
    assert!(show(&x(&chain)).starts_with('?'));
    let mut doubling = String::from("locals {\n  l0 = [1, 2, 3, 4]\n");
    for i in 1..60 {
        let before = i - 1;
        doubling.push_str(&format!("  l{i} = concat(local.l{before}, local.l{before})\n"));
    }
    doubling.push_str("}\nresource \"t\" \"r\" { x = local.l59 }\n");
    assert!(show(&stopped(&doubling)).starts_with('?'));
    // The deepest nesting that the parser accepts, in each step of a chain of references.
    let deep = |inner: &str| format!("{}{inner}{}", "[(".repeat(30), ")][0]".repeat(30));
    let mut chain = String::from("locals {\n  l0 = 1\n");
    for i in 1..60 {
        chain.push_str(&format!("  l{i} = {}\n", deep(&format!("local.l{}", i - 1))));
    }
    chain.push_str("}\nresource \"t\" \"r\" { x = local.l59 }\n");
    assert!(show(&x(&chain)).starts_with('?'));
    let nested = "[for a in range(9999) : [for b in range(9999) : [for c in range(9999) : a]]]";
    let nested = format!("resource \"t\" \"r\" {{ x = length({nested}) }}\n");
    assert!(show(&stopped(&nested)).len() < 100);
}

#[test]
fn value_files_that_set_the_same_names_are_environments() {
    let main = "variable \"n\" {}\nvariable \"zone\" {}\nvariable \"x\" { default = 1 }\nresource \"r\" \"a\" { count_of = var.n }\n";
    let with = |files: &[(&str, &str)]| {
        let mut all = vec![("tf/main.tf", main)];
        all.extend(files);
        let found = terraform(&all);
        let environments = found.roots[0].environments.iter();
        environments
            .map(|v| {
                (
                    v.environment.clone(),
                    v.by.clone().map(|p| p.display().to_string()),
                )
            })
            .collect::<Vec<_>>()
    };
    let named = |name: &str, by: Option<&str>| (Some(name.to_owned()), by.map(str::to_owned));
    assert_eq!(
        with(&[
            ("tf/config/test.tfvars", "n = 1\nzone = 2\n"),
            ("tf/config/production.tfvars.json", "{\"n\": 3, \"zone\": 4}"),
            (
                "tf/config/platform-test.tfvars.json",
                "{\"n\": 5, \"zone\": 6, \"x\": 7}"
            ),
        ]),
        [
            named("platform-test", Some("tf/config/platform-test.tfvars.json")),
            named("production", None),
            named("test", None),
        ]
    );
    assert_eq!(
        with(&[
            ("tf/projects/leap.tfvars", "n = 1\nzone = 2\n"),
            ("tf/projects/hetzner-2i2c.tfvars", "n = 3\nzone = 4\n")
        ]),
        [
            named("hetzner-2i2c", Some("tf/projects/hetzner-2i2c.tfvars")),
            named("leap", Some("tf/projects/leap.tfvars")),
        ]
    );
    // Files that set different names are used together, and nobody can tell in which environment.
    assert_eq!(
        with(&[("tf/net.tfvars", "zone = 2\n"), ("tf/size.tfvars", "n = 3\n")]),
        [(None, None)]
    );
    assert_eq!(with(&[("tf/leap.tfvars", "n = 1\nzone = 2\n")]), [(None, None)]);
}

#[test]
fn a_directory_that_is_named_as_one_environment_may_hold_the_values_of_several() {
    let main = "variable \"n\" {}\nresource \"r\" \"a\" { count_of = var.n }\n";
    let with = |files: &[(&str, &str)]| {
        let main_path = PathBuf::from(files[0].0).with_file_name("main.tf");
        let main_path = main_path.display().to_string();
        let mut all = vec![(main_path.as_str(), main)];
        all.extend(files);
        let found = terraform(&all);
        let environments = found.roots[0].environments.iter();
        environments
            .map(|v| v.environment.clone().unwrap_or_default())
            .collect::<Vec<_>>()
    };
    for dir in ["live", "prod", "envs/prd", "production"] {
        let file = |name: &str| format!("tf/{dir}/{name}");
        let (staging, prod) = (file("staging.tfvars"), file("prod.tfvars"));
        let both = with(&[(&staging, "n = 1\n"), (&prod, "n = 2\n")]);
        assert_eq!(both, ["production", "staging"], "{dir}");
        let inside = (file("config/staging.tfvars"), file("config/production.tfvars"));
        let both = with(&[
            (&file("terraform.tfvars"), ""),
            (&inside.0, "n = 1\n"),
            (&inside.1, "n = 2\n"),
        ]);
        assert_eq!(both, ["production", "staging"], "{dir}");
        // One alone says what the directory says.
        assert_eq!(with(&[(&prod, "n = 2\n")]), ["production"], "{dir}");
    }
}
