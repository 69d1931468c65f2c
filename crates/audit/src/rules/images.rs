//! What several rules ask of the images of containers.

use cofferdam_model::Environment;
use cofferdam_model::workload::{Container, IMAGE_TRIGGER, ObjectId, Workload};

/// Tags that are intended to move.
const MOVING: &[&str] = &[
    "latest",
    "stable",
    "main",
    "master",
    "dev",
    "develop",
    "edge",
    "nightly",
    "prod",
    "production",
    "staging",
    "release",
    "current",
    "canary",
];

/// Whether something else chooses the image: a trigger or an ImageStream of OpenShift, which replace the name by a digest, or
/// a variable that is not known.
pub(crate) fn is_set_elsewhere(env: &Environment, workload: &Workload, container: &Container) -> bool {
    let Some(image) = &container.image else {
        return false;
    };
    let is_stream = |stream: &ObjectId| {
        image.registry.is_none()
            && stream.name == image.repository
            && stream.home().is_related(workload.id.home())
    };
    container.fields.contains_key(IMAGE_TRIGGER)
        || image.text.value.contains("$(")
        || env.image_streams.iter().any(is_stream)
}

/// Whether a tag is intended to move.
pub(crate) fn is_moving(tag: &str) -> bool {
    MOVING.contains(&tag.to_ascii_lowercase().as_str())
}
