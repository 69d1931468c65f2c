//! What expressions, functions and repetition give, and where it is written.

use super::*;

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
fn values_known_only_after_apply_are_unknown() {
    assert_eq!(
        value_of("timestamp()"),
        "?timestamp() is decided when Terraform runs"
    );
    // An unknown first argument says nothing about the second.
    assert!(value_of("try(uuid(), 5)").starts_with('?'));
    assert!(value_of("uuid() == \"a\" ? 1 : 2").starts_with('?'));
    // But one side of `&&` may decide alone.
    assert_eq!(value_of("false && uuid() == \"a\""), "false");
    assert!(value_of("[1][7]").starts_with("?Terraform would refuse this"));
    assert!(value_of("1 / 0").starts_with('?'));
}

#[test]
fn references_to_resources_keep_their_address_unless_the_file_sets_the_value() {
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
fn single_repeated_and_dynamic_blocks_are_lists() {
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
    fn functions_accept_any_arguments(
        name in prop::sample::select(vec!["substr", "slice", "element", "range", "format", "parseint", "pow", "replace", "split", "trim", "title", "index", "zipmap", "chunklist", "lookup", "keys"]),
        args in prop::collection::vec(prop::sample::select(vec!["-1", "0", "99999999999", "1e300", "\"é\"", "\"%d%s%\"", "[]", "[\"a\",1]", "{a=1}", "null", "uuid()"]), 0..4),
    ) {
        value_of(&format!("[{name}({})]", args.join(", ")));
    }
}
