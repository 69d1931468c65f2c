//! Pods and containers.

use super::{Out, PORT, count_present, invalid, invalid_map, missing, object, probe, unique, volume, within};
use crate::kubernetes::schema::cursor::Cursor;
use crate::kubernetes::schema::scalar;

/// Containers and volumes of a pod (`ValidatePodSpec`, `validateContainers`, `ValidateVolumes`; ephemeral
/// containers `ValidatePodCreate`, `ValidatePodTemplateSpec`).
pub(super) fn spec<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if let Some(containers) = at.get("containers") {
        if matches!(&containers.node.value, cofferdam_syntax::tree::Value::Seq(items) if items.is_empty()) {
            out.push(invalid_map(&containers, "is empty", "Add a container."));
        }
        unique(&containers, "name", "container", out);
        names_apart(at, &containers, out);
    }
    if let Some(init) = at.get("initContainers") {
        unique(&init, "name", "container", out);
        for container in init.each() {
            probe::of_init_container(&container, out);
        }
    }
    if let Some(volumes) = at.get("volumes") {
        unique(&volumes, "name", "volume", out);
    }
    if let Some(debug) = at.get("ephemeralContainers")
        && !debug.node.items().is_empty()
    {
        out.push(invalid_map(
            &debug,
            "cannot be set in a manifest: such containers are only added to a running pod",
            "Remove it, and use `kubectl debug`.",
        ));
    }
    if at.text_of("hostNetwork") == Some("true") {
        host_ports(at, out);
    }
    within(at, "activeDeadlineSeconds", super::POSITIVE, out);
    if at.text_of("dnsPolicy") == Some("None")
        && at.node.at("dnsConfig/nameservers").is_none_or(|n| n.is_null())
    {
        out.push(missing(at, "dnsConfig.nameservers"));
    }
}

/// An init container may not have the name of a container.
fn names_apart(at: &Cursor<'_>, containers: &Cursor<'_>, out: &mut Out) {
    let Some(init) = at.get("initContainers") else {
        return;
    };
    for (index, item) in init.node.items().iter().enumerate() {
        let Some(name) = item.get("name").and_then(|n| n.as_str()) else {
            continue;
        };
        let taken = |c: &cofferdam_syntax::tree::Node| c.get("name").and_then(|n| n.as_str()) == Some(name);
        if containers.node.items().iter().any(taken) && !scalar::templated(name) {
            let item = init.item(index, item);
            if let Some(value) = item.get("name") {
                out.push(invalid(
                    &value,
                    format!("is `{name}`, which a container has too"),
                    "Give every container and init container its own name.",
                ));
            }
        }
    }
}

/// On the host's network a container's port is the host's (`checkHostPortConflicts`, `validateHostNetwork`).
fn host_ports(at: &Cursor<'_>, out: &mut Out) {
    let Some(containers) = at.get("containers") else {
        return;
    };
    for container in containers.each() {
        let Some(ports) = container.get("ports") else {
            continue;
        };
        for port in ports.each() {
            if let (Some(host), Some(own)) = (port.int_of("hostPort"), port.int_of("containerPort"))
                && host != own
                && host != 0
                && let Some(value) = port.get("hostPort")
            {
                out.push(invalid(
                    &value,
                    format!("is {host} and must be the containerPort {own}, because the pod is on the host's network"),
                    "Remove `hostPort`.",
                ));
            }
        }
    }
}

/// A container (`validateContainerCommon`).
pub(super) fn container<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if let Some(name) = at.get("name")
        && let Some(text) = name.text()
        && !scalar::is_label(text)
        && !scalar::placeholder(text)
    {
        out.push(invalid(
            &name,
            format!("is `{text}`, which is not a valid container name"),
            "Write at most 63 of a-z, 0-9 and -, letters or digits at the ends.",
        ));
    }
    probe::of_container(at, out);
    if let Some(ports) = at.get("ports") {
        unique(&ports, "name", "port", out);
    }
    if let Some(mounts) = at.get("volumeMounts") {
        unique(&mounts, "mountPath", "mount", out);
        for mount in mounts.each() {
            volume::mount(&mount, out);
        }
    }
}

/// A port of a container (`validateContainerPorts`).
pub(super) fn container_port<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "containerPort", PORT, out);
    within(at, "hostPort", (0, 65_535), out);
    if let Some(name) = at.get("name")
        && let Some(text) = name.text()
        && !text.is_empty()
        && !scalar::is_port_name(text)
    {
        out.push(invalid(
            &name,
            format!("is `{text}`, which is not a valid port name"),
            "Write at most 15 of a-z, 0-9 and -, a letter among them.",
        ));
    }
}

/// Where a variable's value comes from: at most one place (`validateEnvVarValueFrom`).
pub(super) fn variable<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(from) = at.get("valueFrom") else {
        return;
    };
    if at
        .node
        .get("value")
        .and_then(|v| v.as_str())
        .is_some_and(|v| !v.is_empty())
    {
        out.push(invalid_map(
            &from,
            "is set together with `value`; a variable has one of the two",
            "Remove `value` or `valueFrom`.",
        ));
    }
    let Some(map) = from.node.as_map() else { return };
    let known = count_present(
        &from,
        &[
            "fieldRef",
            "resourceFieldRef",
            "configMapKeyRef",
            "secretKeyRef",
            "fileKeyRef",
        ],
    );
    if map.is_empty() || known > 1 {
        out.push(invalid_map(
            &from,
            "must name exactly one source",
            "Keep one of fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef.",
        ));
    }
}

