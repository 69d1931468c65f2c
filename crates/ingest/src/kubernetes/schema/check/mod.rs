//! What the API server's validation refuses although every field is known and of the right type. There is one
//! function for each type of the tables, called wherever that type occurs, so that a container is judged
//! alike in a Pod, a CronJob and a Rollout.
//!
//! Source of each check: Kubernetes, `pkg/apis/<group>/validation/validation.go` (for names and labels
//! `apimachinery/pkg/util/validation`), with the function named at the check. A check that a feature gate or
//! a version of the server relaxes is left out.

mod network;
mod object;
mod pod;
mod probe;
mod rbac;
mod scaling;
mod volume;
mod workload;

use super::cursor::Cursor;
use super::problem::{ProblemKind, SchemaProblem};
use super::scalar;
use super::table::Type;
use cofferdam_syntax::hash::HashSet;

/// Where problems go.
pub(super) type Out = Vec<SchemaProblem>;
/// What the server checks in a type.
pub(super) type Check = for<'a> fn(&'a Cursor<'a>, &mut Out);

const CHECKS: &[(&str, Check)] = &[
    ("apps.v1.DaemonSetSpec", workload::daemon_set),
    ("apps.v1.DeploymentSpec", workload::deployment),
    ("apps.v1.ReplicaSetSpec", workload::replica_set),
    ("apps.v1.StatefulSetSpec", workload::stateful_set),
    ("autoscaling.v1.HorizontalPodAutoscalerSpec", scaling::autoscaler),
    ("autoscaling.v2.HPAScalingPolicy", scaling::policy),
    ("autoscaling.v2.HPAScalingRules", scaling::rules),
    ("autoscaling.v2.HorizontalPodAutoscalerSpec", scaling::autoscaler),
    ("autoscaling.v2.MetricSpec", scaling::metric),
    ("autoscaling.v2.MetricTarget", scaling::target),
    ("autoscaling.v2.ResourceMetricSource", scaling::resource_target),
    ("batch.v1.CronJob", workload::cron_job_name),
    ("batch.v1.CronJobSpec", workload::cron_job),
    ("batch.v1.JobSpec", workload::job),
    ("core.v1.ConfigMap", object::config_map),
    ("core.v1.Container", pod::container),
    ("core.v1.ContainerPort", pod::container_port),
    ("core.v1.EnvVar", pod::variable),
    ("core.v1.Lifecycle", probe::lifecycle),
    ("core.v1.NodeSelectorRequirement", pod::node_requirement),
    ("core.v1.PersistentVolumeClaim", volume::claim),
    ("core.v1.PodSpec", pod::spec),
    ("core.v1.Probe", probe::probe),
    (
        "core.v1.ReplicationControllerSpec",
        workload::replication_controller,
    ),
    ("core.v1.ResourceRequirements", pod::resources),
    ("core.v1.Secret", object::secret),
    ("core.v1.SecurityContext", pod::security_context),
    ("core.v1.ServicePort", network::service_port),
    ("core.v1.ServiceSpec", network::service),
    ("core.v1.Toleration", pod::toleration),
    ("core.v1.TopologySpreadConstraint", pod::spread),
    ("core.v1.Volume", volume::volume),
    ("core.v1.WeightedPodAffinityTerm", pod::weight),
    ("core.v1.PreferredSchedulingTerm", pod::weight),
    ("meta.v1.LabelSelector", object::selector),
    ("meta.v1.LabelSelectorRequirement", object::requirement),
    ("meta.v1.ObjectMeta", object::metadata),
    ("networking.v1.HTTPIngressPath", network::ingress_path),
    ("networking.v1.IPBlock", network::ip_block),
    ("networking.v1.IngressBackend", network::ingress_backend),
    ("networking.v1.IngressRule", network::ingress_rule),
    ("networking.v1.IngressServiceBackend", network::ingress_service),
    ("networking.v1.IngressSpec", network::ingress),
    ("networking.v1.NetworkPolicyPeer", network::peer),
    ("networking.v1.NetworkPolicyPort", network::policy_port),
    ("openshift.DeploymentConfigSpec", workload::deployment_config),
    ("policy.v1.PodDisruptionBudgetSpec", scaling::budget),
    ("rbac.v1.ClusterRoleBinding", rbac::cluster_binding),
    ("rbac.v1.PolicyRule", rbac::rule),
    ("rbac.v1.RoleBinding", rbac::binding),
];

/// The check of a type.
pub(super) fn of_type(name: &str) -> Option<Check> {
    CHECKS.iter().find(|(n, _)| *n == name).map(|(_, check)| *check)
}

/// The types that have a check.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

/// Checks an object as a whole: its name.
pub(super) fn root<'a>(at: &'a Cursor<'a>, ty: &Type, out: &mut Out) {
    object::name(at, ty, out);
}

// === Messages of checks ===

/// The value here is refused.
fn invalid(at: &Cursor<'_>, reason: impl Into<String>, remedy: impl Into<String>) -> SchemaProblem {
    SchemaProblem {
        kind: ProblemKind::InvalidValue {
            reason: reason.into(),
            remedy: remedy.into(),
        },
        path: at.path(),
        span: at.node.span,
    }
}

/// The map here is refused as a whole; the key that leads to it is shown.
fn invalid_map(at: &Cursor<'_>, reason: impl Into<String>, remedy: impl Into<String>) -> SchemaProblem {
    SchemaProblem {
        span: at.span,
        ..invalid(at, reason, remedy)
    }
}

