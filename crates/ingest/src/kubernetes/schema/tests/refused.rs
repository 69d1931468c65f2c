//! Manifests that Kubernetes refuses, one fault each, with the words of the message.

mod fields;
mod network;
mod values;
mod versions;
mod workloads;

use super::*;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n";

const META: &str = "metadata: {name: x}\n";

/// A pod with one container and these further lines in the container.
fn container(lines: &str) -> String {
    let mut text = format!("{POD}  containers:\n  - name: app\n    image: app:1\n");
    for line in lines.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// A Deployment whose `spec` has these further lines.
fn deployment(lines: &str) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\n{META}spec:\n  selector: {{matchLabels: {{app: x}}}}\n  template:\n    \
         metadata: {{labels: {{app: x}}}}\n    spec: {{containers: [{{name: app, image: 'app:1'}}]}}\n"
    );
    for line in lines.lines() {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn of_kind(version: &str, kind: &str, rest: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\n{META}{rest}")
}

/// Each text has exactly the problem that begins with these words.
fn each_has_one(cases: &[(String, &str)]) {
    for (text, words) in cases {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}\n{text}");
        assert!(
            found[0].starts_with(words),
            "{:?} is not {words:?}\n{text}",
            found[0]
        );
    }
}

impl ProblemKind {
    /// The same with a longer path.
    fn below(self, path: &str) -> ProblemKind {
        match self {
            ProblemKind::Misplaced { belongs } => ProblemKind::Misplaced {
                belongs: format!("{path}.{belongs}"),
            },
            other => other,
        }
    }
}
