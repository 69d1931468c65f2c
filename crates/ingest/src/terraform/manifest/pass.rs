//! Passes a made object to the reader of Kubernetes.

use crate::context::Place;
use crate::kubernetes;
use crate::terraform::Context;
use cofferdam_model::Parts;
use cofferdam_model::workload::Completeness;
use cofferdam_syntax::tree::Node;

/// Passes an object on. With an unknown part it is a fragment: a missing field may be in that part, unless its value
/// stands alone. Errors against the schema are the provider's responsibility here.
pub(super) fn give(context: &Context<'_>, object: Node, parts: &mut Parts) {
    let completeness = if kubernetes::known::is_known(&object) {
        context.place.completeness
    } else {
        Completeness::Fragment
    };
    read(context, &object, completeness, parts);
}

pub(super) fn read(context: &Context<'_>, object: &Node, completeness: Completeness, parts: &mut Parts) {
    if !kubernetes::is_object(object) {
        return;
    }
    let defects = parts.defects.len();
    let place = Place {
        completeness,
        ..context.place
    };
    kubernetes::interpret(object, place, parts);
    parts.defects.truncate(defects);
}
