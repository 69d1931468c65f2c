//! Google's provider: Cloud SQL with the limits of its tiers, Memorystore, VPC connectors, alert policies,
//! log buckets. Cloud Run is read with the reader for Kubernetes ([`super::manifest`]).

mod alerts;
mod connectors;
mod refusal;
mod sql;
mod tiers;

use super::{Context, days_fact, name_of, or_default};
use crate::facts::NodeFacts as _;
use alerts::alert_policy;
use cofferdam_model::Parts;
use cofferdam_model::alerts::LogStore;
use cofferdam_model::database::Cache;
use cofferdam_render::hcl::Resource;
use cofferdam_syntax::tree::Node;
use connectors::{backend, connector, connector_of};
use sql::sql;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Reads all Google resources.
pub(super) fn fill(context: &Context<'_>, parts: &mut Parts) {
    for resource in context.managed("google_sql_database_instance") {
        sql(context, resource, parts);
    }
    for resource in context.managed("google_redis_instance") {
        redis(resource, parts);
    }
    for resource in context.managed("google_vpc_access_connector") {
        connector(resource, parts);
    }
    for kind in [
        "google_compute_backend_service",
        "google_compute_region_backend_service",
    ] {
        for resource in context.managed(kind) {
            backend(context, resource, parts);
        }
    }
    for resource in context.managed("google_monitoring_alert_policy") {
        alert_policy(context, resource, parts);
    }
    for resource in context.managed("google_logging_project_bucket_config") {
        let name = name_of(resource, &["bucket_id"]);
        if let Some(retention) = or_default(
            Some(&resource.body),
            "retention_days",
            days_fact,
            30 * DAY,
            "logs are kept for 30 days, Cloud Logging's default",
        ) {
            parts.log_stores.push(LogStore {
                span: name.span().unwrap_or(resource.span),
                retention: Some(retention),
                name: name.value,
            });
        }
    }
    for kind in ["google_cloud_run_service", "google_cloud_run_v2_service"] {
        for resource in context.managed(kind) {
            connector_of(context, resource, parts);
        }
    }
}

fn redis(resource: &Resource, parts: &mut Parts) {
    let name = name_of(resource, &["name"]);
    parts.caches.push(Cache {
        span: name.span(),
        tier: resource.body.get("tier").and_then(Node::text_fact),
        multi_zone: or_default(
            Some(&resource.body),
            "tier",
            |n| n.fact(|t| Some(t.eq_ignore_ascii_case("STANDARD_HA"))),
            false,
            "tier is BASIC, Memorystore's default: no replica",
        ),
        hosts: Vec::new(),
        name: name.value,
    });
}

#[cfg(test)]
mod tests;
