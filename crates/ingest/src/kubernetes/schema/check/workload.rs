//! Workloads: selectors, restart policies, rollouts, schedules.

use super::{COUNT, Out, count_or_share, invalid, invalid_map, is_zero, missing, pod, within};
use crate::kubernetes::schema::cursor::Cursor;
use crate::kubernetes::schema::scalar;
use cofferdam_model::units::count;
use cofferdam_syntax::tree::Node;

/// A Deployment (`ValidateDeploymentSpec`, `ValidateRollingUpdateDeployment`).
pub(super) fn deployment<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    replicated(at, "a Deployment", out);
    if let (Some(deadline), Some(ready)) =
        (at.int_of("progressDeadlineSeconds"), at.int_of("minReadySeconds"))
        && deadline <= ready
        && let Some(field) = at.get("progressDeadlineSeconds")
    {
        out.push(invalid(
            &field,
            format!("is {deadline} and must be more than minReadySeconds, {ready}"),
            format!("Write more than {ready}."),
        ));
    }
    let Some(strategy) = at.get("strategy") else {
        return;
    };
    let Some(rolling) = strategy.get("rollingUpdate") else {
        return;
    };
    if strategy.text_of("type") == Some("Recreate") {
        out.push(invalid_map(
            &rolling,
            "must be absent when the strategy is Recreate",
            "Remove `rollingUpdate`, or write `type: RollingUpdate`.",
        ));
        return;
    }
    count_or_share(&rolling, "maxUnavailable", true, out);
    count_or_share(&rolling, "maxSurge", false, out);
    // Absent each is 25 %.
    if let (Some(unavailable), Some(surge)) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"))
        && is_zero(&unavailable) == Some(true)
        && is_zero(&surge) == Some(true)
    {
        out.push(invalid(
            &unavailable,
            "is 0, and so is maxSurge: no pod could ever be replaced",
            "Let one of maxUnavailable and maxSurge be more than 0.",
        ));
    }
}

/// A ReplicaSet (`ValidateReplicaSetSpec`).
pub(super) fn replica_set<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    replicated(at, "a ReplicaSet", out);
}

/// A StatefulSet (`ValidateStatefulSetSpec`).
pub(super) fn stateful_set<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    replicated(at, "a StatefulSet", out);
    if let Some(strategy) = at.get("updateStrategy")
        && let Some(rolling) = strategy.get("rollingUpdate")
    {
        if strategy.text_of("type") == Some("OnDelete") && rolling.node.as_map().is_some() {
            out.push(invalid_map(
                &rolling,
                "must be absent when the strategy is OnDelete",
                "Remove `rollingUpdate`.",
            ));
        }
        within(&rolling, "partition", COUNT, out);
    }
}

/// A DaemonSet (`ValidateDaemonSetSpec`, `ValidateRollingUpdateDaemonSet`).
pub(super) fn daemon_set<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    replicated(at, "a DaemonSet", out);
    let Some(strategy) = at.get("updateStrategy") else {
        return;
    };
    let Some(rolling) = strategy.get("rollingUpdate") else {
        return;
    };
    count_or_share(&rolling, "maxUnavailable", true, out);
    count_or_share(&rolling, "maxSurge", true, out);
    if let (Some(unavailable), Some(surge)) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"))
        && let (Some(no_loss), Some(no_surge)) = (is_zero(&unavailable), is_zero(&surge))
        && no_loss == no_surge
    {
        out.push(invalid(
            &surge,
            "is allowed only if exactly one of maxSurge and maxUnavailable is 0",
            "Set one of the two to 0 and the other to more.",
        ));
    }
}

/// Common fields of all workloads that keep pods running.
fn replicated(at: &Cursor<'_>, owner: &str, out: &mut Out) {
    within(at, "replicas", COUNT, out);
    within(at, "minReadySeconds", COUNT, out);
    within(at, "revisionHistoryLimit", COUNT, out);
    let template = at.get("template");
    if let Some(template) = &template {
        pod::restart_policy(template, &["Always"], owner, out);
    }
    let Some(selector) = at.get("selector") else {
        if let Some(template) = &template
            && !has_labels(template)
        {
            out.push(missing(template, "metadata.labels"));
        }
        return;
    };
    if selector.node.as_map().is_none() {
        return;
    }
    let entries = |field| {
        selector
            .node
            .get(field)
            .map_or(0, |n| n.entries().count() + n.items().len())
    };
    if entries("matchLabels") == 0 && entries("matchExpressions") == 0 {
        if selector.is_known()
            && selector
                .node
                .entries()
                .all(|(k, _)| matches!(&*k.text, "matchLabels" | "matchExpressions"))
        {
            out.push(invalid_map(
                &selector,
                format!("is empty, and {owner} would own every pod"),
                "Select by a label of the template.",
            ));
        }
        return;
    }
    if let Some(template) = &template {
        selector_matches(&selector, template, out);
    }
}

