use super::*;
use proptest::prelude::*;

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_files(
        files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())),
    )
}

fn terraform(files: &[(&str, &str)]) -> Terraform {
    read(&repo(files))
}

/// The resources of the only root in its only environment.
fn only(files: &[(&str, &str)]) -> Vec<Resource> {
    let mut terraform = terraform(files);
    assert_eq!(terraform.problems, [], "unreadable");
    assert_eq!(terraform.roots.len(), 1, "{:?}", terraform.roots);
    let mut root = terraform.roots.remove(0);
    assert_eq!(root.environments.len(), 1);
    root.environments.remove(0).resources
}

/// The argument `x` of the one resource that `text` declares.
fn x(text: &str) -> Node {
    let resources = only(&[("main.tf", text)]);
    resources[0].body.get("x").unwrap().clone()
}

/// The value of an expression, as JSON-like text for short tables.
fn value_of(expression: &str) -> String {
    show(&x(&format!("resource \"t\" \"r\" {{\n  x = {expression}\n}}\n")))
}

fn show(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Scalar(s) if s.style == cofferdam_syntax::tree::Style::Plain => s.text.to_string(),
        Value::Scalar(s) => format!("{:?}", s.text),
        Value::Seq(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(",")),
        Value::Map(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{}:{}", k.text, show(v)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Unknown(why) => format!("?{why}"),
    }
}

#[test]
fn expressions_have_the_values_that_terraform_gives_them() {
    let table = [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 / 4", "2.5"),
        ("10 % 4", "2"),
        ("-5", "-5"),
        ("0.9995", "0.9995"),
        ("!true", "false"),
        ("1 < 2 && 2 <= 2", "true"),
        ("\"a\" == \"a\" ? 1 : 2", "1"),
        ("\"5\" == 5", "false"),
        ("5 == 5.0", "true"),
        ("[1, \"b\", true]", "[1,\"b\",true]"),
        ("{ a = 1, \"b\" = 2, (\"c\") = 3 }", "{a:1,b:2,c:3}"),
        ("{ a = 1 }.a", "1"),
        ("{ a = 1 }[\"a\"]", "1"),
        ("[10, 20][1]", "20"),
        ("[{ a = 1 }, { a = 2 }][*].a", "[1,2]"),
        ("\"n-${1 + 1}-${\"z\"}\"", "\"n-2-z\""),
        ("\"${5}\"", "5"),
        ("\"%{ if true }yes%{ else }no%{ endif }\"", "\"yes\""),
        ("\"%{ for i in [1, 2] }<${i}>%{ endfor }\"", "\"<1><2>\""),
        ("\"$${literal}\"", "\"${literal}\""),
        ("[for i in [1, 2, 3] : i * 2 if i != 2]", "[2,6]"),
        ("{ for k, v in { b = 2, a = 1 } : upper(k) => v }", "{A:1,B:2}"),
        (
            "{ for s in [\"ab\", \"ac\", \"b\"] : substr(s, 0, 1) => s... }",
            "{a:[\"ab\",\"ac\"],b:[\"b\"]}",
        ),
        ("[for i, v in [\"a\"] : \"${i}${v}\"]", "[\"0a\"]"),
    ];
    for (expression, wanted) in table {
        assert_eq!(value_of(expression), wanted, "{expression}");
    }
}

