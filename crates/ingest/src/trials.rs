//! Pipelines that only try a change. A workflow that runs for pull requests and for nothing else deploys nothing of the
//! platform: it plans, renders and tests, or puts up a preview that goes away again.

use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Events of a pull request.
const PULL_REQUEST: &[&str] = &[
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
    "merge_group",
];

/// The workflows that only try.
#[derive(Debug, Default)]
pub(crate) struct Trials(BTreeSet<PathBuf>);

impl Trials {
    /// Those of `repo`.
    pub(crate) fn of(repo: &Repo) -> Trials {
        let workflows: BTreeMap<&Path, BTreeSet<String>> = (repo.yaml.iter())
            .filter(|(path, _)| is_workflow(path))
            .map(|(path, stream)| (path.as_path(), stream.documents.iter().flat_map(events).collect()))
            .collect();
        let mut found = Trials::default();
        // What one workflow calls, it tries; so each round may find more.
        loop {
            let is_trial = |(path, events): &(&&Path, &BTreeSet<String>)| {
                let is_called = events.contains("workflow_call");
                let mut others = events.iter().filter(|event| *event != "workflow_call");
                !events.is_empty()
                    && others.all(|event| PULL_REQUEST.contains(&event.as_str()))
                    && (!is_called || found.calls_all(repo, &workflows, path))
            };
            let new: Vec<PathBuf> = (workflows.iter())
                .filter(|(path, _)| !found.holds(path))
                .filter(is_trial)
                .map(|(path, _)| path.to_path_buf())
                .collect();
            if new.is_empty() {
                return found;
            }
            found.0.extend(new);
        }
    }

    /// Whether a file only tries.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.0.contains(path)
    }

    /// Whether a workflow is called here, and only by workflows that try.
    fn calls_all(&self, repo: &Repo, workflows: &BTreeMap<&Path, BTreeSet<String>>, called: &Path) -> bool {
        let Some(name) = called.file_name().and_then(|name| name.to_str()) else {
            return false;
        };
        let name = format!(".github/workflows/{name}");
        let calls =
            |path: &&&Path| **path != called && repo.text(path).is_some_and(|text| text.contains(&name));
        let mut callers = workflows.keys().filter(calls).peekable();
        callers.peek().is_some() && callers.all(|caller| self.holds(caller))
    }
}

fn is_workflow(path: &Path) -> bool {
    let parent = path.parent().unwrap_or(Path::new(""));
    parent.ends_with(".github/workflows")
}

/// The events that start a workflow. One that a merged pull request starts is started by the merge.
fn events(document: &Node) -> Vec<String> {
    let Some(on) = document.get("on").or_else(|| document.get("true")) else {
        return Vec::new();
    };
    let text = |node: &Node| node.as_str().map(str::to_owned);
    match &on.value {
        Value::Map(map) => map
            .iter()
            .map(|(event, of)| {
                let types = of.get("types").map_or(&[][..], Node::items);
                let closed = types.iter().any(|of| of.as_str() == Some("closed"));
                match closed {
                    true => "merge".to_owned(),
                    false => event.text.to_string(),
                }
            })
            .collect(),
        Value::Seq(items) => items.iter().filter_map(text).collect(),
        _ => text(on).into_iter().collect(),
    }
}

/// Whether a job or step runs for pull requests only.
pub(crate) fn is_trial(job: &Node) -> bool {
    let of_github = |condition: &str| {
        let plain: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
        plain.contains("github.event_name=='pull_request'") && !plain.contains("||")
    };
    let of_gitlab = |condition: &str| condition.contains("merge_request_event") && !condition.contains("||");
    let all = |items: &[Node], holds: &dyn Fn(&Node) -> bool| !items.is_empty() && items.iter().all(holds);
    let only = job.get("only").map(|only| only.get("refs").unwrap_or(only));
    job.get("if").and_then(Node::as_str).is_some_and(of_github)
        || only.is_some_and(|only| all(only.items(), &|item| item.as_str() == Some("merge_requests")))
        || job.get("rules").is_some_and(|rules| {
            let is_of = |rule: &Node| rule.get("if").and_then(Node::as_str).is_some_and(of_gitlab);
            all(rules.items(), &is_of)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::FileId;
    use cofferdam_syntax::yaml;

    fn trials(files: &[(&str, &str)]) -> Vec<String> {
        let repo = Repo::from_files(files.iter().map(|(name, text)| {
            let path = format!(".github/workflows/{name}");
            (PathBuf::from(path), text.as_bytes().to_vec())
        }));
        let found = Trials::of(&repo).0;
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        found.iter().map(name).collect()
    }

    #[test]
    fn a_workflow_for_pull_requests_alone_is_a_trial() {
        for (on, is_trial) in [
            ("on: pull_request\n", true),
            ("on: [pull_request, merge_group]\n", true),
            ("on: {pull_request: {paths: ['terraform/**']}}\n", true),
            ("on: {pull_request: {types: [opened, closed]}}\n", false),
            ("on: [pull_request, push]\n", false),
            ("on: {pull_request: {}, workflow_dispatch: {}}\n", false),
            ("on: push\n", false),
            ("on: workflow_call\n", false),
            ("jobs: {}\n", false),
        ] {
            assert_eq!(!trials(&[("a.yaml", on)]).is_empty(), is_trial, "{on}");
        }
    }

    #[test]
    fn what_only_trials_call_is_a_trial() {
        let called = ("plan.yaml", "on: workflow_call\n");
        let calls = |on: &str| format!("on: {on}\njobs: {{a: {{uses: ./.github/workflows/plan.yaml}}}}\n");
        let (tries, deploys) = (calls("pull_request"), calls("push"));
        assert_eq!(trials(&[called, ("a.yaml", &tries)]), ["a.yaml", "plan.yaml"]);
        assert_eq!(
            trials(&[called, ("a.yaml", &tries), ("b.yaml", &deploys)]),
            ["a.yaml"]
        );
        assert_eq!(trials(&[called, ("b.yaml", &deploys)]), [""; 0]);
    }

    #[test]
    fn a_job_may_be_a_trial_by_its_condition() {
        for (job, wanted) in [
            ("if: github.event_name == 'pull_request'\n", true),
            ("if: github.event_name == 'pull_request' && !cancelled()\n", true),
            (
                "if: github.event_name == 'pull_request' || github.ref == 'refs/heads/main'\n",
                false,
            ),
            ("if: github.event_name != 'pull_request'\n", false),
            ("only: [merge_requests]\n", true),
            ("only: [merge_requests, main]\n", false),
            ("only: {refs: [merge_requests]}\n", true),
            (
                "rules: [{if: '$CI_PIPELINE_SOURCE == \"merge_request_event\"'}]\n",
                true,
            ),
            (
                "rules: [{if: '$CI_PIPELINE_SOURCE == \"merge_request_event\"'}, {if: '$CI_COMMIT_BRANCH'}]\n",
                false,
            ),
            ("script: [make]\n", false),
        ] {
            let node = yaml::parse(job, FileId(0), 0).documents[0].clone();
            assert_eq!(is_trial(&node), wanted, "{job}");
        }
    }
}
