//! Directories by whose place alone an environment has its name (`overlays/hill`, `envs/dale`) and that applications deploy.
//! Several siblings that are each deployed are environments. One alone may be the variant that somebody chose. What is
//! called like a cluster is one, and what holds parts for several clusters, or parts that no sibling has, is a site.

use cofferdam_model::ProjectId;
use cofferdam_syntax::environment;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What was seen to be deployed.
#[derive(Default)]
pub(super) struct Overlays {
    /// The named directories by the one that holds them.
    names: BTreeMap<(ProjectId, PathBuf), BTreeMap<String, Deployed>>,
    clusters: BTreeSet<String>,
}

/// How one of them is deployed.
#[derive(Default)]
struct Deployed {
    clusters: BTreeSet<String>,
    /// Names of the directories in it that are deployed; none is the directory itself.
    parts: BTreeSet<Option<PathBuf>>,
}

impl Overlays {
    /// Adds a directory that is deployed, and returns the name that it has by its place, where that is no stage.
    pub(super) fn add(&mut self, project: ProjectId, dir: &Path, cluster: Option<&str>) -> Option<String> {
        self.clusters.extend(cluster.map(str::to_lowercase));
        let label = environment::directory_label(dir)?;
        if environment::is_stage(&label.name) {
            return None;
        }
        let parent = label.place.parent()?;
        let siblings = self.names.entry((project, parent.to_path_buf())).or_default();
        let deployed = siblings.entry(label.name.clone()).or_default();
        deployed.clusters.extend(cluster.map(str::to_owned));
        let below = dir.strip_prefix(&label.place).unwrap_or(Path::new(""));
        deployed.parts.insert(below.iter().next().map(PathBuf::from));
        Some(label.name)
    }

    /// Those that are environments.
    pub(super) fn environments(&self) -> Vec<(ProjectId, &str)> {
        let mut found = Vec::new();
        for ((project, _), siblings) in &self.names {
            let is_one = |name: &str, own: &Deployed| {
                let mut others = siblings.iter().filter(|(other, _)| *other != name);
                let is_whole = own.parts.contains(&None);
                let mut is_like_others = || others.any(|(_, other)| !other.parts.is_disjoint(&own.parts));
                own.clusters.len() < 2 && !self.clusters.contains(name) && (is_whole || is_like_others())
            };
            let names: Vec<&str> = (siblings.iter())
                .filter(|(name, own)| is_one(name, own))
                .map(|(name, _)| name.as_str())
                .collect();
            if names.len() > 1 {
                found.extend(names.into_iter().map(|name| (*project, name)));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environments(deployed: &[(&str, Option<&str>)]) -> Vec<String> {
        let mut overlays = Overlays::default();
        for (dir, cluster) in deployed {
            overlays.add(ProjectId(0), Path::new(dir), *cluster);
        }
        let all = overlays.environments();
        all.into_iter().map(|(_, name)| name.to_owned()).collect()
    }

    #[test]
    fn siblings_that_are_deployed_are_environments_and_sites_and_clusters_are_none() {
        let both = ["dale", "hill"];
        let none = [""; 0];
        assert_eq!(
            environments(&[("web/overlays/hill", None), ("web/overlays/dale", None)]),
            both
        );
        assert_eq!(
            environments(&[("overlays/hill/web", Some("a")), ("overlays/dale/web", Some("b"))]),
            both
        );
        assert_eq!(
            environments(&[("envs/hill/web", None), ("envs/dale", None)]),
            none
        );
        assert_eq!(environments(&[("web/overlays/hill", None)]), none);
        assert_eq!(
            environments(&[("web/overlays/hill", None), ("queue/overlays/dale", None)]),
            none,
            "neither has a sibling that is deployed"
        );
        // Two clusters of one site.
        assert_eq!(
            environments(&[
                ("web/overlays/hill/one", Some("one")),
                ("web/overlays/hill/two", Some("two")),
                ("web/overlays/dale", Some("three")),
            ]),
            none
        );
        // Each part is in one of them only: these are the clusters.
        assert_eq!(
            environments(&[
                ("envs/hill/one", Some("top")),
                ("envs/hill/two", Some("top")),
                ("envs/dale/three", Some("top")),
            ]),
            none
        );
        // A cluster, and a variant on it.
        assert_eq!(
            environments(&[
                ("web/overlays/hill", Some("hill")),
                ("web/overlays/hill-ha", Some("hill"))
            ]),
            none
        );
    }
}
