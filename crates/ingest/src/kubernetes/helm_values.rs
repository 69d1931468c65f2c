//! Fields that a template takes from the chart's values: there, a key that does not belong into the object may be what
//! another template uses, and must not be removed.

use super::schema::{ProblemKind, SchemaProblem};
use crate::context::Place;
use cofferdam_syntax::tree::Node;
use std::path::Path;

/// What to do instead of removing an unknown key that stands in values which templates use.
pub(super) fn used_by(place: Place<'_>, object: &Node, problem: &SchemaProblem) -> Option<String> {
    if !matches!(problem.kind, ProblemKind::Unknown { nearest: None }) {
        return None;
    }
    let of_object = place.repo.sources.path(object.span.file);
    let of_key = place.repo.sources.path(problem.span.file);
    if of_key == of_object {
        return None;
    }
    let mut above = of_object.ancestors();
    let chart = above.find(|dir| place.repo.files.contains_key(&dir.join("Chart.yaml")))?;
    let (parent, field) = problem.path.rsplit_once('.').unwrap_or(("", &problem.path));
    let parent = parent.rsplit('.').next().unwrap_or(parent);
    let templates = chart.join("templates");
    let template = using(place, &templates, field)?;
    Some(format!(
        "Let the template of this object take only the part of `{parent}` that belongs into it: `{field}` stays in the \
         values, because {} uses it.",
        template.display()
    ))
}

/// The first template that names a key of the values.
fn using<'r>(place: Place<'r>, templates: &'r Path, field: &str) -> Option<&'r Path> {
    let names = |text: &str| {
        text.match_indices(field).any(|(at, _)| {
            let after = text[at + field.len()..].chars().next();
            text[..at].ends_with('.') && after.is_none_or(|c| !c.is_alphanumeric() && c != '_')
        })
    };
    let mut below = place.repo.files.below(templates);
    below
        .find(|(_, id)| names(&place.repo.sources.file(**id).text))
        .map(|(path, _)| path.as_path())
}