#[test]
fn functions_do_what_terraform_documents() {
    let table = [
        ("lookup({ a = 1 }, \"a\", 2)", "1"),
        ("lookup({ a = 1 }, \"b\", 2)", "2"),
        ("merge({ a = 1, b = 1 }, { b = 2 })", "{a:1,b:2}"),
        ("concat([1], [2, 3])", "[1,2,3]"),
        ("toset([\"b\", \"a\", \"b\"])", "[\"a\",\"b\"]"),
        ("tonumber(\"12\")", "12"),
        ("tostring(12)", "\"12\""),
        ("format(\"%s-%03d-%.1f%%\", \"a\", 7, 2.25)", "\"a-007-2.2%\""),
        ("join(\",\", [\"a\", \"b\"])", "\"a,b\""),
        ("split(\",\", \"a,b\")", "[\"a\",\"b\"]"),
        ("coalesce(null, \"\", \"c\")", "\"c\""),
        ("try({ a = 1 }.b, 9)", "9"),
        ("can([1][4])", "false"),
        ("length([1, 2])", "2"),
        ("contains([\"a\"], \"a\")", "true"),
        ("element([\"a\", \"b\"], 3)", "\"b\""),
        ("keys({ b = 1, a = 2 })", "[\"a\",\"b\"]"),
        ("values({ b = 1, a = 2 })", "[2,1]"),
        ("min(3, 1, 2)", "1"),
        ("max([3, 1]...)", "3"),
        ("ceil(1.2)", "2"),
        ("flatten([[1], [2, [3]]])", "[1,2,3]"),
        ("range(3)", "[0,1,2]"),
        ("zipmap([\"a\"], [1])", "{a:1}"),
        ("replace(\"a-b\", \"-\", \"_\")", "\"a_b\""),
        ("jsonencode({ a = [1] })", "{a:[1]}"),
        ("title(\"new relic\")", "\"New Relic\""),
        ("one([])", "?"),
    ];
    for (expression, wanted) in table {
        if wanted == "?" {
            // Null is the same as not set.
            let resources = only(&[(
                "main.tf",
                &format!("resource \"t\" \"r\" {{\n x = {expression}\n}}\n"),
            )]);
            assert!(resources[0].body.get("x").is_none());
        } else {
            assert_eq!(value_of(expression), wanted, "{expression}");
        }
    }
}

#[test]
fn what_only_an_apply_could_tell_is_unknown_and_never_guessed() {
    assert_eq!(
        value_of("timestamp()"),
        "?timestamp() is decided when Terraform runs"
    );
    // An unknown first argument decides nothing about the second.
    assert!(value_of("try(uuid(), 5)").starts_with('?'));
    assert!(value_of("uuid() == \"a\" ? 1 : 2").starts_with('?'));
    // But one side of `&&` may decide alone.
    assert_eq!(value_of("false && uuid() == \"a\""), "false");
    assert!(value_of("[1][7]").starts_with("?Terraform would refuse this"));
    assert!(value_of("1 / 0").starts_with('?'));
}

#[test]
fn references_to_resources_keep_their_address_unless_the_file_values_them() {
    let resources = only(&[(
        "main.tf",
        r#"
resource "aws_db_instance" "main" {
  identifier = "orders"
}
resource "t" "r" {
  a = aws_db_instance.main.endpoint
  b = aws_db_instance.main.identifier
  c = "postgres://${aws_db_instance.main.endpoint}/orders"
  d = data.aws_vpc.v.id
  e = local.db.address
}
data "aws_vpc" "v" {}
locals {
  db = aws_db_instance.main
}
"#,
    )]);
    let r = &resources[1].body;
    assert_eq!(
        reference(r.get("a").unwrap()),
        Some("aws_db_instance.main.endpoint")
    );
    assert_eq!(r.get("b").unwrap().as_str(), Some("orders"));
    assert_eq!(
        reference(r.get("c").unwrap()),
        Some("aws_db_instance.main.endpoint")
    );
    assert_eq!(reference(r.get("d").unwrap()), Some("data.aws_vpc.v.id"));
    assert_eq!(
        reference(r.get("e").unwrap()),
        Some("aws_db_instance.main.address")
    );
    assert_eq!(resources[2].mode, Mode::Data);
}

#[test]
fn spans_point_at_the_place_where_a_value_is_written() {
    let main = "variable \"n\" {\n  default = 120\n}\nresource \"t\" \"r\" {\n  a = var.n\n  b = 1 + 2 + 3\n  nested {\n    c = 60\n  }\n}\n";
    let repo = repo(&[("main.tf", main), ("terraform.tfvars", "n = 300\n")]);
    let terraform = read(&repo);
    let resource = &terraform.roots[0].environments[0].resources[0];
    let text = |node: &Node| {
        let path = repo.sources.path(node.span.file).display().to_string();
        (path, repo.sources.text(node.span).to_owned())
    };
    let body = &resource.body;
    assert_eq!(
        text(body.get("a").unwrap()),
        ("terraform.tfvars".into(), "300".into())
    );
    assert_eq!(
        text(body.get("b").unwrap()),
        ("main.tf".into(), "1 + 2 + 3".into())
    );
    let c = block(body, "nested").unwrap().get("c").unwrap();
    assert_eq!(text(c), ("main.tf".into(), "60".into()));
    assert_eq!(repo.sources.text(resource.span), "resource \"t\" \"r\"");
}

