//! Examples that are what a repository deploys: a pipeline or script builds or applies one, and that one is put together
//! from directories outside of itself.

use cofferdam_syntax::repo::{Repo, normalise};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Names of directories that may be such a root.
const EXAMPLES: &[&str] = &["example", "examples", "sample", "samples"];

/// Where pipelines are kept.
const PIPELINES: &[&str] = &[
    ".github",
    ".gitlab",
    ".gitlab-ci.yml",
    ".circleci",
    ".tekton",
    "Jenkinsfile",
];

/// Commands that build or apply the directory that follows.
const COMMANDS: &[&str] = &[
    "kustomize build ",
    "kubectl apply -k ",
    "kubectl create -k ",
    "kubectl kustomize ",
];

/// The directory of examples that is the root of the repository, if it is the only one that pipelines and scripts name.
pub(super) fn example(repo: &Repo) -> Option<PathBuf> {
    let is_here = |name: &&str| repo.has_directory(Path::new(*name));
    EXAMPLES.iter().find(|name| is_here(name))?;
    let mut named: BTreeSet<PathBuf> = BTreeSet::new();
    for (_, id) in repo.own_files().filter(|(path, _)| runs_commands(path)) {
        for line in repo.sources.file(*id).text.lines() {
            for command in COMMANDS {
                let after = line.split(command).skip(1);
                let words = after.filter_map(|rest| rest.split([' ', '|', '`', ')', '"', '\'', ';']).next());
                named.extend(words.map(|word| normalise(Path::new(word))));
            }
        }
    }
    named.retain(|dir| {
        let first = dir.iter().next().and_then(|part| part.to_str());
        first.is_some_and(|name| EXAMPLES.contains(&name))
    });
    let only = named.pop_first().filter(|_| named.is_empty())?;
    let is_whole = only.iter().count() == 1 && is_of_the_repository(repo, &only);
    is_whole.then_some(only)
}

/// Whether a file is a pipeline or a script.
fn runs_commands(path: &Path) -> bool {
    let is_pipeline = path
        .iter()
        .next()
        .and_then(|part| part.to_str())
        .is_some_and(|part| PIPELINES.contains(&part));
    let ending = path.extension().and_then(|e| e.to_str());
    let name = path.file_name().and_then(|n| n.to_str());
    is_pipeline
        || matches!(ending, Some("sh" | "mk"))
        || matches!(name, Some("Makefile" | "Justfile" | "justfile"))
}

/// Whether the kustomization of a directory is put together from directories outside of it.
fn is_of_the_repository(repo: &Repo, dir: &Path) -> bool {
    let files = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    let stream = files.iter().find_map(|name| repo.yaml.get(&dir.join(name)));
    let documents = stream.into_iter().flat_map(|stream| &stream.documents);
    let mut named = documents.flat_map(|node| node.get("resources").map_or(&[][..], Node::items));
    named.any(|item| {
        let written = item.as_str().unwrap_or_default();
        let target = normalise(&dir.join(written));
        written.starts_with("../") && !target.starts_with(dir) && repo.has_directory(&target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(page: &str, kustomization: &str) -> Option<PathBuf> {
        let repo = Repo::from_texts(&[
            (".github/workflows/deploy.yaml", page),
            ("example/kustomization.yaml", kustomization),
            ("apps/web/web.yaml", "a: 1\n"),
        ]);
        example(&repo)
    }

    #[test]
    fn an_example_that_a_pipeline_builds_is_the_root() {
        let own = "resources:\n- ../apps/web\n";
        let wanted = Some(PathBuf::from("example"));
        for page in [
            "while ! kustomize build example | kubectl apply -f -; do sleep 1; done\n",
            "`kubectl apply -k ./example/`\n",
            "kustomize build apps/web | x\nkustomize build example\n",
        ] {
            assert_eq!(root(page, own), wanted, "{page}");
        }
        for page in [
            "run: make\n",
            "See example\n",
            "kustomize build example/a\n",
            "kustomize build example\nkustomize build examples/b\n",
        ] {
            assert_eq!(root(page, own), None, "{page}");
        }
        // An example with manifests of its own shows how a library is used.
        let page = "kustomize build example\n";
        assert_eq!(root(page, "resources: [web.yaml]\n"), None);
        assert_eq!(root(page, "resources: [https://example.org/x]\n"), None);
    }
}
