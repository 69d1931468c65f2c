//! Probes and lifecycle hooks (`validateProbe`, `validateHandler`, `validateLifecycle`).

use super::{COUNT, Out, count_present, invalid, invalid_map, port_or_name, within};
use crate::kubernetes::schema::cursor::Cursor;

/// Ways to check a container.
const ASK: &[&str] = &["exec", "grpc", "httpGet", "tcpSocket"];
/// Ways to act on a container.
const ACT: &[&str] = &["exec", "httpGet", "sleep", "tcpSocket"];

/// A probe: one kind of check, counts not negative.
pub(super) fn probe<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    handler(at, ASK, out);
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        within(at, field, COUNT, out);
    }
    within(at, "terminationGracePeriodSeconds", super::POSITIVE, out);
    if let Some(grpc) = at.get("grpc") {
        within(&grpc, "port", super::PORT, out);
    }
}

/// Hooks after start and before stop.
pub(super) fn lifecycle<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = at.get(hook) {
            handler(&hook, ACT, out);
        }
    }
}

fn handler(at: &Cursor<'_>, ways: &[&str], out: &mut Out) {
    let Some(map) = at.node.as_map() else { return };
    let count = count_present(at, ways);
    if count > 1 {
        out.push(invalid_map(
            at,
            format!(
                "has several handlers ({}) and may have one",
                super::present(at, ways).join(", ")
            ),
            "Keep one of them.",
        ));
    }
    // A handler with an unknown or misspelt name is reported as such.
    let only_known = || {
        map.iter().all(|(key, value)| {
            !value.is_null() && (key.text.ends_with("Seconds") || key.text.ends_with("Threshold"))
        })
    };
    if count == 0 && only_known() {
        out.push(invalid_map(
            at,
            format!("has no handler ({})", ways.join(", ")),
            format!("Add one of {}.", ways.join(", ")),
        ));
    }
    for way in ["httpGet", "tcpSocket"] {
        if let Some(target) = at.get(way) {
            port_or_name(&target, "port", out);
        }
    }
}

/// Fields that only some of a container's probes may have.
pub(super) fn of_container(at: &Cursor<'_>, out: &mut Out) {
    for name in ["livenessProbe", "startupProbe"] {
        let Some(probe) = at.get(name) else { continue };
        if let Some(threshold) = probe.get("successThreshold")
            && let Some(number) = threshold.int()
            && number > 1
        {
            out.push(invalid(
                &threshold,
                format!("is {number} and must be 1 in a {name}"),
                "Write 1, or remove the field.",
            ));
        }
    }
    if let Some(probe) = at.get("readinessProbe")
        && let Some(grace) = probe.get("terminationGracePeriodSeconds")
    {
        out.push(invalid_map(
            &grace,
            "must be absent in a readinessProbe, which does not stop a container",
            "Remove the field.",
        ));
    }
}

/// An init container that ends before the others start has neither probes nor hooks; one that restarts
/// (a sidecar) may have them (`validateInitContainers`).
pub(super) fn of_init_container(at: &Cursor<'_>, out: &mut Out) {
    if at.has("restartPolicy") {
        return;
    }
    for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(field) = at.get(name) {
            out.push(invalid_map(
                &field,
                "must be absent in an init container that ends (restartPolicy is not Always)",
                format!("Remove `{name}`, or make it a sidecar with `restartPolicy: Always`."),
            ));
        }
    }
}