#[test]
fn count_and_for_each_repeat_over_known_values() {
    let resources = only(&[(
        "main.tf",
        r#"
variable "on" { default = false }
resource "a" "none" { count = var.on ? 1 : 0 }
resource "a" "two" {
  count = 2
  x     = count.index
}
resource "a" "set" {
  for_each = toset(["b", "a"])
  x        = each.key
}
resource "a" "map" {
  for_each = { lag = { limit = 100 } }
  x        = "${each.key}-${each.value.limit}"
}
resource "a" "open" {
  for_each = data.http.list.body
  x        = each.key
}
data "http" "list" {}
"#,
    )]);
    let shown: Vec<String> = resources
        .iter()
        .filter(|r| r.mode == Mode::Managed)
        .map(|r| format!("{} {}", r.address, show(r.body.get("x").unwrap())))
        .collect();
    assert_eq!(
        shown,
        [
            "a.two[0] 0",
            "a.two[1] 1",
            "a.set[\"a\"] \"a\"",
            "a.set[\"b\"] \"b\"",
            "a.map[\"lag\"] \"lag-100\"",
            "a.open[*] ?ref:data.http.list.body",
        ]
    );
    let open = resources.iter().find(|r| r.name == "open").unwrap();
    assert!(open.uncertain.is_some() && open.index.is_none());
}

#[test]
fn blocks_are_lists_whether_written_once_often_or_dynamically() {
    let resources = only(&[(
        "main.tf",
        r#"
resource "newrelic_nrql_alert_condition" "c" {
  nrql { query = "SELECT 1" }
  critical {
    threshold          = 5
    threshold_duration = 300
  }
  dynamic "term" {
    for_each = [{ t = 1 }, { t = 2 }]
    content { threshold = term.value.t }
  }
  dynamic "other" {
    for_each = ["z"]
    iterator = it
    content { name = it.value }
  }
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [engine_version, settings[0].tier]
  }
}
"#,
    )]);
    let body = &resources[0].body;
    assert_eq!(show(body.get("nrql").unwrap()), "[{query:\"SELECT 1\"}]");
    assert_eq!(
        block(body, "critical")
            .unwrap()
            .get("threshold_duration")
            .unwrap()
            .as_i64(),
        Some(300)
    );
    assert_eq!(show(body.get("term").unwrap()), "[{threshold:1},{threshold:2}]");
    assert_eq!(show(body.get("other").unwrap()), "[{name:\"z\"}]");
    assert_eq!(show(body.get("lifecycle").unwrap()), "[{prevent_destroy:true}]");
}

#[test]
fn heredocs_lose_their_indent_and_keep_their_place() {
    let main = "resource \"t\" \"r\" {\n  x = <<-EOT\n    SELECT 1\n      FROM Log\n  EOT\n  y = <<EOF\na: 1\nEOF\n}\n";
    let resources = only(&[("main.tf", main)]);
    let body = &resources[0].body;
    assert_eq!(body.get("x").unwrap().as_str(), Some("SELECT 1\n  FROM Log\n"));
    let y = body.get("y").unwrap();
    assert_eq!(y.as_str(), Some("a: 1\n"));
    assert_eq!(&main[y.span.start as usize..y.span.end as usize], "a: 1\n");
}

