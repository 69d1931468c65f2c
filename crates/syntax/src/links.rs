//! Symbolic links: a file behind a link is also at the link's place. The code that walks a file system finds
//! the links; here they are only names.

use crate::repo::{Repo, Unreadable};
use crate::source::FileId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The target of a symbolic link below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file below the root.
    File(PathBuf),
    /// A directory below the root.
    Directory(PathBuf),
    /// A target that is not followed, and why.
    Unfollowed(&'static str),
}

/// The number of files that links to directories may add before the rest is not followed.
const MAX_LINKED_FILES: usize = 20_000;
/// The depth of links within linked directories before one is not followed.
const MAX_LINKS_DEEP: usize = 8;
/// The number of places of linked directories before the rest is not followed: links within linked directories are a
/// product.
const MAX_LINKED_DIRECTORIES: usize = 5_000;
/// The names of links that are looked for in all files.
const MAX_NAMES_SOUGHT: usize = 500;
/// The bytes of the files that links may add: each place has a tree of its own.
const MAX_LINKED_BYTES: usize = 64 << 20;

impl Repo {
    /// Adds the targets of links at the places of the links.
    pub fn add_links(&mut self, links: BTreeMap<PathBuf, Target>) {
        let mut directories = BTreeMap::new();
        let mut files = Vec::new();
        let mut bytes = 0;
        for (path, target) in links {
            match target {
                Target::File(real) => files.push((path, real)),
                Target::Directory(real) => {
                    directories.insert(path, real);
                }
                Target::Unfollowed(why) => {
                    self.unfollowed.insert(path, why);
                }
            }
        }
        self.link(files, &mut bytes);
        self.passed_over.sort();
        let mut added = Vec::new();
        for (path, real) in &directories {
            let mut within = vec![real.as_path()];
            self.below_link(&directories, (path, real), &mut within, &mut added);
        }
        self.link(added, &mut bytes);
        self.passed_over.sort();
    }