/// A field of the map here is missing.
fn missing(at: &Cursor<'_>, field: &str) -> SchemaProblem {
    SchemaProblem {
        kind: ProblemKind::Missing,
        path: at.path_of(field),
        span: at.span,
    }
}

/// Reports a map with several of the fields of which it may have one.
fn at_most_one(at: &Cursor<'_>, names: &[&str], what: &str, out: &mut Out) {
    if count_present(at, names) > 1 {
        out.push(invalid_map(
            at,
            format!(
                "has several {what} ({}) and may have one",
                present(at, names).join(", ")
            ),
            "Keep one of them.",
        ));
    }
}

/// Reports a whole number outside of `low..=high`.
fn within(at: &Cursor<'_>, field: &str, (low, high): (i64, i64), out: &mut Out) {
    let Some(value) = at.get(field) else { return };
    let Some(number) = value.int() else { return };
    if number < low || number > high {
        let (reason, remedy) = if high == i64::MAX {
            (
                format!("is {number} and must be at least {low}"),
                format!("Write {low} or more."),
            )
        } else {
            (
                format!("is {number} and must be from {low} to {high}"),
                format!("Write a number from {low} to {high}."),
            )
        };
        out.push(invalid(&value, reason, remedy));
    }
}

/// Ports are 1 to 65535 (`IsValidPortNum`).
const PORT: (i64, i64) = (1, 65_535);
/// Counts are not negative (`ValidateNonnegativeField`).
const COUNT: (i64, i64) = (0, i64::MAX);
/// Counts of at least one.
const POSITIVE: (i64, i64) = (1, i64::MAX);

/// A port as a number or as a name (`ValidatePortNumOrName`).
fn port_or_name(at: &Cursor<'_>, field: &str, out: &mut Out) {
    let Some(port) = at.get(field) else { return };
    if port.int().is_some() {
        within(at, field, PORT, out);
    } else if let Some(text) = port.text()
        && is_text(&port)
        && !scalar::is_port_name(text)
    {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
        let (reason, remedy) = if digits {
            (
                format!("is the text \"{text}\", which is read as a port name and is not a valid one"),
                format!("Write {text} without quotes."),
            )
        } else {
            (
                format!(
                    "is `{text}`, which is not a valid port name (at most 15 of a-z, 0-9 and -, a letter among them)"
                ),
                "Write the port's number or its name.".to_owned(),
            )
        };
        out.push(invalid(&port, reason, remedy));
    }
}

/// Whether the value is certainly text.
fn is_text(at: &Cursor<'_>) -> bool {
    matches!(
        &at.node.value,
        cofferdam_syntax::tree::Value::Scalar(s) if scalar::resolve(s) == scalar::Plain::Text
    )
}

/// A count or a share: a whole number not below 0, or a percentage (`ValidatePositiveIntOrPercent`); a share
/// above 100 % is refused if `at_most_all` (`IsNotMoreThan100Percent`).
fn count_or_share(at: &Cursor<'_>, field: &str, at_most_all: bool, out: &mut Out) {
    let Some(value) = at.get(field) else { return };
    if value.int().is_some() {
        within(at, field, COUNT, out);
        return;
    }
    let Some(text) = value.text().filter(|_| is_text(&value)) else {
        return;
    };
    if scalar::placeholder(text) {
        return;
    }
    let digits = text
        .strip_suffix('%')
        .filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    match digits {
        None => {
            let number = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
            let remedy = if number {
                format!("Write {text} without quotes, or \"{text}%\".")
            } else {
                "Write a whole number or a percentage such as \"25%\".".to_owned()
            };
            out.push(invalid(
                &value,
                format!("is the text \"{text}\" and must be a whole number or a percentage"),
                remedy,
            ));
        }
        Some(digits) if at_most_all && digits.parse::<u32>().is_ok_and(|share| share > 100) => {
            out.push(invalid(
                &value,
                format!("is {text} and must be at most 100%"),
                "Write 100% or less.",
            ));
        }
        Some(_) => {}
    }
}

/// Whether a count or a share is zero: `Some(true)` if it is 0 or 0 %.
fn is_zero(at: &Cursor<'_>) -> Option<bool> {
    if let Some(number) = at.int() {
        return Some(number == 0);
    }
    let digits = at.text()?.strip_suffix('%')?;
    Some(digits.parse::<u32>().ok()? == 0)
}

/// Reports two items of a list with the same text under `field`.
fn unique(list: &Cursor<'_>, field: &str, what: &str, out: &mut Out) {
    let items = list.node.items();
    let mut seen = HashSet::default();
    for (index, item) in items.iter().enumerate() {
        let Some(name) = item.get(field).and_then(|n| n.as_str()) else {
            continue;
        };
        let is_first = seen.insert(name);
        if !is_first && !name.is_empty() && !scalar::templated(name) {
            let item = list.item(index, item);
            if let Some(value) = item.get(field) {
                out.push(invalid(
                    &value,
                    format!("is `{name}`, which an earlier {what} has too"),
                    format!("Give every {what} its own `{field}`."),
                ));
            }
        }
    }
}

/// The existing fields of `names`.
fn present<'n>(at: &Cursor<'_>, names: &[&'n str]) -> Vec<&'n str> {
    names.iter().filter(|n| at.has(n)).copied().collect()
}

/// How many fields of `names` exist; allocates nothing.
fn count_present(at: &Cursor<'_>, names: &[&str]) -> usize {
    names.iter().filter(|n| at.has(n)).count()
}
