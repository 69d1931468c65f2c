//! Secrets in clear text in Terraform's files: an argument that a resource gets, whichever value file or
//! default it came from. Values known only at apply (a generated password) do not count.

use super::Context;
use crate::secret_scan;
use cofferdam_model::{Parts, SourceMap, Span};
use cofferdam_render::hcl::{self, Mode};
use cofferdam_syntax::tree::{Node, Style, Value};
use std::collections::BTreeSet;

/// Records every literal secret once, at its place.
pub(super) fn fill(context: &Context<'_>, parts: &mut Parts) {
    let mut seen: BTreeSet<Span> = parts.secret_literals.iter().map(|literal| literal.span).collect();
    // A data source looks up names; its arguments are not secrets.
    let named = |kind: &str| kind.contains("secret_manager_secret") || kind.contains("secretsmanager_secret");
    let looked_up = |r: &&hcl::Resource| r.mode != Mode::Data || !named(&r.kind);
    let resources = context.values.resources.iter().filter(looked_up).map(|r| &r.body);
    let modules = context.values.modules.iter().map(|m| &m.body);
    let providers = context.values.providers.iter().map(|p| &p.body);
    for body in resources.chain(modules).chain(providers) {
        walk("", body, &mut seen, (&mut *parts, &context.place.repo.sources));
    }
}

/// The name before `=` or `:` under which the value at `at` is written: the variable in a value file, else
/// the argument; for a default the variable of its block. `None` for values without a name before them.
fn written_name(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let before = text[line..at].trim_end().strip_suffix(['=', ':'])?;
    let name = before.trim().trim_matches('"');
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name == "default" {
        let block = text[..line].rsplit("variable \"").next()?;
        return block.split('"').next().filter(|name| name.chars().all(is_name));
    }
    (!name.is_empty() && name.chars().all(is_name) && name != "value").then_some(name)
}

fn walk(name: &str, node: &Node, seen: &mut BTreeSet<Span>, (parts, sources): (&mut Parts, &SourceMap)) {
    match &node.value {
        Value::Map(map) => {
            // `{ name = "DB_PASSWORD", value = "…" }`: one value is the name of the other.
            let named = map.get("name").and_then(Node::as_str);
            for (key, value) in map.iter() {
                let name = match named {
                    Some(named) if &*key.text == "value" => named,
                    _ => &key.text,
                };
                walk(name, value, seen, (&mut *parts, sources));
            }
        }
        Value::Seq(items) => {
            for item in items {
                walk(name, item, seen, (&mut *parts, sources));
            }
        }
        Value::Scalar(scalar) if scalar.style == Style::Quoted => {
            if let Some(found) = secret_scan::classify(name, &scalar.text)
                && seen.insert(node.span)
            {
                let file = sources.file(node.span.file);
                let name = written_name(&file.text, node.span.start as usize).unwrap_or(name);
                parts
                    .secret_literals
                    .push(secret_scan::literal(name, &scalar.text, node.span, found));
            }
        }
        Value::Scalar(_) | Value::Null | Value::Unknown(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::terraform::tests::environment;

    #[test]
    fn a_password_in_a_value_file_is_reported_there_and_a_generated_one_is_not() {
        let env = environment(&[
            (
                "main.tf",
                r#"
variable "db_password" { sensitive = true }
resource "random_password" "other" { length = 20 }
resource "aws_db_instance" "a" {
  instance_class = "db.t3.micro"
  username       = "app"
  password       = var.db_password
}
resource "aws_db_instance" "b" {
  instance_class              = "db.t3.micro"
  password                    = random_password.other.result
  manage_master_user_password = true
}
resource "aws_ecs_task_definition" "t" {
  container_definitions = jsonencode([{ environment = [{ name = "DB_PASSWORD", value = var.db_password }] }])
}
"#,
            ),
            ("terraform.tfvars", "db_password = \"kH7-wq2-Zp9x\"\n"),
        ]);
        assert_eq!(env.secret_literals.len(), 1, "{:?}", env.secret_literals);
        assert_eq!(
            env.secret_literals[0].name, "db_password",
            "as it is written there"
        );
        assert_eq!(env.secret_literals[0].span.start, 14);
    }

    #[test]
    fn a_secret_has_the_name_next_to_its_value() {
        let name = |text: &str| super::written_name(text, text.find("\"x\"").unwrap()).map(str::to_owned);
        assert_eq!(name("db_password = \"x\"\n").as_deref(), Some("db_password"));
        assert_eq!(
            name("variable \"a\" {}\nvariable \"db_key\" {\n  default = \"x\"\n}\n").as_deref(),
            Some("db_key")
        );
        assert_eq!(name("e = [{ name = \"K\", value = \"x\" }]"), None);
    }

    #[test]
    fn the_name_of_a_secret_to_look_up_is_not_a_secret() {
        let text = |mode: &str| {
            format!(
                "{mode} \"google_secret_manager_secret_version\" \"s\" {{\n  secret = \"shop--access--h7Gk2pQ9vL9xT4mN7\"\n}}\n"
            )
        };
        assert!(
            environment(&[("main.tf", &text("data"))])
                .secret_literals
                .is_empty()
        );
        assert_eq!(
            environment(&[("main.tf", &text("resource"))])
                .secret_literals
                .len(),
            1
        );
    }
}
