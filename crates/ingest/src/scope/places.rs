//! Places apart from the platform: tests, examples, documentation, archives, templates, code of others. By the path
//! below what was given, so that `check examples/shop` checks all of it.

use cofferdam_model::Apart;
use cofferdam_syntax::environment::before_packages;
use cofferdam_syntax::tree::Node;
use std::path::Path;

/// Names of directories, and what is kept there.
const PLACES: &[(&str, Apart)] = &[
    ("test", Apart::Tests),
    ("tests", Apart::Tests),
    ("testing", Apart::Tests),
    ("testdata", Apart::Tests),
    ("test-data", Apart::Tests),
    ("fixtures", Apart::Tests),
    ("__tests__", Apart::Tests),
    ("__fixtures__", Apart::Tests),
    ("e2e", Apart::Tests),
    ("ci", Apart::Tests),
    ("example", Apart::Examples),
    ("examples", Apart::Examples),
    ("sample", Apart::Examples),
    ("samples", Apart::Examples),
    ("docs", Apart::Documentation),
    ("doc", Apart::Documentation),
    ("documentation", Apart::Documentation),
    ("archive", Apart::Archive),
    ("archived", Apart::Archive),
    ("archives", Apart::Archive),
    ("deprecated", Apart::Archive),
    ("old", Apart::Archive),
    ("template", Apart::Templates),
    ("templates", Apart::Templates),
    ("skeleton", Apart::Templates),
    ("skeletons", Apart::Templates),
    ("starter", Apart::Templates),
    ("starters", Apart::Templates),
    ("boilerplate", Apart::Templates),
    ("boilerplates", Apart::Templates),
    ("scaffold", Apart::Templates),
    ("scaffolds", Apart::Templates),
    ("scaffolding", Apart::Templates),
    ("vendor", Apart::Vendored),
    ("vendored", Apart::Vendored),
    ("third_party", Apart::Vendored),
    ("third-party", Apart::Vendored),
];

/// Tools and kinds of tests that directories of tests are named for: `.chainsaw-test`, `e2e-tests`.
const TESTED: &[&str] = &[
    "chainsaw",
    "kyverno",
    "kuttl",
    "gator",
    "conftest",
    "e2e",
    "unit",
    "integration",
    "acceptance",
    "conformance",
];

/// What is kept in a directory of this name.
fn of_name(name: &str) -> Option<Apart> {
    let name = name.to_ascii_lowercase();
    if let Some((_, why)) = PLACES.iter().find(|(place, _)| *place == name) {
        return Some(*why);
    }
    let (what, word) = name.trim_start_matches('.').rsplit_once(['-', '_'])?;
    let is_test = matches!(word, "test" | "tests") && TESTED.contains(&what);
    is_test.then_some(Apart::Tests)
}

/// Whether a document is a test for a tool that tests manifests: what is beside it and below is what it applies.
pub(crate) fn is_test(document: &Node) -> bool {
    let text = |key: &str| document.get(key).and_then(Node::as_str).unwrap_or_default();
    let (group, _) = text("apiVersion").split_once('/').unwrap_or_default();
    match (group, text("kind")) {
        ("chainsaw.kyverno.io" | "cli.kyverno.io", "Test") => true,
        ("kuttl.dev", kind) => matches!(kind, "TestCase" | "TestStep" | "TestAssert"),
        _ => false,
    }
}

/// The outermost directory of a path that is apart, as the number of its parts, and why. `is_platform` excepts
/// directories that bear such a name and are part of the platform: an environment called `test`, a chart's templates.
pub(crate) fn apart(path: &Path, is_platform: impl Fn(&Path) -> bool) -> Option<(usize, Apart)> {
    let mut above = std::path::PathBuf::new();
    let directory = path.parent().unwrap_or(Path::new(""));
    let parts: Vec<&str> = (directory.iter())
        .map(|part| part.to_str().unwrap_or_default())
        .collect();
    for (index, part) in parts[..before_packages(&parts)].iter().enumerate() {
        above.push(part);
        if let Some(why) = of_name(part)
            && !is_platform(&above)
        {
            return Some((index + 1, why));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separate_places_are_recognised_by_the_whole_directory_name() {
        let table = [
            ("examples/shop/a.yaml", Some((1, Apart::Examples))),
            ("deploy/tests/a.yaml", Some((2, Apart::Tests))),
            ("docs/a.yaml", Some((1, Apart::Documentation))),
            ("k8s/old/a.yaml", Some((2, Apart::Archive))),
            ("vendor/x/k8s/a.yaml", Some((1, Apart::Vendored))),
            ("Examples/a.yaml", Some((1, Apart::Examples))),
            // The outermost counts.
            ("docs/examples/a.yaml", Some((1, Apart::Documentation))),
            ("k8s/examples.yaml", None),
            ("k8s/testing-tools/a.yaml", None),
            ("latest/a.yaml", None),
            // Packages of source code are no places.
            ("src/main/java/com/amazon/sample/a.yaml", None),
            ("api/src/org/example/testing/a.yaml", None),
            ("src/test/java/com/example/a.yaml", Some((2, Apart::Tests))),
            ("examples/src/main/java/com/a.yaml", Some((1, Apart::Examples))),
            ("examples", None),
            ("policies/x/.chainsaw-test/a.yaml", Some((3, Apart::Tests))),
            ("policies/chainsaw-tests/a.yaml", Some((2, Apart::Tests))),
            ("policies/.kyverno-test/x/a.yaml", Some((2, Apart::Tests))),
            ("x/kuttl_test/a.yaml", Some((2, Apart::Tests))),
            ("x/e2e-tests/a.yaml", Some((2, Apart::Tests))),
            // The tool itself, and what is called a test and deployed.
            ("components/chainsaw/a.yaml", None),
            ("components/kyverno/a.yaml", None),
            ("apps/load-test/a.yaml", None),
            ("apps/-test/a.yaml", None),
        ];
        for (path, wanted) in table {
            assert_eq!(apart(Path::new(path), |_| false), wanted, "{path}");
        }
    }

    #[test]
    fn each_name_of_a_separate_place_is_recognised() {
        let table = [
            (
                Apart::Tests,
                "test tests testing testdata test-data fixtures __tests__ __fixtures__ e2e ci",
            ),
            (Apart::Examples, "example examples sample samples"),
            (Apart::Documentation, "docs doc documentation"),
            (Apart::Archive, "archive archived archives deprecated old"),
            (
                Apart::Templates,
                "template templates skeleton skeletons starter starters boilerplate boilerplates scaffold scaffolds scaffolding",
            ),
            (Apart::Vendored, "vendor vendored third_party third-party"),
        ];
        let count: usize = table.iter().map(|(_, names)| names.split(' ').count()).sum();
        assert_eq!(count, PLACES.len());
        for (why, names) in table {
            for name in names.split(' ') {
                let path = format!("k8s/{name}/a.yaml");
                assert_eq!(apart(Path::new(&path), |_| false), Some((2, why)), "{path}");
            }
        }
    }

    #[test]
    fn an_environment_called_test_is_not_a_directory_of_tests() {
        let is_environment = |dir: &Path| dir == Path::new("overlays/test");
        assert_eq!(apart(Path::new("overlays/test/a.yaml"), is_environment), None);
        let below = apart(Path::new("overlays/test/fixtures/a.yaml"), is_environment);
        assert_eq!(below, Some((3, Apart::Tests)));
    }
}
