//! Steps of pipelines that deploy to Cloud Run: scripts of GitHub's and GitLab's jobs, Google's action for
//! it, and Cloud Build's steps.

use super::{Deploy, environment_of, of_arguments, of_words, placed, value};
use crate::facts::NodeFacts as _;
use crate::trials;
use cofferdam_code::shell;
use cofferdam_syntax::tree::{Node, Style, Value};
use cofferdam_syntax::yaml;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads every step of `document`, wherever it is.
pub(super) fn read(path: &Path, document: &Node, text: &str, found: &mut Vec<Deploy>) {
    match &document.value {
        Value::Map(_) if trials::is_trial(document) => {}
        Value::Map(map) => {
            if let Some(deploy) = action(path, document) {
                found.push(deploy);
                return;
            }
            if document.get("name").is_some() || document.get("entrypoint").is_some() {
                found.extend(build(path, document));
            }
            map.iter().for_each(|(_, below)| read(path, below, text, found));
        }
        Value::Seq(items) => items.iter().for_each(|item| read(path, item, text, found)),
        Value::Scalar(scalar) if scalar.text.contains("gcloud") => {
            let lines = match scalar.style {
                Style::Literal => yaml::block_lines(&scalar.text, document.span, text),
                _ => None,
            };
            let place = |range: std::ops::Range<usize>| match &lines {
                Some(lines) => lines.place(document.span.part(range.start, range.end)),
                None => document.span,
            };
            for words in shell::commands(&scalar.text) {
                found.extend(of_words(path, &placed(words, &place)));
            }
        }
        _ => {}
    }
}

/// `uses: google-github-actions/deploy-cloudrun`.
fn action(path: &Path, step: &Node) -> Option<Deploy> {
    let uses = step.get("uses")?.as_str()?;
    if !uses.contains("/deploy-cloudrun") {
        return None;
    }
    let with = step.get("with")?;
    let name = with
        .get("service")?
        .text_fact()
        .filter(|n| !n.value.contains('$'))?;
    let mut flags: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for (input, flag) in [
        ("image", "image"),
        ("region", "region"),
        ("project_id", "project"),
        ("source", "source"),
        ("env_vars", "set-env-vars"),
        ("secrets", "set-secrets"),
        ("timeout", "timeout"),
    ] {
        if let Some(node) = with.get(input) {
            let known = node
                .as_str()
                .is_none_or(|t| !t.contains("${{") || flag == "set-env-vars");
            let node = if known {
                node.clone()
            } else {
                value("$", node.span)
            };
            flags.insert(flag.to_owned(), vec![node]);
        }
    }
    if let Some(more) = with.get("flags").and_then(|n| Some((n, n.as_str()?))) {
        let (node, text) = more;
        for words in shell::commands(&format!("run deploy x {}", text.replace('\n', " "))) {
            let words = placed(words, &|_| node.span);
            if let Some(given) = of_arguments(path, &words) {
                flags.extend(given.flags);
            }
        }
    }
    Some(Deploy {
        path: path.to_path_buf(),
        environment: environment_of(&name.value, &flags),
        span: name.span()?,
        name,
        update: false,
        flags,
    })
}

/// A step of Cloud Build whose program is `gcloud`.
fn build(path: &Path, step: &Node) -> Option<Deploy> {
    let text = |key: &str| step.get(key).and_then(Node::as_str).unwrap_or_default();
    let is_gcloud = text("entrypoint") == "gcloud" || text("name").ends_with("/gcloud");
    let args = step.get("args")?.items();
    if !is_gcloud {
        return None;
    }
    let args: Vec<Node> = args
        .iter()
        .filter_map(|arg| Some(value(arg.as_str()?, arg.span)))
        .collect();
    of_arguments(path, &args)
}