/// Whether a template has labels, or may have some that are unknown.
fn has_labels(template: &Cursor<'_>) -> bool {
    let labels = template.node.get("metadata").map(|m| (m, m.get("labels")));
    match labels {
        None => template.node.as_map().is_none(),
        Some((metadata, None)) => metadata.as_map().is_none() && !metadata.is_null(),
        Some((_, Some(labels))) => !labels.is_null() && labels.as_map().is_none_or(|m| !m.is_empty()),
    }
}

/// The labels of a template, empty if it has none; `None` if they are unknown.
fn labels_of<'a>(template: &Cursor<'a>) -> Option<Option<&'a Node>> {
    let metadata = template.node.get("metadata");
    let labels = metadata.and_then(|m| m.get("labels"));
    let readable = |node: Option<&Node>| node.is_none_or(|n| n.is_null() || n.as_map().is_some());
    let unknown_key = labels.is_some_and(|l| l.entries().any(|(k, _)| scalar::templated(&k.text)));
    let known = template.node.as_map().is_some() && readable(metadata) && readable(labels) && !unknown_key;
    known.then_some(labels)
}

/// The selector must match the template's labels, or the server refuses both.
fn selector_matches(selector: &Cursor<'_>, template: &Cursor<'_>, out: &mut Out) {
    let Some(labels) = labels_of(template) else { return };
    if let Some(wanted) = selector.get("matchLabels") {
        equal_labels(&wanted, labels, out);
    }
    let Some(expressions) = selector.get("matchExpressions") else {
        return;
    };
    for expression in expressions.each().filter(Cursor::is_known) {
        expression_matches(&expression, labels, out);
    }
}

/// Every required label, with its value.
fn equal_labels(wanted: &Cursor<'_>, labels: Option<&Node>, out: &mut Out) {
    for (key, value) in wanted.node.entries() {
        let wanted = wanted.child(key, value);
        let Some(text) = wanted.text() else { continue };
        let found = labels.and_then(|l| l.get(&key.text));
        let reason = match found {
            None => format!("is `{text}`, and the template's labels have no `{}`", key.text),
            Some(node) if node.is_null() => continue,
            Some(node) => match node.as_str() {
                Some(label) if label != text && !scalar::templated(label) => {
                    format!("is `{text}`, and the template's label is `{label}`")
                }
                _ => continue,
            },
        };
        out.push(invalid(&wanted, reason, GIVE_LABELS));
    }
}

/// An expression of the selector compared with the template's labels.
fn expression_matches(at: &Cursor<'_>, labels: Option<&Node>, out: &mut Out) {
    let (Some(key), Some(operator)) = (at.text_of("key"), at.text_of("operator")) else {
        return;
    };
    let found = labels.and_then(|l| l.get(key)).filter(|n| !n.is_null());
    let label = found.and_then(Node::as_str);
    if found.is_some() && label.is_none_or(scalar::templated) {
        return;
    }
    let values: Vec<&str> = at
        .node
        .get("values")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(Node::as_str)
        .collect();
    let is_in = label.is_some_and(|l| values.contains(&l));
    let holds = match operator {
        "In" => is_in || values.is_empty(),
        "NotIn" => !is_in,
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => return,
    };
    if !holds {
        let has = match label {
            Some(label) => format!("the template's label `{key}` is `{label}`"),
            None => format!("the template's labels have no `{key}`"),
        };
        let asks = match values.is_empty() {
            true => format!("requires {operator}"),
            false => format!("requires {operator} {}", values.join(", ")),
        };
        out.push(invalid_map(at, format!("{asks}, and {has}"), GIVE_LABELS));
    }
}

const GIVE_LABELS: &str =
    "Give the template in `spec.template.metadata.labels` every label that `spec.selector` requires.";

/// A ReplicationController (`ValidateReplicationControllerSpec`).
pub(super) fn replication_controller<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    plain_selector(at, "a ReplicationController", out);
}

/// OpenShift's DeploymentConfig, which creates ReplicationControllers (`ValidateDeploymentConfigSpec`).
pub(super) fn deployment_config<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    plain_selector(at, "a DeploymentConfig", out);
}

/// The labels that a plain selector selects (`ValidatePodTemplateSpecForRC`). Without one the template's
/// labels are used.
fn plain_selector(at: &Cursor<'_>, owner: &str, out: &mut Out) {
    within(at, "replicas", COUNT, out);
    within(at, "minReadySeconds", COUNT, out);
    let Some(template) = at.get("template") else {
        return;
    };
    pod::restart_policy(&template, &["Always"], owner, out);
    match at.get("selector") {
        Some(selector) => {
            if let Some(labels) = labels_of(&template) {
                equal_labels(&selector, labels, out);
            }
        }
        None if !has_labels(&template) => out.push(missing(&template, "metadata.labels")),
        None => {}
    }
}

