//! LimitRanges: requests and limits that the API server gives to containers without their own.

use super::object::Object;
use crate::facts::NodeFacts as _;
use cofferdam_model::workload::{Completeness, ContainerDefaults, Workload};
use cofferdam_model::{Bytes, Cpu, Parts};
use cofferdam_syntax::tree::Node;

/// Reads a LimitRange; returns whether the object is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    if object.id.kind != "LimitRange" || !object.group.is_empty() {
        return false;
    }
    for limit in object.at("spec/limits").map_or(&[][..], Node::items) {
        if limit.get("type").and_then(Node::as_str) == Some("Container") {
            parts.container_defaults.push(defaults(limit, object));
        }
    }
    true
}

/// If no default request is set, it is the default limit.
fn defaults(limit: &Node, object: &Object<'_>) -> ContainerDefaults {
    let cpu = |path: &str| limit.at(path).and_then(|n| n.fact(Cpu::parse));
    let memory = |path: &str| limit.at(path).and_then(|n| n.fact(Bytes::parse));
    ContainerDefaults {
        namespace: object.id.namespace.clone(),
        deployment: None,
        cpu_request: cpu("defaultRequest/cpu").or_else(|| cpu("default/cpu")),
        cpu_limit: cpu("default/cpu"),
        memory_request: memory("defaultRequest/memory").or_else(|| memory("default/memory")),
        memory_limit: memory("default/memory"),
        storage_limit: limit.at("default/ephemeral-storage").and_then(Node::text_fact),
    }
}

/// Gives the containers of each namespace its defaults, as the server does: a written limit is also the
/// request, and only unset fields are filled.
pub(super) fn finish(parts: &mut Parts) {
    if parts.container_defaults.is_empty() {
        return;
    }
    let defaults = &parts.container_defaults;
    let whole = parts
        .workloads
        .iter_mut()
        .filter(|w| w.completeness == Completeness::Whole);
    for workload in whole {
        for defaults in defaults {
            // If one namespace is known and the other is not, this is undecided.
            let same = defaults.namespace == workload.id.namespace;
            if same && defaults.home().is_related(workload.id.home()) {
                fill(workload, defaults);
            }
        }
    }
}

fn fill(workload: &mut Workload, defaults: &ContainerDefaults) {
    const STORAGE: &str = "resources.limits.ephemeral-storage";
    for container in workload
        .containers
        .iter_mut()
        .chain(&mut workload.init_containers)
    {
        if container.cpu_limit.is_none() && container.cpu_request.is_none() {
            container.cpu_request.clone_from(&defaults.cpu_request);
        }
        if container.memory_limit.is_none() && container.memory_request.is_none() {
            container.memory_request.clone_from(&defaults.memory_request);
        }
        if container.cpu_limit.is_none() {
            container.cpu_limit.clone_from(&defaults.cpu_limit);
        }
        if container.memory_limit.is_none() {
            container.memory_limit.clone_from(&defaults.memory_limit);
        }
        if let (Some(limit), false) = (&defaults.storage_limit, container.fields.contains_key(STORAGE)) {
            container.fields.insert(STORAGE.to_owned(), limit.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{finished, read};
    use cofferdam_model::{Bytes, Cpu, DeploymentId};

    const RANGE: &str = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: d, namespace: shop}\nspec: {limits: [{type: Pod, max: {cpu: 4}}, {type: Container, default: {memory: 512Mi, ephemeral-storage: 1Gi}, defaultRequest: {cpu: 100m}}]}\n---\n";

    fn deployment(resources: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{template: {{spec: {{containers: [{{name: web, image: 'a:1', resources: {resources}}}]}}}}}}\n"
        )
    }

    #[test]
    fn a_limit_range_fills_unset_values_only_in_its_namespace() {
        let env = finished(&(RANGE.to_owned() + &deployment("{}")));
        let container = &env.workloads[0].containers[0];
        assert_eq!(container.cpu_request.as_ref().unwrap().value, Cpu(100));
        assert!(container.cpu_limit.is_none());
        let limit = Bytes(512 << 20);
        assert_eq!(container.memory_limit.as_ref().unwrap().value, limit);
        assert_eq!(
            container.memory_request.as_ref().unwrap().value,
            limit,
            "the default request is the default limit"
        );
        assert!(
            container
                .fields
                .contains_key("resources.limits.ephemeral-storage")
        );
        let other = RANGE.replace("shop", "staff") + &deployment("{}");
        assert!(finished(&other).workloads[0].containers[0].memory_limit.is_none());
    }

    #[test]
    fn a_limit_range_of_another_deployment_fills_nothing_without_a_namespace() {
        let text = (RANGE.to_owned() + &deployment("{}")).replace(", namespace: shop", "");
        let mut env = read(&text);
        env.container_defaults[0].deployment = Some(DeploymentId(0));
        env.workloads[0].id.deployment = Some(DeploymentId(1));
        super::finish(&mut env);
        assert!(env.workloads[0].containers[0].memory_limit.is_none());
        env.workloads[0].id.deployment = Some(DeploymentId(0));
        super::finish(&mut env);
        assert!(env.workloads[0].containers[0].memory_limit.is_some());
    }

    #[test]
    fn a_limit_range_does_not_override_the_container() {
        let env = finished(&(RANGE.to_owned() + &deployment("{limits: {cpu: 1, memory: 1Gi}}")));
        let container = &env.workloads[0].containers[0];
        assert_eq!(container.memory_limit.as_ref().unwrap().value, Bytes(1 << 30));
        assert!(
            container.memory_request.is_none() && container.cpu_request.is_none(),
            "a limit that is written stands for the request"
        );
    }
}
