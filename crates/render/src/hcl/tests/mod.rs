mod cost;
mod modules;
mod names;
mod terragrunt;
mod values;

use super::*;
use proptest::prelude::*;

fn repo(files: &[(&str, &str)]) -> Repo {
    Repo::from_texts(files)
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
