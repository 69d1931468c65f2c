//! Builds kustomizations without kustomize: the objects that an overlay really deploys, with every value at
//! the place that decided it. A patch is no manifest and a base is not deployed, so neither is
//! judged by itself. What this reader does not support is reported, never guessed.
//!
//! The behaviour is that of kustomize (version 5): the order in which transformers
//! run, the fields that they reach, the way lists merge. Left out: the hash on generated names, plugins of others, charts, and remote bases.

mod build;
mod builtin;
mod fields;
mod generate;
mod images;
mod json_patch;
mod load;
pub(crate) mod merge;
mod names;
mod object;
mod over;
mod patch;
mod replace;
mod select;
#[cfg(test)]
mod tests;
mod transform;
mod vars;

use crate::budget::{Budget, Cost};
use crate::measure::size;
use build::Session;
use cofferdam_syntax::Span;
use cofferdam_syntax::environment;
use cofferdam_syntax::hash::{HashMap, HashSet};
use cofferdam_syntax::repo::{Repo, Unreadable};
use cofferdam_syntax::tree::Node;
use load::Index;
pub use over::{lay_over, put_into};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// All builds of a tree.
#[derive(Debug, Default)]
pub struct Built {
    /// One for each kustomization that no other uses, in the order of their paths.
    pub builds: Vec<Build>,
    /// Files that are judged only as part of a build: kustomizations, resources, patches and inputs of
    /// generators.
    pub consumed: BTreeSet<PathBuf>,
    /// Those of `consumed` that are in no build that succeeded; rules that are safe on a fragment may
    /// look at them.
    pub fragments: BTreeSet<PathBuf>,
    /// Names that lead to nothing, each once.
    pub dangling: Vec<Dangling>,
    /// What was left out, and why, each once.
    pub notes: Vec<Unreadable>,
}

/// What one kustomization builds.
#[derive(Debug)]
pub struct Build {
    /// Its directory, below the root.
    pub dir: PathBuf,
    /// Its file.
    pub path: PathBuf,
    /// The environment that its directory names.
    pub environment: Option<String>,
    /// The objects, in the order in which the kustomizations name them. Empty when the build failed.
    pub objects: Vec<Node>,
    /// Kind and name of the objects that a generator made.
    pub generated: BTreeSet<(String, String)>,
    /// Whether everything that it names was read. If not, an object that is absent here may still exist.
    pub complete: bool,
    /// What it names or needs and could not be read, each once.
    pub gaps: Vec<Gap>,
    /// The first cause, when it cannot be built.
    pub failed: Option<Unreadable>,
    /// Every file that it is built from, or would be.
    pub files: BTreeSet<PathBuf>,
}

/// A part of a build that was not read, so that the build may have more objects than are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What could be missing.
    pub brings: Brings,
    /// Whether it may change what the other files say; otherwise it only adds to it.
    pub changes: bool,
    /// What was not read and why, as a clause.
    pub reason: String,
    /// The kustomization.
    pub path: PathBuf,
    /// The place in it.
    pub span: Span,
}

/// What a gap in a build could bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brings {
    /// Objects of any kind.
    Anything,
    /// Objects of any kind, from another repository.
    Remote,
    /// Keys of ConfigMaps and Secrets.
    Keys,
    /// Secrets.
    Secrets,
    /// No objects: it only changes what others bring.
    Changes,
}

/// A name that leads to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// What was named.
    pub what: Named,
    /// The name as written, or for a selector its parts: `Deployment web`.
    pub name: String,
    /// Where.
    pub span: Span,
    /// The name that was likely meant.
    pub nearest: Option<String>,
    /// Whether kustomize refuses to build because of it. Otherwise kustomize ignores it without a word, and
    /// deploys the object unchanged.
    pub refused: bool,
}

/// What a dangling name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// A resource, base, component, patch file or input of a generator.
    File,
    /// The target selector of a patch.
    PatchTarget,
    /// The object that a patch without a target is for.
    PatchedObject,
    /// A path in an object that a JSON patch changes.
    PatchPath,
    /// An image of an `images` entry.
    Image,
    /// A workload of a `replicas` entry.
    Replicas,
    /// The object that a generator with `behavior: merge` or `replace` changes.
    GeneratorTarget,
    /// The source of a replacement.
    ReplacementSource,
    /// The target of a replacement.
    ReplacementTarget,
    /// A field path of a replacement's target.
    ReplacementField,
}