/// A Job (`ValidateJobSpec`, `validateJobSpec`).
pub(super) fn job<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    for field in [
        "parallelism",
        "completions",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ] {
        within(at, field, COUNT, out);
    }
    within(at, "activeDeadlineSeconds", COUNT, out);
    if at.text_of("completionMode") == Some("Indexed") && !at.has("completions") {
        out.push(missing(at, "completions"));
    }
    if let Some(template) = at.get("template") {
        pod::restart_policy(&template, &["Never", "OnFailure"], "a Job", out);
    }
}

/// A CronJob's name must leave room for the suffix of its Jobs (`ValidateCronJobCreate`: at most 52).
pub(super) fn cron_job_name<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    if let Some(metadata) = at.get("metadata")
        && let Some(name) = metadata.get("name")
        && let Some(text) = name.text()
        && text.len() > 52
    {
        out.push(invalid(
            &name,
            format!("has {} characters, and a CronJob's name at most 52", text.len()),
            "Shorten the name.",
        ));
    }
}

/// A CronJob (`validateCronJobSpec`, `validateScheduleFormat`, `validateTimeZone`).
pub(super) fn cron_job<'a>(at: &'a Cursor<'a>, out: &mut Out) {
    for field in [
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ] {
        within(at, field, COUNT, out);
    }
    if let Some(schedule) = at.get("schedule")
        && let Some(text) = schedule.node.as_str()
        && (text.starts_with('@') || schedule.text().is_some())
        && !scalar::placeholder(text)
        && let Err(reason) = cron(text)
    {
        out.push(invalid(
            &schedule,
            reason,
            "Write five fields: minute, hour, day of month, month, day of week.",
        ));
    }
    if let Some(zone) = at.get("timeZone")
        && let Some(text) = zone.text()
        && !text.is_empty()
        && !scalar::placeholder(text)
        && (text.eq_ignore_ascii_case("Local") || jiff::tz::TimeZone::get(text).is_err())
    {
        out.push(invalid(
            &zone,
            format!("is `{text}`, which is not a time zone"),
            "Write a name of the IANA database, such as Europe/Paris.",
        ));
    }
}

/// Minute, hour, day of month, month, day of week: minimum, maximum, names from the minimum on.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    ),
    (
        "day of week",
        0,
        6,
        &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    ),
];

/// A schedule as the controller's parser accepts it (github.com/robfig/cron v3, `ParseStandard`).
///
/// # Errors
/// Why it is invalid, as a clause.
fn cron(text: &str) -> Result<(), String> {
    if text.contains("TZ=") {
        return Err("names a time zone, which belongs under `timeZone`".to_owned());
    }
    if let Some(word) = text.trim().strip_prefix('@') {
        let known = matches!(
            word,
            "yearly" | "annually" | "monthly" | "weekly" | "daily" | "midnight" | "hourly"
        );
        // A duration after `@every` has its own grammar, which is not judged.
        return if known || word.starts_with("every ") {
            Ok(())
        } else {
            Err(format!("is `{text}`, which is not a schedule"))
        };
    }
    let fields = text.split_whitespace().count();
    if fields != FIELDS.len() {
        return Err(format!("has {} and must have 5", count(fields as u64, "field")));
    }
    for (field, (name, low, high, words)) in text.split_whitespace().zip(FIELDS) {
        for part in field.split(',') {
            if !cron_range(part, low, high, words) {
                return Err(format!(
                    "has `{part}` as {name}, which must be from {low} to {high}"
                ));
            }
        }
    }
    Ok(())
}

/// `*`, `?`, `5`, `1-5`, `mon-fri`, each with an optional `/step`.
fn cron_range(part: &str, low: u32, high: u32, words: &[&str]) -> bool {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let number = |text: &str| -> Option<u32> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits {
            return text.parse().ok();
        }
        let index = words.iter().position(|w| w.eq_ignore_ascii_case(text))?;
        Some(low + u32::try_from(index).ok()?)
    };
    if step.is_some_and(|s| number(s).is_none_or(|n| n == 0)) {
        return false;
    }
    if matches!(range, "*" | "?") {
        return true;
    }
    let (from, to) = match range.split_once('-') {
        Some((from, to)) => (number(from), number(to)),
        None => (number(range), number(range)),
    };
    matches!((from, to), (Some(from), Some(to)) if low <= from && from <= to && to <= high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_five_fields_in_their_ranges() {
        for text in [
            "0 3 * * *",
            "*/5 * * * *",
            "0 0 1 1 *",
            "15,45 8-18/2 * JAN-MAR mon-fri",
            "@daily",
            "@every 1h30m",
            "0 0 ? * 0",
        ] {
            assert_eq!(cron(text), Ok(()), "{text}");
        }
        for text in [
            "0 3 * *",
            "0 0 3 * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "@sometimes",
            "CRON_TZ=UTC 0 3 * * *",
            "",
            "a b c d e",
        ] {
            assert!(cron(text).is_err(), "{text}");
        }
        assert_eq!(cron("daily"), Err("has 1 field and must have 5".to_owned()));
    }
}
