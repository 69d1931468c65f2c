//! Task definitions of Amazon ECS as files, which `aws ecs register-task-definition --cli-input-json` and deploy actions
//! take. They say what one task runs. How many tasks run, and what else a task gets, is set elsewhere, so a task is a
//! fragment: what it sets is judged, and nothing is claimed about what it lacks.
//!
//! Source of fields and units: Amazon ECS documentation, "Task definition parameters". 1024 CPU units are one vCPU, memory
//! is in MiB, `memory` is the limit of a container and `memoryReservation` its request, and without `memory` of its own a
//! container may use all of the task's.

use crate::context::Place;
use crate::facts::NodeFacts as _;
use crate::kubernetes::container::image;
use crate::{arguments, secret_scan};
use cofferdam_model::secrets::{Passage, SecretUse};
use cofferdam_model::workload::{
    Completeness, Container, Lifecycle, ObjectId, Rollout, Spread, Volume, VolumeKind, Workload,
};
use cofferdam_model::{Bytes, Cpu, Fact, Owner, Parts, Texts, Variable, VariableValue, Variables};
use cofferdam_syntax::tree::Node;
use std::collections::BTreeMap;
use std::time::Duration;

/// Name of the format in reports.
pub const FORMAT: &str = "Amazon ECS";

/// Kind of a task in an [`ObjectId`].
const KIND: &str = "ECS task";

/// Whether a tree is a task definition, as it is registered or as `describe-task-definition` prints it.
pub fn is_task_definition(node: &Node) -> bool {
    let task = definition(node);
    let containers = task.get("containerDefinitions").map_or(&[][..], Node::items);
    task.get("family").is_some_and(|family| family.as_str().is_some())
        && !containers.is_empty()
        && containers
            .iter()
            .all(|container| container.get("image").is_some())
}

fn definition(node: &Node) -> &Node {
    node.get("taskDefinition").unwrap_or(node)
}

/// Reads one task definition.
pub fn read(node: &Node, _: Place<'_>) -> Parts {
    let task = definition(node);
    let mut parts = Parts::default();
    let Some(family) = task.get("family") else {
        return parts;
    };
    let name = family.as_str().unwrap_or_default();
    let listed = task.get("containerDefinitions").map_or(&[][..], Node::items);
    let alone = listed.len() == 1;
    let mut containers: Vec<Container> = listed
        .iter()
        .map(|one| container(one, name, &mut parts))
        .collect();
    if let (true, [one]) = (alone, containers.as_mut_slice()) {
        let of_task = |key: &str| task.get(key);
        one.memory_limit = one
            .memory_limit
            .take()
            .or_else(|| of_task("memory")?.fact(memory));
        one.cpu_limit = one.cpu_limit.take().or_else(|| of_task("cpu")?.fact(cpu));
    }
    let stops = listed.iter().filter_map(|one| one.get("stopTimeout")?.u32_fact());
    let grace = stops.max_by_key(|seconds| seconds.value);
    parts.workloads.push(Workload {
        id: ObjectId {
            kind: KIND.to_owned(),
            namespace: None,
            deployment: None,
            name: name.to_owned(),
        },
        span: family.span,
        completeness: Completeness::Fragment,
        lifecycle: Lifecycle::Service,
        owner: Owner::named(name),
        replicas: None,
        rollout: Rollout::default(),
        labels: Texts::new(),
        annotations: Texts::new(),
        containers,
        init_containers: Vec::new(),
        grace: grace.map(|seconds| seconds.map(|s| Duration::from_secs(s.into()))),
        service_account: None,
        volumes: volumes(task),
        spread: Spread::default(),
        priority_class: None,
        fields: Texts::new(),
    });
    parts
}

fn container(node: &Node, family: &str, parts: &mut Parts) -> Container {
    let name = node.get("name");
    let words = ["entryPoint", "command"].iter().filter_map(|key| node.get(key));
    let command: Vec<_> = words.flat_map(arguments::words).collect();
    parts.secret_literals.extend(arguments::secrets(&command, true));
    let ports = node.get("portMappings").map_or(&[][..], Node::items);
    let mounts = node.get("mountPoints").map_or(&[][..], Node::items);
    Container {
        name: name.and_then(Node::as_str).unwrap_or(family).to_owned(),
        span: Some(name.unwrap_or(node).span),
        image: node.get("image").and_then(image),
        command,
        variables: variables(node, family, parts),
        cpu_request: node
            .get("cpu")
            .and_then(|n| n.fact(cpu))
            .filter(|cpu| cpu.value.0 > 0),
        memory_limit: node.get("memory").and_then(|n| n.fact(memory)),
        memory_request: node.get("memoryReservation").and_then(|n| n.fact(memory)),
        ports: ports
            .iter()
            .filter_map(|port| {
                let name = port.get("name").and_then(Node::as_str).map(str::to_owned);
                Some((name, port.get("containerPort")?.u32_fact()?))
            })
            .collect(),
        mounts: mounts
            .iter()
            .filter_map(|mount| {
                let volume = mount.get("sourceVolume")?.as_str()?.to_owned();
                Some((volume, mount.get("containerPath")?.text_fact()?))
            })
            .collect(),
        ..Container::default()
    }
}