impl Named {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Named::File => "file",
            Named::PatchTarget => "patch target",
            Named::PatchedObject => "patched object",
            Named::PatchPath => "path of a patch",
            Named::Image => "image",
            Named::Replicas => "workload of `replicas`",
            Named::GeneratorTarget => "generated object",
            Named::ReplacementSource => "source of a replacement",
            Named::ReplacementTarget => "target of a replacement",
            Named::ReplacementField => "field of a replacement",
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What nearly every build costs less than.
const SMALL: Cost = Cost {
    steps: 1_000_000,
    bytes: 32 << 20,
};

/// What one build may cost.
const LARGE: Cost = Cost {
    steps: 16_000_000,
    bytes: 384 << 20,
};

/// Bytes that each part of a built value takes until it is judged, about.
const BYTES_TO_JUDGE: usize = 128;

/// What all builds may cost. Those of large files may cost more than those of small ones.
fn budget(repo: &Repo) -> Budget {
    let text = |path: &PathBuf| Some(repo.text(path)?.len() as u64);
    let written: u64 = repo.yaml.keys().filter_map(text).sum();
    Budget::new(Cost {
        steps: 48_000_000 + 50 * written,
        bytes: (1_280 << 20) + 200 * written,
    })
}

/// What one of the kustomizations that no other uses makes.
pub struct Made {
    /// Its directory.
    pub dir: PathBuf,
    /// Every file that it is built from.
    pub files: BTreeSet<PathBuf>,
    /// The objects.
    pub objects: Vec<Node>,
}

/// The kustomizations that no other uses, that are built from one of these files, and that can be built.
pub fn built_of(repo: &Repo, files: &BTreeSet<&Path>) -> Vec<Made> {
    let index = Index::new(repo);
    let is_of_files = |root: &usize| {
        let own = files_from(&index, *root);
        files.iter().any(|file| own.contains(*file))
    };
    let roots: Vec<usize> = (roots(&index, &BTreeSet::new()).into_iter())
        .filter(is_of_files)
        .collect();
    let mut budget = budget(repo);
    let built: Vec<Option<Made>> = budget.spread(&roots, (SMALL, LARGE), |root, allowance| {
        let objects = Session::new(&index, allowance).run(*root).ok()?;
        Some(Made {
            dir: index.all[*root].dir.clone(),
            files: files_from(&index, *root),
            objects: objects.into_iter().map(|object| object.node).collect(),
        })
    });
    built.into_iter().flatten().collect()
}

/// Builds every kustomization of `repo` that no other kustomization uses.
pub fn build(repo: &Repo) -> Built {
    build_with(repo, &BTreeSet::new())
}

/// The same, and also those in the directories `deployed`: a directory that an Argo CD application names is
/// deployed even if an overlay uses it as its base.
pub fn build_with(repo: &Repo, deployed: &BTreeSet<PathBuf>) -> Built {
    let index = Index::new(repo);
    let count = index.all.len();
    let mut built = Built::default();
    if count == 0 {
        return built;
    }
    let roots = roots(&index, deployed);
    let mut budget = budget(repo);
    let sessions: Vec<(Build, Vec<Dangling>, Vec<Unreadable>)> =
        budget.spread(&roots, (SMALL, LARGE), |root, allowance| {
            let mut session = Session::new(&index, allowance);
            let result = session.run(*root);
            let kustomization = &index.all[*root];
            let mut build = Build {
                dir: kustomization.dir.clone(),
                path: kustomization.path.to_path_buf(),
                environment: environment::of_directory(&kustomization.dir),
                objects: Vec::new(),
                generated: BTreeSet::new(),
                complete: session.complete,
                gaps: std::mem::take(&mut session.gaps),
                failed: None,
                files: files_from(&index, *root),
            };
            match result {
                Ok(objects) => {
                    build.generated = objects
                        .iter()
                        .filter(|o| o.generated)
                        .map(|o| (o.kind().to_owned(), o.name().to_owned()))
                        .collect();
                    build.objects = objects.into_iter().map(|o| o.node).collect();
                    let made: usize = build.objects.iter().map(size).sum();
                    allowance.keep(made.saturating_mul(BYTES_TO_JUDGE));
                }
                Err(failure) => {
                    // What stopped the build may be one fault of several.
                    let mut reached = vec![false; count];
                    reach(&index, *root, &mut reached);
                    let tried = (0..count).filter(|number| reached[*number]);
                    let missing = tried.flat_map(|number| index.missing_of(number));
                    session.dangling.extend(missing);
                    build.failed = Some(*failure);
                }
            }
            (build, session.dangling, session.notes)
        });
    let mut in_success = vec![false; count];
    for (root, (build, dangling, notes)) in roots.iter().zip(sessions) {
        if build.failed.is_none() {
            reach(&index, *root, &mut in_success);
        }
        built.builds.push(build);
        built.dangling.extend(dangling);
        built.notes.extend(notes);
    }
    for number in 0..count {
        for (span, field, likely) in index.unknown_fields(number) {
            let hint = likely.map_or(String::new(), |l| format!("; `{l}` is one"));
            built.notes.push(Unreadable {
                path: index.all[number].path.to_path_buf(),
                span: Some(span),
                message: format!("`{field}` is not a field of a kustomization{hint}"),
            });
        }
    }
    // Each file, and whether a build that succeeded uses it.
    let mut files: HashMap<PathBuf, bool> = HashMap::default();
    for (number, succeeded) in in_success.iter().enumerate() {
        for file in index.files_of(number) {
            *files.entry(file).or_default() |= succeeded;
        }
    }
    let fragments = files.iter().filter(|(_, succeeded)| !**succeeded);
    built.fragments = fragments.map(|(file, _)| file.clone()).collect();
    built.consumed = files.into_keys().collect();
    // Overlays share bases, so several builds find the same.
    let mut seen = HashSet::default();
    built
        .dangling
        .retain(|d| seen.insert((d.what, d.span, d.name.clone())));
    built.dangling.sort_by_key(|d| (d.span, d.what));
    let mut seen = HashSet::default();
    built
        .notes
        .retain(|n| seen.insert((n.path.clone(), n.span, n.message.clone())));
    built
        .notes
        .sort_by(|a, b| (&a.path, a.span, &a.message).cmp(&(&b.path, b.span, &b.message)));
    built
}

/// The kustomizations to build: those that no other uses, and one of each circle, so that it is reported.
fn roots(index: &Index<'_>, deployed: &BTreeSet<PathBuf>) -> Vec<usize> {
    let count = index.all.len();
    let mut used = vec![false; count];
    for number in 0..count {
        for base in index.bases_of(number).filter(|base| *base != number) {
            used[base] = true;
        }
    }
    let mut reached = vec![false; count];
    let mut roots = Vec::new();
    for (number, is_used) in used.into_iter().enumerate() {
        let kustomization = &index.all[number];
        // Behind a link is a directory that also exists elsewhere. It is built only where something names it.
        let is_used = is_used || index.repo.is_below_link(kustomization.path);
        if !kustomization.component && (!is_used || deployed.contains(&kustomization.dir)) {
            roots.push(number);
        }
        if !is_used {
            reach(index, number, &mut reached);
        }
    }
    for number in 0..count {
        if !reached[number] && !index.repo.is_below_link(index.all[number].path) {
            roots.push(number);
            reach(index, number, &mut reached);
        }
    }
    roots.sort_unstable();
    roots.dedup();
    roots
}

/// Every file that the kustomization `root` is built from.
fn files_from(index: &Index<'_>, root: usize) -> BTreeSet<PathBuf> {
    let mut reached = vec![false; index.all.len()];
    reach(index, root, &mut reached);
    let used = reached.iter().enumerate().filter(|(_, is_reached)| **is_reached);
    used.flat_map(|(number, _)| index.files_of(number)).collect()
}

/// Marks `start` and all that it is built from.
fn reach(index: &Index<'_>, start: usize, reached: &mut [bool]) {
    let mut to_visit = vec![start];
    while let Some(number) = to_visit.pop() {
        if !std::mem::replace(&mut reached[number], true) {
            to_visit.extend(index.bases_of(number));
        }
    }
}
