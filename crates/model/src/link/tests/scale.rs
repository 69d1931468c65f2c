//! How many instances a service has, and who scales it.

use super::{autoscaler, declared, deployment, env, in_namespace, object, span, workload};
use crate::delivery::DanglingKind;
use crate::link::link;
use crate::owner::Owner;
use crate::platform::Service;
use crate::scaling::Autoscaler;
use crate::source::Fact;
use crate::workload::{Amount, Completeness, Workload};

// --- scale ---

fn scale_of(
    workload: Workload,
    autoscalers: Vec<Autoscaler>,
) -> (Option<u32>, Option<u32>, Option<u32>, Option<u32>) {
    let mut env = env("production");
    env.workloads = vec![workload];
    env.autoscalers = autoscalers;
    link(&mut env);
    let scale = &env.services[0].scale;
    let value = |f: &Option<Fact<u32>>| f.as_ref().map(|f| f.value);
    (
        value(&scale.current),
        value(&scale.min),
        value(&scale.max),
        value(&scale.surge),
    )
}

#[test]
fn missing_replicas_are_one_and_assumed() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    link(&mut env);
    let scale = &env.services[0].scale;
    assert_eq!(
        scale.max,
        Some(Fact::assumed(1, "replicas is not set; Kubernetes runs 1"))
    );
    // 25 % of 1, rounded up.
    assert_eq!(
        scale.surge.as_ref().map(|s| (s.value, s.is_assumed())),
        Some((1, true))
    );
}

#[test]
fn surge_depends_on_kind_and_strategy() {
    let with = |kind: &str, replicas: u32, strategy: Option<&str>, surge: Option<Amount>| {
        let mut workload = workload(kind, "api");
        workload.replicas = declared(replicas);
        workload.rollout.strategy = strategy.and_then(|s| declared(s.to_owned()));
        workload.rollout.max_surge = surge.and_then(declared);
        scale_of(workload, Vec::new()).3
    };
    // 25 % of 50 is 12.5, rounded up 13.
    assert_eq!(with("Deployment", 50, None, None), Some(13));
    assert_eq!(with("Deployment", 50, None, Some(Amount::Count(2))), Some(2));
    assert_eq!(
        with(
            "Deployment",
            7,
            Some("RollingUpdate"),
            Some(Amount::Percent(50.0))
        ),
        Some(4)
    );
    assert_eq!(with("Deployment", 50, Some("Recreate"), None), Some(0));
    assert_eq!(with("StatefulSet", 50, None, None), Some(0));
    assert_eq!(with("Rollout", 6, Some("BlueGreen"), None), Some(6));
}

#[test]
fn an_autoscaler_sets_the_limits_and_its_unset_minimum_is_one() {
    let mut twelve = deployment("api");
    twelve.replicas = declared(12);
    let hpa = autoscaler(
        "HorizontalPodAutoscaler",
        Some(object("Deployment", "api")),
        (None, Some(50)),
    );
    assert_eq!(
        scale_of(twelve, vec![hpa]),
        (Some(12), Some(1), Some(50), Some(13))
    );
    let hpa = autoscaler(
        "HorizontalPodAutoscaler",
        Some(object("Deployment", "api")),
        (Some(10), Some(50)),
    );
    assert_eq!(
        scale_of(deployment("api"), vec![hpa]),
        (Some(10), Some(10), Some(50), Some(13))
    );
}

#[test]
fn the_autoscaler_of_kubernetes_overrides_other_formats_and_rivals_are_kept() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    let mut other = autoscaler("Grand Central", None, (Some(3), Some(80)));
    other.owner = Owner::named("api");
    env.autoscalers = vec![
        other,
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "api")),
            (Some(2), Some(50)),
        ),
    ];
    link(&mut env);
    let api = &env.services[0];
    assert_eq!(api.scale.max.as_ref().map(|m| m.value), Some(50));
    assert_eq!(api.autoscalers.iter().map(|a| a.0).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(env.autoscalers[0].workload, env.autoscalers[1].workload);
}