/// `environment`, whose values are in the file, and `secrets`, whose values are at AWS.
fn variables(node: &Node, family: &str, parts: &mut Parts) -> Variables {
    let mut variables = BTreeMap::new();
    for entry in node.get("environment").map_or(&[][..], Node::items) {
        let (Some(name), Some(value)) = (entry.get("name"), entry.get("value")) else {
            continue;
        };
        let (Some(text), Some(written)) = (name.as_str(), value.as_str()) else {
            continue;
        };
        if let Some(found) = secret_scan::classify(text, written) {
            parts.secret_uses.push(SecretUse {
                owner: Owner::named(family),
                span: value.span,
                name: text.to_owned(),
                kind: found.0,
                passage: Passage::EnvironmentLiteral,
                dynamic: None,
            });
            let literal = secret_scan::literal(text, written, value.span, found);
            parts.secret_literals.push(literal);
        }
        let variable = Variable {
            name_span: name.span,
            value: Fact::declared(VariableValue::Literal(written.to_owned()), value.span),
        };
        variables.insert(text.to_owned(), variable.into());
    }
    for entry in node.get("secrets").map_or(&[][..], Node::items) {
        let (Some(name), Some(from)) = (entry.get("name"), entry.get("valueFrom")) else {
            continue;
        };
        let Some(text) = name.as_str() else { continue };
        let value = VariableValue::Unknown("a secret or parameter of AWS".to_owned());
        let variable = Variable {
            name_span: name.span,
            value: Fact::declared(value, from.span),
        };
        variables.insert(text.to_owned(), variable.into());
    }
    variables
}

fn volumes(task: &Node) -> Vec<Volume> {
    let listed = task.get("volumes").map_or(&[][..], Node::items);
    let volume = |node: &Node| {
        let name = node.get("name")?;
        let shared = [
            "efsVolumeConfiguration",
            "fsxWindowsFileServerVolumeConfiguration",
        ];
        let path = node.at("host/sourcePath").and_then(Node::as_str);
        let kind = match path {
            Some(path) => VolumeKind::HostPath(path.to_owned()),
            None if shared.iter().any(|key| node.get(key).is_some()) => {
                VolumeKind::Claim(name.as_str()?.to_owned())
            }
            // The task's own storage, whose size the task bounds.
            None => VolumeKind::BoundedEmptyDir,
        };
        Some(Volume {
            name: name.as_str()?.to_owned(),
            span: name.span,
            kind,
        })
    };
    listed.iter().filter_map(volume).collect()
}

/// CPU units (`256`), or vCPUs as the console writes them (`.25 vCPU`).
fn cpu(text: &str) -> Option<Cpu> {
    let thousandths = match text.trim().to_ascii_lowercase().strip_suffix("vcpu") {
        Some(cores) => cores.trim().parse::<f64>().ok()? * 1000.0,
        None => text.trim().parse::<f64>().ok()? / 1024.0 * 1000.0,
    };
    // Far above the largest task (16 vCPU); an f64 is exact below it.
    (0.0..1e9)
        .contains(&thousandths)
        .then(|| Cpu(thousandths.round() as u64))
}

