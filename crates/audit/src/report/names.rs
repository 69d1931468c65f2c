//! Names of environments and projects in a report, and lists of names that are cut after a number.

use crate::engine::{Report, UNNAMED};
use crate::finding::Finding;
use cofferdam_model::{Platform, ProjectId};
use std::collections::BTreeSet;

/// The names of environments, with their project if findings are in several projects.
pub(super) struct Names<'a> {
    pub(super) platform: &'a Platform,
    several: bool,
}

impl<'a> Names<'a> {
    pub(super) fn of(report: &Report, platform: &'a Platform) -> Self {
        let elsewhere = |f: &'_ Finding| {
            f.elsewhere
                .iter()
                .map(|(project, _)| *project)
                .collect::<Vec<_>>()
        };
        let of = |f: &Finding| std::iter::once(f.project).chain(elsewhere(f));
        let projects: BTreeSet<ProjectId> = report.findings.iter().flat_map(of).collect();
        Names {
            platform,
            several: projects.len() > 1,
        }
    }

    /// The environments of a finding, if the platform has several.
    pub(super) fn holds_in(&self, finding: &Finding) -> String {
        let own = self.platform.environments.iter();
        let own: BTreeSet<&str> = own
            .filter(|e| e.project == finding.project)
            .map(|e| e.name.as_str())
            .collect();
        if !self.several && own.len() < 2 {
            return String::new();
        }
        let own = finding.environments.iter().map(|name| (finding.project, name));
        let elsewhere = finding.elsewhere.iter().map(|(project, name)| (*project, name));
        let all = own.chain(elsewhere);
        let names: Vec<String> = all.map(|(project, name)| self.name(project, name)).collect();
        names.join(", ")
    }

    /// The environment's name, with the directory of its project in front.
    pub(super) fn name(&self, project: ProjectId, environment: &str) -> String {
        let mut own = self.platform.environments.iter();
        let is_real = own.any(|e| e.project == project && e.name == environment);
        let environment = match environment == UNNAMED && !is_real {
            true => "(unnamed)",
            false => environment,
        };
        let root = self.platform.scope.projects.get(project.0 as usize);
        match root.map(|p| p.root.display().to_string()) {
            Some(root) if self.several && !root.is_empty() => format!("{root}/{environment}"),
            _ => environment.to_owned(),
        }
    }

    /// The environments that were judged.
    pub(super) fn judged(&self, report: &Report) -> Vec<String> {
        if !self.several {
            return report.environments.clone();
        }
        let scope = &self.platform.scope;
        let mut telling: BTreeSet<ProjectId> = report.findings.iter().map(|f| f.project).collect();
        telling.extend(scope.deployments.iter().map(|d| d.project));
        let judged = self.platform.environments.iter().filter(|e| {
            telling.contains(&e.project)
                && (report.all || scope.project_apart(e.project).is_none())
                && report.environments.binary_search(&e.name).is_ok()
        });
        let names: BTreeSet<String> = judged.map(|e| self.name(e.project, &e.name)).collect();
        names.into_iter().collect()
    }
}

/// Names, separated by commas; if there are many, the first ones and the number of the others.
pub(super) fn listed<T: AsRef<str>>(names: &[T], shown: usize) -> String {
    let shown = if names.len() == shown + 1 {
        names.len()
    } else {
        shown
    };
    let first: Vec<&str> = names.iter().take(shown).map(AsRef::as_ref).collect();
    match names.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
