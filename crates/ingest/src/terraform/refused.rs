//! Resources that their provider would refuse: a required argument is missing, or an argument is a
//! misspelling of an existing one.

use super::{Context, is_set};
use cofferdam_model::Parts;
use cofferdam_model::delivery::{Defect, DefectEffect};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::nearest::nearest;
use cofferdam_syntax::tree::Node;

/// Arguments of a resource type, or of a block in it.
struct Schema {
    kind: &'static str,
    /// Inner block; empty for the resource itself.
    block: &'static str,
    required: &'static [&'static str],
    /// Every other argument and block. Empty if the list is not kept: then only `required` is checked.
    known: &'static [&'static str],
}

/// From the providers' documentation (registry.terraform.io): newrelic/newrelic, hashicorp/aws,
/// hashicorp/google, Mongey/kafka.
const SCHEMAS: &[Schema] = &[
    Schema {
        kind: "newrelic_nrql_alert_condition",
        block: "",
        required: &["name", "policy_id", "nrql"],
        known: &[
            "account_id",
            "aggregation_delay",
            "aggregation_method",
            "aggregation_timer",
            "aggregation_window",
            "baseline_direction",
            "close_violations_on_expiration",
            "critical",
            "description",
            "enabled",
            "evaluation_delay",
            "expected_groups",
            "expiration_duration",
            "fill_option",
            "fill_value",
            "id",
            "ignore_on_expected_termination",
            "lifecycle",
            "open_violation_on_expiration",
            "open_violation_on_group_overlap",
            "runbook_url",
            "slide_by",
            "target_entity",
            "term",
            "timeouts",
            "title_template",
            "type",
            "value_function",
            "violation_time_limit",
            "violation_time_limit_seconds",
            "warning",
        ],
    },
    Schema {
        kind: "newrelic_nrql_alert_condition",
        block: "nrql",
        required: &["query"],
        known: &["data_account_id", "evaluation_offset", "since_value"],
    },
    Schema {
        kind: "newrelic_nrql_alert_condition",
        block: "critical",
        required: &["threshold"],
        known: CONDITION_TERM,
    },
    Schema {
        kind: "newrelic_nrql_alert_condition",
        block: "warning",
        required: &["threshold"],
        known: CONDITION_TERM,
    },
    Schema {
        kind: "newrelic_alert_policy",
        block: "",
        required: &["name"],
        known: &[],
    },
    Schema {
        kind: "newrelic_service_level",
        block: "",
        required: &["guid", "name", "events", "objective"],
        known: &[],
    },
    Schema {
        kind: "aws_db_instance",
        block: "",
        required: &["instance_class"],
        known: &[],
    },
    Schema {
        kind: "aws_rds_cluster_instance",
        block: "",
        required: &["cluster_identifier", "instance_class"],
        known: &[],
    },
    Schema {
        kind: "google_sql_database_instance",
        block: "settings",
        required: &["tier"],
        known: &[],
    },
    Schema {
        kind: "google_vpc_access_connector",
        block: "",
        required: &["name"],
        known: &[],
    },
    Schema {
        kind: "kafka_topic",
        block: "",
        required: &["name", "partitions", "replication_factor"],
        known: &[],
    },
];

const CONDITION_TERM: &[&str] = &[
    "disable_health_status_reporting",
    "duration",
    "operator",
    "prediction",
    "threshold_duration",
    "threshold_occurrences",
    "time_function",
];

/// Records what the providers would refuse.
pub(super) fn check(context: &Context<'_>, parts: &mut Parts) {
    for schema in SCHEMAS {
        for resource in context.managed(schema.kind) {
            let bodies = if schema.block.is_empty() {
                vec![&resource.body]
            } else {
                hcl::blocks(&resource.body, schema.block)
            };
            // An unknown block (a dynamic one over an unknown list) is not judged.
            for body in bodies.into_iter().filter(|b| b.as_map().is_some()) {
                judge(schema, resource, body, parts);
            }
        }
    }
}

fn judge(schema: &Schema, resource: &Resource, body: &Node, parts: &mut Parts) {
    let path = |argument: &str| {
        if schema.block.is_empty() {
            argument.to_owned()
        } else {
            format!("{}.{argument}", schema.block)
        }
    };
    for required in schema.required.iter().filter(|key| !is_set(body, key)) {
        parts.defects.push(Defect {
            subject: resource.address.clone(),
            path: path(required),
            span: body.span,
            problem: format!("requires `{}`, which is missing", path(required)),
            effect: DefectEffect::Refused,
            remedy: format!("Set `{}`.", path(required)),
        });
    }
    if schema.known.is_empty() {
        return;
    }
    let known = || schema.known.iter().chain(schema.required).copied();
    for (key, _) in body.entries() {
        if known().any(|k| k == &*key.text) {
            continue;
        }
        // Newer providers accept arguments that are not in the list; only a misspelling of a known one
        // counts.
        if let Some(near) = nearest(&key.text, known()).filter(|near| body.get(near).is_none()) {
            parts.defects.push(Defect {
                subject: resource.address.clone(),
                path: path(&key.text),
                span: key.span,
                problem: format!("has no argument `{}`", path(&key.text)),
                effect: DefectEffect::Refused,
                remedy: format!("Write `{near}` if that is the intended name."),
            });
        }
    }
}