/// MiB (`512`), or GiB as the console writes them (`0.5 GB`).
fn memory(text: &str) -> Option<Bytes> {
    const MIB: f64 = 1024.0 * 1024.0;
    let bytes = match text.trim().to_ascii_lowercase().strip_suffix("gb") {
        Some(gib) => gib.trim().parse::<f64>().ok()? * 1024.0 * MIB,
        None => text.trim().parse::<f64>().ok()? * MIB,
    };
    (1.0..9e15).contains(&bytes).then_some(Bytes(bytes as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::read_files;
    use cofferdam_model::Platform;

    const TASK: &str = r#"{
  "family": "till",
  "cpu": "512", "memory": "1 GB",
  "containerDefinitions": [{
    "name": "app", "image": "registry.example.com/till:7",
    "entryPoint": ["gunicorn"], "command": ["-w", "4"], "stopTimeout": 60,
    "portMappings": [{"containerPort": 8080, "name": "web"}],
    "environment": [{"name": "DB_POOL_SIZE", "value": "20"}],
    "secrets": [{"name": "DB_PASSWORD", "valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:till"}]
  }],
  "volumes": [{"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}, {"name": "scratch"}]
}"#;

    fn platform(text: &str) -> Platform {
        read_files([("deploy/task-definition.json".into(), text.as_bytes().to_vec())])
    }

    #[test]
    fn a_task_definition_is_a_workload_with_its_containers() {
        let wrapped = format!("{{\"taskDefinition\": {TASK}}}");
        for text in [TASK, wrapped.as_str()] {
            let platform = platform(text);
            let task = &platform.environments[0].workloads[0];
            assert_eq!((task.id.kind.as_str(), task.id.name.as_str()), (KIND, "till"));
            assert_eq!(task.completeness, Completeness::Fragment);
            assert_eq!(task.grace.as_ref().unwrap().value, Duration::from_secs(60));
            let app = &task.containers[0];
            assert_eq!(
                app.image.as_ref().unwrap().text.value,
                "registry.example.com/till:7"
            );
            let words: Vec<&str> = app.command.iter().map(|w| w.value.as_str()).collect();
            assert_eq!(words, ["gunicorn", "-w", "4"]);
            assert_eq!(app.ports[0].1.value, 8080);
            let pool = &app.variables["DB_POOL_SIZE"].value.value;
            assert_eq!(*pool, VariableValue::Literal("20".to_owned()));
            let password = &app.variables["DB_PASSWORD"].value.value;
            assert!(matches!(password, VariableValue::Unknown(_)));
            // The one container may use all of the task: 512 units are half a core, 1 GB is 1024 MiB.
            assert_eq!(app.cpu_limit.as_ref().unwrap().value, Cpu(500));
            assert_eq!(app.memory_limit.as_ref().unwrap().value, Bytes(1 << 30));
            assert_eq!(task.volumes[0].kind, VolumeKind::Claim("shared".to_owned()));
            assert!(platform.reading.notes.is_empty(), "{:?}", platform.reading.notes);
        }
    }

    #[test]
    fn limits_of_a_task_are_shared_by_several_containers() {
        let sidecar = r#"{"name": "log", "image": "fluent/fluent-bit:3", "memory": 64, "memoryReservation": 32, "cpu": 128},"#;
        let two = TASK.replace(
            "\"containerDefinitions\": [",
            &format!("\"containerDefinitions\": [{sidecar}"),
        );
        let platform = platform(&two);
        let containers = &platform.environments[0].workloads[0].containers;
        let log = &containers[0];
        assert_eq!(log.memory_limit.as_ref().unwrap().value, Bytes(64 << 20));
        assert_eq!(log.memory_request.as_ref().unwrap().value, Bytes(32 << 20));
        assert_eq!(log.cpu_request.as_ref().unwrap().value, Cpu(125));
        assert!(containers[1].memory_limit.is_none() && containers[1].cpu_limit.is_none());
    }

    #[test]
    fn a_secret_in_clear_is_found_and_one_kept_at_aws_is_not() {
        let text = TASK.replace(
            "{\"name\": \"DB_POOL_SIZE\", \"value\": \"20\"}",
            "{\"name\": \"DB_PASSWORD\", \"value\": \"Xk29vRq81LmZ\"}",
        );
        let literals = |text: &str| platform(text).environments[0].secret_literals.len();
        assert_eq!((literals(&text), literals(TASK)), (1, 0));
    }

    #[test]
    fn other_json_is_not_a_task_definition() {
        for text in [
            r#"{"family": "till"}"#,
            r#"{"family": "till", "containerDefinitions": []}"#,
            r#"{"containerDefinitions": [{"image": "a"}]}"#,
            r#"{"family": "till", "containerDefinitions": [{"name": "a"}]}"#,
            r#"{"family": ["x"], "containerDefinitions": [{"image": "a"}]}"#,
        ] {
            assert!(platform(text).environments[0].workloads.is_empty(), "{text}");
        }
    }

    #[test]
    fn units_are_those_of_ecs() {
        assert_eq!(
            (cpu("256"), cpu(".25 vCPU"), cpu("x")),
            (Some(Cpu(250)), Some(Cpu(250)), None)
        );
        assert_eq!(memory("0.5 GB"), Some(Bytes(512 << 20)));
        assert_eq!((memory("-1"), memory("1e30"), cpu("-2")), (None, None, None));
    }
}
