//! Autoscalers and disruption budgets.

use super::{Out, POSITIVE, count_or_share, invalid, invalid_map, missing, within};
use crate::kubernetes::schema::cursor::Cursor;
use cofferdam_syntax::tree::Value;

/// An autoscaler of either version (`validateHorizontalPodAutoscalerSpec`). A minimum of 0 needs a feature
/// gate and is not judged.
pub(super) fn autoscaler<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "minReplicas", (0, i64::MAX), out);
    within(at, "maxReplicas", POSITIVE, out);
    within(at, "targetCPUUtilizationPercentage", POSITIVE, out);
    if let (Some(low), Some(high)) = (at.int_of("minReplicas"), at.int_of("maxReplicas"))
        && low > high
        && high > 0
        && let Some(field) = at.get("maxReplicas")
    {
        out.push(invalid(
            &field,
            format!("is {high}, less than minReplicas, {low}"),
            format!("Write {low} or more."),
        ));
    }
}

/// A metric's kind and the section that goes with it (`validateMetricSpec`).
const METRICS: &[(&str, &str)] = &[
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

/// A metric of an autoscaler.
pub(super) fn metric<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(kind) = at.text_of("type") else { return };
    let Some((_, section)) = METRICS.iter().find(|(k, _)| *k == kind) else {
        return;
    };
    if !at.has(section) {
        out.push(missing(at, section));
    }
    for (_, other) in METRICS.iter().filter(|(_, s)| s != section) {
        if let Some(extra) = at.get(other) {
            out.push(invalid_map(
                &extra,
                format!("must be absent in a metric of type {kind}"),
                "Keep one section for each metric, the one of its type.",
            ));
        }
    }
}

/// The target of a metric (`validateMetricTarget`).
pub(super) fn target<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "averageUtilization", POSITIVE, out);
    for field in ["averageValue", "value"] {
        if let Some(amount) = at.get(field)
            && let Some(size) = amount
                .text()
                .and_then(crate::kubernetes::schema::scalar::quantity)
            && size <= 0.0
        {
            out.push(invalid(
                &amount,
                "must be more than 0",
                "Write a positive amount.",
            ));
        }
    }
}

/// The target of CPU or memory is a share of the request or an amount, not both (`validateResourceSource`).
pub(super) fn resource_target<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    let Some(target) = at.get("target") else { return };
    if target.node.as_map().is_none() {
        return;
    }
    match (target.has("averageUtilization"), target.has("averageValue")) {
        (true, true) => out.push(invalid_map(
            &target,
            "has both averageUtilization and averageValue and may have one",
            "Keep one of them.",
        )),
        (false, false) => out.push(missing(&target, "averageUtilization")),
        _ => {}
    }
}

/// The behaviour of an autoscaler in one direction (`validateScalingRules`).
pub(super) fn rules<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "stabilizationWindowSeconds", (0, 3600), out);
    if let Some(policies) = at.get("policies")
        && matches!(&policies.node.value, Value::Seq(items) if items.is_empty())
    {
        out.push(invalid_map(
            &policies,
            "is empty",
            "Add a policy, or remove the field for the default.",
        ));
    }
}

/// One step of an autoscaler (`validateScalingPolicy`).
pub(super) fn policy<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    within(at, "value", POSITIVE, out);
    within(at, "periodSeconds", (1, 1800), out);
}

/// A disruption budget (`ValidatePodDisruptionBudgetSpec`).
pub(super) fn budget<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    count_or_share(at, "minAvailable", true, out);
    count_or_share(at, "maxUnavailable", true, out);
    if at.has("minAvailable")
        && let Some(unavailable) = at.get("maxUnavailable")
    {
        out.push(invalid_map(
            &unavailable,
            "is set together with minAvailable; a budget has one of the two",
            "Remove one of them.",
        ));
    }
}