    /// Collects the files below a link to the directory `real`, each with its real place. `within` are the
    /// targets of the directory links on the path so far: a link to one of them again is a loop.
    fn below_link<'l>(
        &mut self,
        directories: &'l BTreeMap<PathBuf, PathBuf>,
        (path, real): (&Path, &Path),
        within: &mut Vec<&'l Path>,
        added: &mut Vec<(PathBuf, PathBuf)>,
    ) {
        if path.starts_with(real) {
            self.unfollowed
                .insert(path.to_path_buf(), "leads to a directory that contains it");
            return;
        }
        if self.linked_directories.len() >= MAX_LINKED_DIRECTORIES {
            self.unfollowed
                .insert(path.to_path_buf(), "is one of too many links to directories");
            return;
        }
        self.linked_directories
            .insert(path.to_path_buf(), real.to_path_buf());
        // Both are sorted, so what is below a directory is in one piece.
        let read = self.files.below(real).map(|(file, _)| file);
        let start = self.passed_over.partition_point(|file| file.as_path() < real);
        let below_real = read.chain(
            self.passed_over[start..]
                .iter()
                .take_while(|file| file.starts_with(real)),
        );
        for file in below_real {
            if let Ok(below) = file.strip_prefix(real)
                && added.len() < MAX_LINKED_FILES
            {
                let source = self.links.get(file).unwrap_or(file);
                added.push((path.join(below), source.clone()));
            }
        }
        for (inner, target) in directories {
            let Ok(below) = inner.strip_prefix(real) else {
                continue;
            };
            let place = path.join(below);
            if within.iter().any(|seen| seen.starts_with(target)) || within.len() > MAX_LINKS_DEEP {
                self.unfollowed.insert(place, "is part of a loop");
            } else {
                within.push(target);
                self.below_link(directories, (&place, target), within, added);
                within.pop();
            }
        }
    }

    /// Adds files also at other places, each place with the real one, until links have added too much.
    fn link(&mut self, links: Vec<(PathBuf, PathBuf)>, bytes: &mut usize) {
        let (mut yaml, mut files) = (Vec::new(), Vec::new());
        for (path, real) in links {
            if let Some(stream) = self.yaml.get(&real) {
                *bytes += self.text(&real).map_or(0, str::len);
                if *bytes > MAX_LINKED_BYTES {
                    self.unfollowed
                        .insert(path, "is one of too many links to large files");
                    continue;
                }
                yaml.push((path.clone(), stream.clone()));
            }
            if let Some(id) = self.files.get(&real) {
                files.push((path.clone(), *id));
                self.links.insert(path, real);
            } else {
                self.passed_over.push(path);
            }
        }
        self.yaml.extend(yaml);
        self.files.extend(files);
    }

    /// Every file that was read, only at its own place.
    pub fn own_files(&self) -> impl Iterator<Item = (&PathBuf, &FileId)> {
        self.files
            .iter()
            .filter(|(path, _)| !self.links.contains_key(*path))
    }

    /// Whether this place is below a link to a directory: the files there are really somewhere else.
    pub fn is_below_link(&self, path: &Path) -> bool {
        !self.linked_directories.is_empty()
            && path
                .ancestors()
                .any(|above| self.linked_directories.contains_key(above))
    }

    /// Whether there is a link that is not followed at this path or above it.
    pub fn is_unfollowed(&self, path: &Path) -> bool {
        !self.unfollowed.is_empty() && path.ancestors().any(|above| self.unfollowed.contains_key(above))
    }

    /// The links that were not followed and that configuration refers to: a module's own files, and those
    /// whose names occur in a file that was read.
    pub fn named_unfollowed(&self) -> Vec<Unreadable> {
        let texts = || self.files.values().map(|id| &self.sources.file(*id).text);
        // Many links may have the same name; each name is looked for once.
        let mut named: BTreeMap<&str, bool> = BTreeMap::new();
        self.unfollowed
            .iter()
            .filter(|(path, _)| {
                let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                let terraform = [".tf", ".tf.json", ".tfvars", ".tfvars.json"];
                if name.is_empty() || terraform.iter().any(|ending| name.ends_with(ending)) {
                    return !name.is_empty();
                }
                let many = named.len() >= MAX_NAMES_SOUGHT;
                *named
                    .entry(name)
                    .or_insert_with(|| !many && texts().any(|text| text.contains(name)))
            })
            .map(|(path, why)| Unreadable {
                path: path.clone(),
                span: None,
                message: format!("is a symbolic link that {why}; it was not followed"),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in memory with links: path and text, link and target.
    fn linked(files: &[(&str, &str)], links: &[(&str, Target)]) -> Repo {
        let mut repo = Repo::from_texts(files);
        repo.add_links(
            links
                .iter()
                .map(|(path, target)| (PathBuf::from(path), target.clone()))
                .collect(),
        );
        repo
    }

    #[test]
    fn a_link_counts_as_its_target_file() {
        let repo = linked(
            &[("shared/a.yaml", "a: 1"), ("shared/b.tf", "locals {}")],
            &[
                ("x/a.yaml", Target::File("shared/a.yaml".into())),
                ("x/all", Target::Directory("shared".into())),
                ("y", Target::Directory("x".into())),
            ],
        );
        let id = |path: &str| repo.files.get(Path::new(path)).copied();
        for link in ["x/a.yaml", "x/all/a.yaml", "y/a.yaml", "y/all/a.yaml"] {
            assert_eq!(id(link), id("shared/a.yaml"), "{link}");
            assert!(repo.yaml.contains_key(Path::new(link)), "{link}");
            assert_eq!(repo.links[Path::new(link)], Path::new("shared/a.yaml"));
        }
        assert_eq!(id("y/all/b.tf"), id("shared/b.tf"));
        assert!(repo.is_below_link(Path::new("y/a.yaml")) && !repo.is_below_link(Path::new("x/a.yaml")));
        assert!(repo.unfollowed.is_empty(), "{:?}", repo.unfollowed);
        assert_eq!(repo.own_files().count(), 2);
    }

    #[test]
    fn links_that_are_not_followed_are_named_where_something_names_them() {
        let away = Target::Unfollowed("leaves the directory that was given");
        let repo = linked(
            &[("a/x.yaml", "resources: [out.yaml]"), ("b/y.yaml", "y: 1")],
            &[
                ("a/out.yaml", away.clone()),
                ("a/other.yaml", away.clone()),
                ("a/vars.tf", away),
                ("a/up", Target::Directory("".into())),
                ("a/to-b", Target::Directory("b".into())),
                ("b/to-a", Target::Directory("a".into())),
            ],
        );
        assert!(repo.is_unfollowed(Path::new("a/up/b/y.yaml")));
        assert!(
            repo.unfollowed.contains_key(Path::new("a/to-b/to-a")),
            "{:?}",
            repo.unfollowed
        );
        assert!(repo.yaml.contains_key(Path::new("a/to-b/y.yaml")));
        assert!(!repo.files.contains_key(Path::new("a/to-b/to-a/x.yaml")));
        let named: Vec<PathBuf> = repo.named_unfollowed().into_iter().map(|u| u.path).collect();
        assert_eq!(named, [PathBuf::from("a/out.yaml"), "a/vars.tf".into()]);
    }

    #[test]
    fn links_within_linked_directories_are_no_product_without_end() {
        // Each of 12 directories has 9 links to the next.
        let mut links = Vec::new();
        for level in 0..12 {
            for n in 0..9 {
                let target = Target::Directory(format!("d{}", level + 1).into());
                links.push((format!("d{level}/l{n}"), target));
            }
        }
        let links: Vec<(&str, Target)> = links
            .iter()
            .map(|(path, to)| (path.as_str(), to.clone()))
            .collect();
        let repo = linked(&[("d12/a.yaml", "a: 1")], &links);
        assert_eq!(repo.linked_directories.len(), MAX_LINKED_DIRECTORIES);
        let told = repo.unfollowed.values().any(|why| why.contains("too many links"));
        assert!(told && repo.files.len() <= MAX_LINKED_FILES + 1);
    }

    #[test]
    fn links_to_a_large_file_end_too() {
        let large = format!("a: {}", "x".repeat(1 << 20));
        let links: Vec<(String, Target)> = (0..100)
            .map(|n| (format!("l{n}.yaml"), Target::File("a.yaml".into())))
            .collect();
        let links: Vec<(&str, Target)> = links
            .iter()
            .map(|(path, to)| (path.as_str(), to.clone()))
            .collect();
        let repo = linked(&[("a.yaml", &large)], &links);
        assert!(
            repo.yaml.len() < 66 && repo.unfollowed.len() > 30,
            "{}",
            repo.yaml.len()
        );
    }
}
