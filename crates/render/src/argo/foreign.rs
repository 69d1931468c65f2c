//! Sources of other repositories. A path of another repository may by chance exist here too (`base`, `deploy`), and is not
//! what the application deploys. Which repository this is no file says; the paths of its own applications do.

use super::{AppSource, Application};
use cofferdam_syntax::repo::normalise;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Distinct paths of one repository.
#[derive(Default)]
struct Paths<'a> {
    named: BTreeSet<&'a str>,
    here: BTreeSet<&'a str>,
    /// Those that exist here from the top, as they are written.
    from_top: BTreeSet<&'a str>,
}

/// Takes from the sources of other repositories what they were thought to deploy of this tree. A repository is this one,
/// or a copy of it, if most paths that exist here are its own, if it has the same name, or if several of its paths exist
/// here and no other is named. Files may also lie in a directory called like their repository.
pub(super) fn leave_out(applications: &mut [Application]) {
    let mut all: BTreeMap<String, Paths<'_>> = BTreeMap::new();
    for source in applications.iter().flat_map(|a| &a.sources) {
        let (Some(url), Some(path)) = (address(source), &source.path) else {
            continue;
        };
        let paths = all.entry(url).or_default();
        paths.named.insert(&path.value);
        if let Some(deploys) = &source.deploys {
            paths.here.insert(&path.value);
            if is_from_top(&path.value, deploys.dir()) {
                paths.from_top.insert(&path.value);
            }
        }
    }
    let most = all.values().map(|paths| paths.here.len()).max().unwrap_or(0);
    if most == 0 {
        return;
    }
    let main: BTreeSet<&str> = (all.iter())
        .filter(|(_, paths)| paths.here.len() == most)
        .map(|(url, _)| name_of(url))
        .collect();
    let is_own = |url: &str, paths: &Paths<'_>| {
        let is_copy = paths.from_top.len() > 1 && paths.here.len() == paths.named.len();
        main.contains(name_of(url)) || is_copy
    };
    let own: BTreeSet<String> = (all.iter())
        .filter(|(url, paths)| is_own(url, paths))
        .map(|(url, _)| url.clone())
        .collect();
    // Where paths of a repository exist from the top, one that does not is not somewhere below.
    let exact: BTreeSet<String> = (all.iter())
        .filter(|(_, paths)| !paths.from_top.is_empty())
        .map(|(url, _)| url.clone())
        .collect();
    for source in applications.iter_mut().flat_map(|a| &mut a.sources) {
        let Some(url) = address(source) else { continue };
        let Some((path, deploys)) = source.path.as_ref().zip(source.deploys.as_ref()) else {
            continue;
        };
        let is_in_directory =
            || top(&path.value, deploys.dir()).is_some_and(|dir| dir.ends_with(name_of(&url)));
        let is_here = match own.contains(&url) {
            true => !exact.contains(&url) || is_from_top(&path.value, deploys.dir()) || is_in_directory(),
            false => is_in_directory(),
        };
        if !is_here {
            source.deploys = None;
            // Value files lie beside what it deploys, unless another source is named for them.
            let values = source.value_files.iter_mut();
            values
                .filter(|(name, _)| !name.value.starts_with('$'))
                .for_each(|(_, path)| *path = None);
        }
    }
}

/// The address of the repository of a source, without what several ways to write it differ in.
fn address(source: &AppSource) -> Option<String> {
    let url = source.repository.as_ref()?.value.to_lowercase();
    let url = url.trim_end_matches('/').trim_end_matches(".git");
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    Some(rest.replacen(':', "/", 1))
}

/// The name of a repository.
fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn is_from_top(written: &str, dir: &Path) -> bool {
    top(written, dir).is_none_or(|top| top.as_os_str().is_empty())
}

/// The directory that a path was found below; `None` where only a part of the path was.
fn top(written: &str, dir: &Path) -> Option<PathBuf> {
    let written = normalise(Path::new(written.trim_start_matches('/')));
    let count = dir.iter().count().checked_sub(written.iter().count())?;
    dir.ends_with(&written).then(|| dir.iter().take(count).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Applications, read};
    use super::*;
    use crate::selected::Selected;
    use cofferdam_syntax::repo::Repo;

    fn deployed(files: &[&str], sources: &[(&str, &str)]) -> Vec<String> {
        let application = |(at, (url, path)): (usize, &(&str, &str))| {
            (
                PathBuf::from(format!("apps/{at}.yaml")),
                format!("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: a}}\nspec: {{source: {{repoURL: '{url}', path: {path}}}}}\n").into_bytes(),
            )
        };
        let mut all: Vec<(PathBuf, Vec<u8>)> = sources.iter().enumerate().map(application).collect();
        all.extend(files.iter().map(|dir| {
            (
                Path::new(dir).join("kustomization.yaml"),
                b"resources: []\n".to_vec(),
            )
        }));
        let repo = Repo::from_files(all);
        let documents = repo.yaml.values().flat_map(|s| &s.documents);
        let Applications { applications, .. } = read(&repo, &Selected::default(), documents);
        let sources = applications.iter().flat_map(|a| &a.sources);
        sources
            .map(|s| {
                s.deploys
                    .as_ref()
                    .map_or("-".to_owned(), |d| d.dir().display().to_string())
            })
            .collect()
    }

    #[test]
    fn a_path_of_another_repository_is_not_looked_for_here() {
        let here = ["web/overlays/prod", "api/base", "apps/base", "base"];
        let own = "https://git.example/team/config.git";
        let other = "https://git.example/other/release.git";
        assert_eq!(
            deployed(
                &here,
                &[(own, "web/overlays/prod"), (own, "api/base"), (other, "base")]
            ),
            ["web/overlays/prod", "api/base", "-"]
        );
        // A fork and other ways to write the address.
        assert_eq!(
            deployed(
                &here,
                &[
                    (own, "web/overlays/prod"),
                    (own, "api/base"),
                    ("git@git.example:fork/config.git", "api/base"),
                    ("https://git.example/team/config", "api/base"),
                ]
            ),
            ["web/overlays/prod", "api/base", "api/base", "api/base"]
        );
        assert_eq!(
            deployed(&here, &[(own, "web/overlays/prod"), (own, "base")]),
            ["web/overlays/prod", "base"]
        );
        assert_eq!(
            deployed(&here, &[(other, "base")]),
            ["base"],
            "nothing else is named"
        );
        assert_eq!(
            deployed(
                &here,
                &[
                    (own, "web/overlays/prod"),
                    (own, "api/base"),
                    (own, "base"),
                    (other, "api/base"),
                    (other, "base")
                ]
            )[3..],
            ["api/base", "base"],
            "a mirror with another name"
        );
    }

    #[test]
    fn a_path_that_does_not_exist_from_the_top_is_nowhere_else() {
        let own = "https://git.example/team/config.git";
        assert_eq!(
            deployed(
                &["web/base", "old/api/base", "apps/api/base"],
                &[(own, "web/base"), (own, "api/base")]
            ),
            ["web/base", "-"]
        );
        // What was given holds the repository.
        assert_eq!(
            deployed(
                &["config/web/base", "config/api/base"],
                &[(own, "web/base"), (own, "api/base")]
            ),
            ["config/web/base", "config/api/base"]
        );
        // Two repositories side by side, one by its name.
        let other = "https://git.example/team/shop.git";
        assert_eq!(
            deployed(
                &["config/web/base", "config/api/base", "shop/deploy/prod"],
                &[(own, "web/base"), (own, "api/base"), (other, "deploy/prod")]
            ),
            ["config/web/base", "config/api/base", "shop/deploy/prod"]
        );
    }
}
