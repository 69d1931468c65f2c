//! Which names a variable may have: those that the file which uses it lists.

use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Levels of variables that stand for others.
const MAX_HOPS: usize = 3;

/// The names that the file at `path` lists for a variable: a matrix of a workflow, the choices of an input, a loop or a
/// `case` of a script, the elements of a generator, the values of a chart. Empty where it lists none.
pub(super) fn listed(repo: &Repo, path: &Path, text: &str, variable: &str) -> BTreeSet<String> {
    if let Some(key) = variable.strip_prefix("Values.") {
        return of_chart(repo, path, key);
    }
    let mut found = of_script(text, variable);
    let documents = repo.yaml.get(path).map_or(&[][..], |stream| &stream.documents);
    for document in documents {
        of_document(document, variable, MAX_HOPS, &mut found);
    }
    found
}

/// Values that a chart's files give to a key.
fn of_chart(repo: &Repo, template: &Path, key: &str) -> BTreeSet<String> {
    let Some(chart) = chart_of(repo, template) else {
        return BTreeSet::new();
    };
    let files = repo.yaml.below(&chart);
    let own = files.filter(|(path, _)| path.parent() == Some(chart.as_path()));
    let key = key.replace('.', "/");
    own.filter_map(|(_, stream)| stream.documents.first()?.at(&key)?.as_str())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The chart that a template belongs to.
fn chart_of(repo: &Repo, template: &Path) -> Option<PathBuf> {
    let mut above = template.ancestors().skip(1);
    let templates = above.find(|dir| dir.file_name().is_some_and(|name| name == "templates"))?;
    let chart = templates.parent()?;
    repo.files
        .contains_key(&chart.join("Chart.yaml"))
        .then(|| chart.to_path_buf())
}

/// The words of `for NAME in a b c` and the patterns of `case "$NAME" in a|b)`.
fn of_script(text: &str, variable: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |word: &str| {
        let word = word.trim_matches(['"', '\'', '(', ')']);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !word.is_empty() && word.chars().all(is_plain) {
            found.insert(word.to_owned());
        }
    };
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("for") if words.next() == Some(variable) && words.next() == Some("in") => {
                let listed = words.take_while(|word| *word != "do");
                listed.for_each(|word| add(word.trim_end_matches(';')));
            }
            Some("case") => {
                let of = words.next().unwrap_or_default();
                let of = of.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                if of != variable {
                    continue;
                }
                for line in lines.by_ref().take_while(|line| line.trim() != "esac") {
                    if let Some((alternatives, _)) = line.split_once(')')
                        && !alternatives.contains(['$', '`', '='])
                    {
                        alternatives.split('|').for_each(|word| add(word.trim()));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn of_document(document: &Node, variable: &str, hops: usize, found: &mut BTreeSet<String>) {
    let inputs = ["inputs.", "github.event.inputs."];
    if let Some(key) = variable.strip_prefix("matrix.") {
        each_below(document, "matrix", &mut |matrix| values(matrix, key, found));
    } else if let Some(key) = inputs.iter().find_map(|prefix| variable.strip_prefix(prefix)) {
        each_below(document, "inputs", &mut |inputs| {
            let options = inputs.get(key).and_then(|input| input.get("options"));
            let options = options.map_or(&[][..], Node::items).iter();
            found.extend(options.filter_map(Node::as_str).map(str::to_owned));
        });
    } else if document.get("kind").and_then(Node::as_str) == Some("ApplicationSet") {
        let key = variable.rsplit('.').next().unwrap_or(variable);
        each_below(document, "elements", &mut |elements| values(elements, key, found));
    } else if let Some(key) = variable.rsplit('.').next().filter(|key| !key.is_empty()) {
        // A variable of the environment: what steps and jobs set it to.
        let mut others = BTreeSet::new();
        each_below(document, key, &mut |value| scalars(value, &mut others));
        for text in others {
            let expression = text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
            match expression.map(str::trim) {
                Some(other) if hops > 0 && other != variable => {
                    of_document(document, other, hops - 1, found);
                }
                None if !text.contains(['$', '{']) => {
                    found.insert(text);
                }
                _ => {}
            }
        }
    }
}

/// Visits each value that stands under a key, wherever it is.
fn each_below(node: &Node, key: &str, visit: &mut dyn FnMut(&Node)) {
    match &node.value {
        Value::Map(map) => {
            for (own, value) in map.iter() {
                if &*own.text == key {
                    visit(value);
                }
                each_below(value, key, visit);
            }
        }
        Value::Seq(items) => items.iter().for_each(|item| each_below(item, key, visit)),
        _ => {}
    }
}

/// Values of a key like `env` or `env.name` below a matrix or a list of elements.
fn values(node: &Node, key: &str, found: &mut BTreeSet<String>) {
    let (first, rest) = match key.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (key, None),
    };
    each_below(node, first, &mut |value| match rest {
        Some(rest) => values(value, rest, found),
        None => scalars(value, found),
    });
}

fn scalars(node: &Node, found: &mut BTreeSet<String>) {
    let items = match &node.value {
        Value::Seq(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    found.extend(
        items
            .iter()
            .filter_map(Node::as_str)
            .map(|text| text.trim().to_owned()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str, variable: &str) -> String {
        let repo = Repo::from_files([(PathBuf::from(path), text.as_bytes().to_vec())]);
        let found = listed(&repo, Path::new(path), text, variable);
        found.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_file_lists_the_names_of_its_variables() {
        let workflow = ".github/workflows/d.yaml";
        for (path, text, variable, wanted) in [
            (
                workflow,
                "jobs: {a: {strategy: {matrix: {env: [x, y]}}}}",
                "matrix.env",
                "x y",
            ),
            (
                workflow,
                "jobs: {a: {strategy: {matrix: {include: [{env: x, k: 1}, {env: y}]}}}}",
                "matrix.env",
                "x y",
            ),
            (
                workflow,
                "jobs: {a: {strategy: {matrix: {env: [{name: x}, {name: y}]}}}}",
                "matrix.env.name",
                "x y",
            ),
            (
                workflow,
                "on: {workflow_dispatch: {inputs: {site: {type: choice, options: [x, y]}}}}",
                "inputs.site",
                "x y",
            ),
            (
                workflow,
                "jobs: {a: {env: {SITE: '${{ matrix.site }}'}, strategy: {matrix: {site: [x, y]}}}}",
                "SITE",
                "x y",
            ),
            (
                ".gitlab-ci.yml",
                "a: {variables: {SITE: x}}\nb: {variables: {SITE: y}}",
                "SITE",
                "x y",
            ),
            ("d.sh", "for SITE in x y; do\n  echo\ndone\n", "SITE", "x y"),
            ("d.sh", "for APP in x y; do\n", "SITE", ""),
            (
                "d.sh",
                "case \"$SITE\" in\n  x|y) a=1 ;;\n  *) exit 1 ;;\nesac\n",
                "SITE",
                "x y",
            ),
            (
                "s.yaml",
                "kind: ApplicationSet\nspec: {generators: [{list: {elements: [{site: x}, {site: y}]}}]}",
                "site",
                "x y",
            ),
            ("d.sh", "helm upgrade a b -f values-$1.yaml\n", "SITE", ""),
        ] {
            assert_eq!(of(path, text, variable), wanted, "{text}");
        }
    }
}