#[test]
fn local_modules_take_arguments_and_give_outputs() {
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
    // Beside the root: the root that declares what it sets.
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
fn names_that_lead_nowhere_are_told_with_the_nearest_that_exists() {
    let terraform = terraform(&[
        (
            "main.tf",
            r#"
variable "threshold" { default = 1 }
locals {
  a = local.b
  b = local.a
}
module "gone" { source = "./modules/gone" }
module "m" {
  source = "./m"
  nmae   = "x"
}
module "registry" {
  source = "terraform-aws-modules/rds/aws"
  engine = "postgres"
}
resource "t" "r" {
  a = var.treshold
  b = local.a
  c = t.absent.id
  d = module.m.nothing
}
"#,
        ),
        ("m/main.tf", "variable \"name\" { default = \"\" }\n"),
    ]);
    let shown: Vec<String> = terraform.roots[0].environments[0]
        .dangling
        .iter()
        .map(|d| format!("{:?} {} {:?}", d.what, d.name, d.nearest))
        .collect();
    for wanted in [
        "Variable treshold Some(\"threshold\")",
        "Cycle a None",
        "ModuleDirectory modules/gone None",
        "Argument nmae Some(\"name\")",
        "Resource t.absent None",
        "Output nothing None",
    ] {
        assert!(shown.iter().any(|s| s == wanted), "{wanted} in {shown:?}");
    }
    assert_eq!(shown.len(), 6);
    let registry = &terraform.roots[0].environments[0].modules[0];
    assert_eq!(registry.source.as_deref(), Some("terraform-aws-modules/rds/aws"));
    assert_eq!(registry.body.get("engine").unwrap().as_str(), Some("postgres"));
}

#[test]
fn modules_that_call_each_other_are_read_once_and_told() {
    let terraform = terraform(&[
        (
            "a/main.tf",
            "module \"b\" { source = \"../b\" }\nresource \"t\" \"r\" {}\n",
        ),
        ("b/main.tf", "module \"a\" { source = \"../a\" }\n"),
    ]);
    assert_eq!(terraform.roots.len(), 1);
    assert_eq!(
        terraform.roots[0].environments[0].dangling[0].what,
        Missing::Cycle
    );
    assert_eq!(terraform.roots[0].environments[0].resources.len(), 1);
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
fn a_syntax_error_is_told_with_its_line_and_hides_no_other_file() {
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
fn files_of_the_tree_can_be_taken_in() {
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

#[test]
fn references_without_end_and_values_without_bound_stop() {
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
    assert!(show(&x(&doubling)).starts_with('?'));
    // The deepest that the parser takes, in every link of a chain.
    let deep = |inner: &str| format!("{}{inner}{}", "[(".repeat(30), ")][0]".repeat(30));
    let mut chain = String::from("locals {\n  l0 = 1\n");
    for i in 1..60 {
        chain.push_str(&format!("  l{i} = {}\n", deep(&format!("local.l{}", i - 1))));
    }
    chain.push_str("}\nresource \"t\" \"r\" { x = local.l59 }\n");
    assert!(show(&x(&chain)).starts_with('?'));
    let nested = "[for a in range(9999) : [for b in range(9999) : [for c in range(9999) : a]]]";
    assert!(value_of(&format!("length({nested})")).len() < 100);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "(resource \"a\" \"b\" \\{|locals \\{|x = |[a-c.=\\[\\]{}()\"$%<>\\-\n ,:?!*&|0-9~é#/]){0,40}") {
        terraform(&[("main.tf", &text), ("a.tfvars", &text), ("x.yaml", &text)]);
    }

    #[test]
    fn no_expression_panics(expression in "(var\\.a|local\\.b|\\[|\\]|\\{|\\}|\\(|\\)|\"|\\$\\{|%\\{ if |%\\{ endif \\}|for i in |: | \\+ | / |\\?|[0-9]{1,20}|t\\.r\\.x|element|substr|format|range|,|\\.\\*|\\.0|null|true|é){0,24}") {
        let text = format!("variable \"a\" {{ default = [1] }}\nlocals {{\n  b = {expression}\n}}\nresource \"t\" \"r\" {{\n  x = {expression}\n}}\n");
        terraform(&[("main.tf", &text)]);
    }

    #[test]
    fn functions_take_any_arguments(
        name in prop::sample::select(vec!["substr", "slice", "element", "range", "format", "parseint", "pow", "replace", "split", "trim", "title", "index", "zipmap", "chunklist", "lookup", "keys"]),
        args in prop::collection::vec(prop::sample::select(vec!["-1", "0", "99999999999", "1e300", "\"é\"", "\"%d%s%\"", "[]", "[\"a\",1]", "{a=1}", "null", "uuid()"]), 0..4),
    ) {
        value_of(&format!("[{name}({})]", args.join(", ")));
    }
}

/// What is dangling in the roots of these files, as `what name`.
fn dangling(files: &[(&str, &str)]) -> Vec<String> {
    let terraform = terraform(files);
    let roots = terraform.roots.iter().flat_map(|root| &root.environments);
    roots
        .flat_map(|values| &values.dangling)
        .map(|d| format!("{:?} {}", d.what, d.name))
        .collect()
}

#[test]
fn a_name_counts_wherever_it_stands() {
    let nested = "resource \"t\" \"r\" {\n  x = f(concat([], var.a ? [{ y = [{ \"Id\" = var.b }] }] : []), \"${local.c}\")\n  dynamic \"module\" {\n    for_each = [for var in [1] : var.mine]\n    content { z = module.value }\n  }\n}\noutput \"o\" { value = false ? module.d.x : null }\n";
    assert_eq!(
        dangling(&[("main.tf", nested)]),
        ["Variable a", "Local c", "ModuleCall d"],
        "`var` and `module` are bound in the resource, where only what is evaluated is looked at"
    );
    let free = nested.replace("for var in [1] : var.mine", "for v in [1] : v.mine");
    let mut found = dangling(&[("main.tf", &free)]);
    found.sort();
    assert_eq!(found, ["Local c", "ModuleCall d", "Variable a", "Variable b"]);
}

#[test]
fn what_terraform_has_other_words_for_is_no_dangling_name() {
    let found = dangling(&[
        (
            "main.tf",
            "ephemeral \"t\" \"e\" {}\nresource \"t\" \"r\" { x = ephemeral.t.e.y }\nresource \"t\" \"s\" {\n  x = resource.t.r.y\n  y = try(module.m.absent, null)\n  z = can(module.m.absent)\n}\nmodule \"m\" { source = \"./m\" }\n",
        ),
        ("m/main.tf", "output \"o\" { value = 1 }\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
    let found = dangling(&[(
        "main.tf",
        "resource \"t\" \"s\" { x = [resource.t.gone.y, ephemeral.t.gone.y] }\n",
    )]);
    assert_eq!(found, ["Resource t.gone", "Resource ephemeral.t.gone"]);
}

#[test]
fn a_module_that_is_brought_by_other_means_is_elsewhere() {
    let files = [
        (".gitignore", "a/vendor/\n"),
        (".gitmodules", "[submodule \"s\"]\n  path = shared\n"),
        (
            "a/main.tf",
            "module \"v\" { source = \"./vendor/x//y\" }\nmodule \"s\" { source = \"../shared/z\" }\nmodule \"gone\" { source = \"./gone\" }\n",
        ),
    ];
    assert_eq!(dangling(&files), ["ModuleDirectory a/gone"]);
}

#[test]
fn what_terragrunt_writes_is_declared() {
    let main = "resource \"t\" \"r\" {\n  x = [var.stage, local.region, data.t.d.id]\n  y = var.gone\n}\n";
    let own = "generate \"inputs\" {\n  path = \"inputs.tf\"\n  contents = <<-EOF\n    variable \"stage\" {}\n    locals {\n      region = \"${local.r}\"\n    }\n    data \"t\" \"d\" {}\n  EOF\n}\n";
    assert_eq!(
        dangling(&[("a/main.tf", main), ("a/terragrunt.hcl", own)]),
        ["Variable gone"]
    );
    // The same from an included file, into the module that the unit names.
    let including = "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"${get_repo_root()}/modules//m\"\n}\n";
    let through = [
        ("modules/m/main.tf", main),
        ("live/root.hcl", own),
        ("live/prod/terragrunt.hcl", including),
    ];
    assert_eq!(dangling(&through), ["Variable gone"]);
    // What cannot be read proves nothing; what is no file of Terraform changes nothing.
    let opaque = "generate \"x\" {\n  path = \"x.tf\"\n  contents = file(\"x.txt\")\n}\n";
    assert!(dangling(&[("a/main.tf", main), ("a/terragrunt.hcl", opaque)]).is_empty());
    let other = opaque.replace("x.tf", "x.json");
    assert_eq!(
        dangling(&[("a/main.tf", main), ("a/terragrunt.hcl", &other)]).len(),
        4
    );
    assert_eq!(
        dangling(&[("a/main.tf", main), ("b/terragrunt.hcl", opaque)]).len(),
        4
    );
}

#[test]
fn a_module_with_templates_of_its_files_is_not_complete() {
    let main = "resource \"t\" \"r\" { x = var.stage }\n";
    for beside in ["a/variables.tf.j2", "a/variables.tf.tmpl", "stack.tm.hcl"] {
        assert!(
            dangling(&[("a/main.tf", main), (beside, "generate_hcl \"x\" {}")]).is_empty(),
            "{beside}"
        );
    }
    for beside in ["a/user-data.sh.tmpl", "b/variables.tf.j2", "b/stack.tm.hcl"] {
        assert_eq!(
            dangling(&[("a/main.tf", main), (beside, "x")]),
            ["Variable stage"],
            "{beside}"
        );
    }
}
