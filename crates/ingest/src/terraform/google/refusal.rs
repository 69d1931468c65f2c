//! Values that Google's API refuses, recorded as defects of a resource.

use cofferdam_model::delivery::{Defect, DefectEffect};
use cofferdam_model::{Parts, Span};
use cofferdam_render::hcl::Resource;

/// Records that Google refuses the value at `span`: the problem and the remedy.
pub(super) fn refuse(
    resource: &Resource,
    path: &str,
    span: Span,
    (problem, remedy): (String, &str),
    parts: &mut Parts,
) {
    parts.defects.push(Defect {
        subject: resource.address.clone(),
        path: path.to_owned(),
        span,
        problem,
        effect: DefectEffect::Refused,
        remedy: remedy.to_owned(),
    });
}
