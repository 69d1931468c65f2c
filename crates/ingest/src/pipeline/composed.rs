//! Compose files that are laid over one another, and where what they say together holds: in the environment of the last
//! file that names one. Of stacks that hold in one environment only one runs at a time, so that they are variants.

use super::variants::Variant;
use crate::compose::stacks::{Stack, Stacks, is_early};
use crate::kubernetes;
use crate::scope::{self, Projects};
use cofferdam_model::{ProjectId, Span};
use cofferdam_syntax::hash::HashMap;
use cofferdam_syntax::repo::Repo;
use cofferdam_syntax::tree::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A stack of files and where it holds.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) stack: Stack,
    pub(super) environment: Option<String>,
    pub(super) variant: Option<Variant>,
    /// Where its deployment begins, if it is not the only one of its lowest file.
    pub(super) root: Option<PathBuf>,
}

/// All stacks that are judged, by their lowest file.
#[derive(Debug, Default)]
pub(super) struct Composed {
    of_base: BTreeMap<PathBuf, Vec<Judged>>,
    /// Files that are judged only as a part of a stack.
    taken: BTreeSet<PathBuf>,
    /// Values that a file overrides of which nothing says whether it is used.
    pub(super) overridden: BTreeSet<Span>,
}

impl Composed {
    /// The stacks among `plain` files. `commands` are the files that commands name together.
    pub(super) fn of(
        (repo, projects): (&Repo, &Projects),
        plain: &[(&Path, &[Node])],
        commands: &[Vec<PathBuf>],
        environments: &HashMap<&Path, String>,
    ) -> Composed {
        let stacks = Stacks::of(repo, commands, &|path| environments.contains_key(path));
        let mut found = Composed {
            overridden: stacks.overridden,
            ..Composed::default()
        };
        if stacks.of_base.is_empty() {
            return found;
        }
        let on_clusters: BTreeSet<ProjectId> = (plain.iter())
            .filter(|(_, documents)| documents.iter().any(kubernetes::is_object))
            .map(|(path, _)| projects.of_path(path))
            .collect();
        let is_plain: BTreeSet<&Path> = plain.iter().map(|(path, _)| *path).collect();
        for (base, stacks) in stacks.of_base {
            if !stacks
                .iter()
                .flat_map(|s| &s.files)
                .all(|file| is_plain.contains(file.as_path()))
            {
                continue;
            }
            let mut judged: Vec<Judged> = (stacks.into_iter())
                .map(|stack| Judged {
                    environment: (stack.files.iter().rev())
                        .find_map(|file| environments.get(file.as_path()).cloned()),
                    stack,
                    variant: None,
                    root: None,
                })
                // Without evidence it is for no environment, and nothing of it may be said of the platform.
                .filter(|judged| judged.environment.is_some() || !is_early(&judged.stack.files))
                .collect();
            // Beside the workloads of a cluster, these are for a developer's machine.
            if on_clusters.contains(&projects.of_path(&base)) {
                judged.truncate(1);
            }
            set_apart(&mut judged);
            if judged.iter().any(|judged| judged.stack.files.len() > 1) {
                found.of_base.insert(base, judged);
            }
        }
        let files = found.files().filter(|file| !found.of_base.contains_key(*file));
        found.taken = files.map(Path::to_path_buf).collect();
        found
    }

    /// What is judged instead of a file alone.
    pub(super) fn of_path(&self, path: &Path) -> Option<&[Judged]> {
        self.of_base.get(path).map(Vec::as_slice)
    }

    /// Whether a file is judged only as a part of a stack.
    pub(super) fn takes(&self, path: &Path) -> bool {
        self.taken.contains(path)
    }

    /// Every file of a stack.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let all = self.of_base.values().flatten();
        all.flat_map(|judged| judged.stack.files.iter().map(PathBuf::as_path))
    }

    /// The files of the stacks of one lowest file.
    pub(super) fn with(&self, path: &Path) -> impl Iterator<Item = &Path> {
        let all = self.of_base.get(path).into_iter().flatten();
        all.flat_map(|judged| judged.stack.files.iter().map(PathBuf::as_path))
    }

    /// Where the deployments begin that are variants.
    pub(super) fn is_variant(&self, root: &Path) -> bool {
        let mut all = self.of_base.values().flatten();
        all.any(|judged| judged.variant.is_some() && judged.root.as_deref() == Some(root))
    }
}

/// Keeps the stacks of one lowest file apart: by their environments, and as variants where they have the same one.
fn set_apart(judged: &mut [Judged]) {
    if judged.len() < 2 {
        return;
    }
    if judged.iter().any(|one| one.environment.is_some()) {
        for one in judged.iter_mut() {
            one.environment.get_or_insert_with(|| scope::UNNAMED.to_owned());
        }
    }
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for one in judged.iter() {
        *counts.entry(one.environment.clone()).or_default() += 1;
    }
    for (at, one) in judged.iter_mut().enumerate() {
        if at > 0 {
            one.root = one.stack.files.last().cloned();
        }
        if counts[&one.environment] > 1 {
            let turn = name(&one.stack);
            let present = BTreeSet::from([turn.clone()]);
            one.variant = Some(Variant::InTurn { turn, present });
        }
    }
}

/// The names of the files that are laid over the lowest one, else its own.
fn name(stack: &Stack) -> String {
    let above = if stack.files.len() > 1 {
        &stack.files[1..]
    } else {
        &stack.files[..]
    };
    let names = above.iter().filter_map(|file| file.file_name()?.to_str());
    names.collect::<Vec<_>>().join("+")
}
