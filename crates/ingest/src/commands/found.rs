//! What commands deploy: the result of reading them.

use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What commands deploy.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// Releases of charts.
    pub(crate) releases: Vec<Release>,
    /// Releases that are only rendered, with the values that they pick for each environment.
    pub(crate) tried: Vec<Release>,
    /// Directories of kustomizations that are applied.
    pub(crate) kustomizations: BTreeSet<PathBuf>,
    /// Directories of manifests that are applied, with the namespace that the command names.
    pub(crate) directories: BTreeMap<PathBuf, Option<Node>>,
    /// Manifests from elsewhere that are applied: the file with the command, and the address.
    pub(crate) remote: BTreeSet<(PathBuf, String)>,
    /// Single files of manifests that are applied.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Directories in which Terraform is run, and the variables that the commands may set there.
    pub(crate) terraform: BTreeMap<PathBuf, Set>,
    /// Compose files that one command names together.
    pub(crate) compose: Vec<Vec<PathBuf>>,
}

/// `helm install` or `helm upgrade`.
#[derive(Debug)]
pub(crate) struct Release {
    /// The file with the command.
    pub(crate) path: PathBuf,
    /// Name of the release.
    pub(crate) name: Node,
    /// The chart as written.
    pub(crate) chart: Node,
    /// The chart's directory, if it is here.
    pub(crate) dir: Option<PathBuf>,
    /// The environment whose values it picks by name.
    pub(crate) environment: Option<String>,
    /// Files of values, lowest first.
    pub(crate) files: Vec<PathBuf>,
    /// Values of `--set`, by path.
    pub(crate) set: Vec<(String, Node)>,
    /// Whether everything that it sets is known.
    pub(crate) known: bool,
    /// The namespace.
    pub(crate) namespace: Option<Node>,
}

/// Variables of Terraform that a command may set.
#[derive(Debug, Default, Clone)]
pub(crate) struct Set {
    /// Names that `-var` and `TF_VAR_` name.
    pub(crate) names: BTreeSet<String>,
    /// Whether it names an unknown file of values.
    pub(crate) unknown_file: bool,
    /// Whether anything is made there: a plan alone changes nothing.
    pub(crate) is_applied: bool,
    /// What each plan or apply sets: a value, or nothing where it is not known.
    pub(super) runs: Vec<BTreeMap<String, Option<Node>>>,
}

impl Set {
    /// Values that every plan and apply gives, with the same text.
    fn values(&self) -> BTreeMap<String, Node> {
        let Some((first, others)) = self.runs.split_first() else {
            return BTreeMap::new();
        };
        let text = |run: &BTreeMap<String, Option<Node>>, name: &String| {
            Some(run.get(name)?.as_ref()?.as_str()?.to_owned())
        };
        let agreed = |name: &String| {
            let value = text(first, name);
            value.is_some() && others.iter().all(|run| text(run, name) == value)
        };
        let values = first.iter().filter(|(name, _)| agreed(name));
        values
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect()
    }

    /// Whether it may set a variable to a value that nobody knows.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.unknown_file || self.names.contains(name)
    }
}

impl Commands {
    /// Values that commands give to variables of Terraform, by directory.
    pub(crate) fn given(&self) -> BTreeMap<PathBuf, BTreeMap<String, Node>> {
        let sets = self.terraform.iter();
        sets.map(|(dir, set)| (dir.clone(), set.values())).collect()
    }
}