#[test]
fn stated_replicas_override_the_autoscaler() {
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    env.autoscalers = vec![autoscaler(
        "HorizontalPodAutoscaler",
        Some(object("Deployment", "api")),
        (Some(2), Some(50)),
    )];
    let mut stated = Service {
        name: "api".to_owned(),
        ..Service::default()
    };
    stated.scale.max = Some(Fact::stated(40, span(8)));
    env.services.push(stated);
    link(&mut env);
    let scale = &env.services[0].scale;
    assert_eq!(scale.max.as_ref().map(|m| m.value), Some(40));
    assert_eq!(scale.min.as_ref().map(|m| m.value), Some(2));
}

#[test]
fn an_autoscaler_without_a_target_is_reported_with_the_nearest_name() {
    let mut env = env("production");
    env.workloads = vec![deployment("data-collector"), workload("StatefulSet", "store")];
    env.autoscalers = vec![
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "data-colector")),
            (None, None),
        ),
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "store")),
            (None, None),
        ),
        // A kind that no reader knows may still exist.
        autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("CloneSet", "data-collector")),
            (None, None),
        ),
    ];
    link(&mut env);
    let told: Vec<_> = env
        .dangling
        .iter()
        .map(|d| (d.kind, d.name.value.as_str(), d.nearest.as_deref(), d.certain))
        .collect();
    assert_eq!(
        told,
        [
            (
                DanglingKind::ScaleTarget,
                "data-colector",
                Some("data-collector"),
                true
            ),
            (
                DanglingKind::ScaleTarget,
                "store",
                Some("StatefulSet store"),
                true
            ),
        ]
    );
}

#[test]
fn an_autoscaler_scales_in_its_own_namespace() {
    let mut env = env("production");
    env.workloads = vec![
        in_namespace(deployment("api"), "a"),
        in_namespace(deployment("api"), "b"),
    ];
    let mut target = object("Deployment", "api");
    target.namespace = Some("b".to_owned());
    env.autoscalers = vec![autoscaler(
        "HorizontalPodAutoscaler",
        Some(target),
        (Some(1), Some(9)),
    )];
    link(&mut env);
    let most: Vec<_> = env
        .services
        .iter()
        .map(|s| s.scale.max.as_ref().map(|m| m.value))
        .collect();
    assert_eq!(most, [Some(1), Some(9)]);
}

#[test]
fn a_patch_that_was_not_applied_overrides_the_limits_of_its_autoscaler() {
    let limits = |patches: usize| {
        let mut env = env("production");
        env.workloads = vec![deployment("api")];
        let mut base = autoscaler(
            "HorizontalPodAutoscaler",
            Some(object("Deployment", "api")),
            (Some(2), Some(4)),
        );
        base.name = "api".to_owned();
        let mut patch = autoscaler("HorizontalPodAutoscaler", None, (Some(6), None));
        patch.name = "api".to_owned();
        patch.completeness = Completeness::Fragment;
        env.autoscalers = vec![base];
        env.autoscalers.extend(vec![patch; patches]);
        link(&mut env);
        let scale = &env.services[0].scale;
        (
            scale.min.as_ref().map(|m| m.value),
            scale.max.as_ref().map(|m| m.value),
        )
    };
    assert_eq!(limits(0), (Some(2), Some(4)));
    assert_eq!(limits(1), (Some(6), Some(4)));
    // Two overlays patch it: neither applies to both.
    assert_eq!(limits(2), (Some(2), Some(4)));
}

#[test]
fn an_autoscaler_of_another_deployment_has_no_missing_target() {
    use crate::scope::DeploymentId;
    let mut env = env("production");
    env.workloads = vec![deployment("api")];
    env.workloads[0].id.deployment = Some(DeploymentId(0));
    let mut target = object("Deployment", "api");
    target.deployment = Some(DeploymentId(1));
    env.autoscalers = vec![autoscaler(
        "HorizontalPodAutoscaler",
        Some(target),
        (Some(2), Some(4)),
    )];
    link(&mut env);
    assert!(env.autoscalers[0].workload.is_none());
    assert!(env.dangling.is_empty(), "{:?}", env.dangling);
}