/// Names and amounts of resources (`validateContainerResourceName`, `ValidateNonnegativeQuantity`).
pub(super) fn resources<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    for section in ["requests", "limits"] {
        let Some(amounts) = at.get(section) else { continue };
        for (key, value) in amounts.node.entries() {
            let amount = amounts.child(key, value);
            let name = &*key.text;
            let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage")
                || name.starts_with("hugepages-")
                || name.contains('/');
            // Claims for volumes share the type and have `storage`.
            let claim = name == "storage";
            if !standard && !claim && !scalar::templated(name) {
                let known = cofferdam_syntax::nearest::nearest(name, ["cpu", "memory", "ephemeral-storage"]);
                out.push(invalid_map(
                    &amount,
                    "is not a resource of a container",
                    known.map_or_else(
                        || "Write cpu, memory, ephemeral-storage or a name with a domain.".to_owned(),
                        |k| format!("Write `{k}`."),
                    ),
                ));
            }
            if amount.text().and_then(scalar::quantity).is_some_and(|q| q < 0.0) {
                out.push(invalid(&amount, "is negative", "Write 0 or more."));
            }
        }
    }
}

/// Rights that contradict each other (`ValidateSecurityContext`).
pub(super) fn security_context<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if at.text_of("privileged") == Some("true")
        && let Some(escalation) = at.get("allowPrivilegeEscalation")
        && escalation.text() == Some("false")
    {
        out.push(invalid(
            &escalation,
            "is false although `privileged` is true",
            "Remove one of the two.",
        ));
    }
}

/// A toleration (`ValidateTolerations`).
pub(super) fn toleration<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let operator = at.text_of("operator");
    let has_text = |field| {
        at.node
            .get(field)
            .and_then(|n| n.as_str())
            .is_some_and(|t| !t.is_empty())
    };
    if operator == Some("Exists")
        && has_text("value")
        && let Some(value) = at.get("value")
    {
        out.push(invalid(
            &value,
            "must be absent with the operator Exists",
            "Remove `value`, or use the operator Equal.",
        ));
    }
    if !at.has("key") && (operator == Some("Equal") || (operator.is_none() && !at.has("operator"))) {
        out.push(invalid_map(
            at,
            "has no key, and then its operator must be Exists",
            "Add `key`, or write `operator: Exists`.",
        ));
    }
    if at.has("tolerationSeconds")
        && let Some(effect) = at.text_of("effect")
        && effect != "NoExecute"
        && let Some(seconds) = at.get("tolerationSeconds")
    {
        out.push(invalid(
            &seconds,
            format!("is allowed only with the effect NoExecute, and the effect is {effect}"),
            "Remove `tolerationSeconds`.",
        ));
    }
}

/// A spread over nodes or zones (`validateTopologySpreadConstraints`).
pub(super) fn spread<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "maxSkew", super::POSITIVE, out);
    within(at, "minDomains", super::POSITIVE, out);
}

/// Weights of preferences are 1 to 100 (`validateWeightedPodAffinityTerms`, `ValidatePreferredSchedulingTerms`).
pub(super) fn weight<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "weight", (1, 100), out);
}

/// An expression over labels of nodes (`ValidateNodeSelectorRequirement`).
pub(super) fn node_requirement<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    object::values_fit_operator(at, out);
    if let Some(operator @ ("Gt" | "Lt")) = at.text_of("operator")
        && let Some(values) = at.get("values")
        && let cofferdam_syntax::tree::Value::Seq(items) = &values.node.value
        && items.len() != 1
    {
        out.push(invalid_map(
            &values,
            format!("must be one value with the operator {operator}"),
            "Write one value.",
        ));
    }
}

/// Reports a pod that does not restart as its owner requires.
pub(super) fn restart_policy(template: &Cursor<'_>, allowed: &[&str], owner: &str, out: &mut Out) {
    let Some(spec) = template.get("spec") else { return };
    if spec.node.as_map().is_none() {
        return;
    }
    let remedy = || {
        format!(
            "Write `restartPolicy: {}`.",
            allowed.join("` or `restartPolicy: ")
        )
    };
    match spec.get("restartPolicy") {
        // Absent it is Always (`SetDefaults_PodSpec`).
        None if !allowed.contains(&"Always") => out.push(invalid_map(
            &spec,
            format!(
                "has no restartPolicy, so it is Always; {owner} accepts only {}",
                present_list(allowed)
            ),
            remedy(),
        )),
        None => {}
        Some(policy) => {
            if let Some(text) = policy.text().filter(|t| !t.is_empty())
                && ["Always", "OnFailure", "Never"].contains(&text)
                && !allowed.contains(&text)
            {
                out.push(invalid(
                    &policy,
                    format!("is {text}, and {owner} accepts only {}", present_list(allowed)),
                    remedy(),
                ));
            }
        }
    }
}

fn present_list(names: &[&str]) -> String {
    names.join(" and ")
}
