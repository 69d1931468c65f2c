//! What several rules ask of the images of containers.

use crate::rule::Context;
use cofferdam_model::images::Image;
use cofferdam_model::workload::{Container, IMAGE_TRIGGER, ObjectId, Workload};
use cofferdam_model::{DeploymentKind, Environment};

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
        || is_variable(image)
        || env.image_streams.iter().any(is_stream)
}

/// Whether a part of the name is a variable that is not known (`$(TAG)`, `${TAG}`, `${TAG:=1.0}`): no image has `$` in its
/// name.
pub(crate) fn is_variable(image: &Image) -> bool {
    image.text.value.contains('$')
}

/// Whether an image stands in for the one that a user of its base sets: a bare name with no version, in a base that nothing
/// here uses.
pub(crate) fn is_stand_in(cx: &Context<'_>, workload: &Workload, image: &Image) -> bool {
    let scope = &cx.platform.scope;
    let is_base = workload.id.home().deployment.is_some_and(|id| {
        let deployment = scope.deployments.get(id.0 as usize);
        scope.by_default.contains(&id) && deployment.is_some_and(|d| d.kind == DeploymentKind::Kustomize)
    });
    let is_bare = image.registry.is_none() && !image.repository.contains('/') && image.digest.is_none();
    let has_version = |tag: &str| !is_moving(tag) && tag.contains(|c: char| c.is_ascii_digit());
    is_base && is_bare && !image.tag.as_ref().is_some_and(|tag| has_version(&tag.value))
}

/// Whether a tag is intended to move.
pub(crate) fn is_moving(tag: &str) -> bool {
    MOVING.contains(&tag.to_ascii_lowercase().as_str())
}
