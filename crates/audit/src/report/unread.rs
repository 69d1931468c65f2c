//! What the end of a report says of deployments that could not be read, or only in part, and of what was not
//! read in others.

use super::deployed::Judged;
use super::names::listed;
use crate::engine::Report;
use cofferdam_model::units::count;
use cofferdam_model::{Deployment, DeploymentId, Platform, UnreadableFile};
use cofferdam_syntax::hash::HashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The notes, of those that differ only in the names in them the first, with the number of the others.
pub(super) fn notes(all: &[UnreadableFile], verbose: bool) -> Vec<(&UnreadableFile, usize)> {
    let mut shown: Vec<(&UnreadableFile, usize)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for note in all {
        // What is between backticks is a name.
        let reason: String = note.message.split('`').step_by(2).collect::<Vec<_>>().join("`");
        match known.get(&reason) {
            Some(at) if !verbose => shown[*at].1 += 1,
            _ => {
                known.insert(reason, shown.len());
                shown.push((note, 0));
            }
        }
    }
    shown
}

/// Whether all deployments of an environment could not be read.
pub(super) struct Unread<'a> {
    /// The environments of deployments, with whether none of their deployments could be read; `None` for deployments of
    /// every environment.
    nothing_of: HashMap<Option<&'a str>, bool>,
}

impl<'a> Unread<'a> {
    pub(super) fn of(report: &Report, platform: &'a Platform) -> Unread<'a> {
        let scope = &platform.scope;
        let mut nothing_of = HashMap::default();
        if report.is_unread(platform) {
            // The report says so of everything.
            return Unread { nothing_of };
        }
        let judged = Judged::of(report, platform);
        for (deployment, id) in scope.deployments.iter().zip((0..).map(DeploymentId)) {
            if judged.has(deployment) {
                let is_unread = deployment.objects == 0 && scope.in_part.contains_key(&id);
                *nothing_of
                    .entry(deployment.environment.as_deref())
                    .or_insert(true) &= is_unread;
            }
        }
        Unread { nothing_of }
    }

    pub(super) fn has(&self, environment: &str) -> bool {
        let everywhere = self.nothing_of.get(&None);
        let here = self.nothing_of.get(&Some(environment));
        let mut known = everywhere.into_iter().chain(here).peekable();
        known.peek().is_some() && known.all(|nothing| *nothing)
    }
}

/// `judged in part: 2 of 9 deployments (overlays/prod, overlays/dev)`
pub(super) fn in_part_line(report: &Report, platform: &Platform) -> Option<String> {
    let (total, roots) = unread(report, platform, |deployment| deployment.objects > 0);
    (!roots.is_empty()).then(|| {
        format!(
            "judged in part: {} of {} ({}): something that they name was not read (--explain-scope lists it)",
            roots.len(),
            count(total as u64, "deployment"),
            listed(&roots, 3)
        )
    })
}

/// `not judged: 1 of 2 deployments (overlays/prod): nothing of them could be read (--explain-scope says why)`
pub(super) fn not_judged_line(report: &Report, platform: &Platform) -> Option<String> {
    let (total, roots) = unread(report, platform, |deployment| deployment.objects == 0);
    (!roots.is_empty() && !report.is_unread(platform)).then(|| {
        let what = if roots.len() == 1 { "it" } else { "them" };
        format!(
            "not judged: {} of {} ({}): nothing of {what} could be read (--explain-scope says why)",
            roots.len(),
            count(total as u64, "deployment"),
            listed(&roots, 3)
        )
    })
}

/// How many deployments there are, and those of this sort of which something was not read.
fn unread(
    report: &Report,
    platform: &Platform,
    is_one: impl Fn(&Deployment) -> bool,
) -> (usize, Vec<String>) {
    let scope = &platform.scope;
    let judged = Judged::of(report, platform);
    let all = (scope.deployments.iter().zip((0..).map(DeploymentId)))
        .filter(|(deployment, _)| judged.has(deployment));
    let (mut total, mut roots) = (0, BTreeSet::new());
    for (deployment, id) in all {
        total += 1;
        if scope.in_part.contains_key(&id) && is_one(deployment) {
            roots.insert(deployment.shown());
        }
    }
    (total, roots.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(path: &str, message: &str) -> UnreadableFile {
        UnreadableFile {
            path: path.into(),
            span: None,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_reason_is_given_once_with_its_number() {
        let all = [
            note("a.yaml", "`https://a` is remote and was not read"),
            note("b.yaml", "the generator `X` is not run"),
            note("c.yaml", "`https://c` is remote and was not read"),
            note("d.yaml", "`https://d` is remote and was not read"),
        ];
        let shown: Vec<(&str, usize)> = (notes(&all, false).into_iter())
            .map(|(note, more)| (note.path.to_str().unwrap_or_default(), more))
            .collect();
        assert_eq!(shown, [("a.yaml", 2), ("b.yaml", 0)]);
        assert_eq!(notes(&all, true).len(), 4);
    }
}
