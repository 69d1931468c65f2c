//! Amazon's provider: RDS and Aurora with their parameter groups and backups, caches, log groups, alarms.

mod access;
mod alarms;
mod backups;
mod caches;
mod databases;
mod engines;
mod limits;
mod modules;
mod parameters;

use super::{Context, days_fact, name_of};
use caches::caches;
use cofferdam_model::Parts;
use cofferdam_model::alerts::LogStore;
use cofferdam_render::hcl::Resource;
use databases::{cluster, instance};
use modules::module;

/// Reads all Amazon resources.
pub(super) fn fill_in(context: &Context<'_>, parts: &mut Parts) {
    for resource in context.managed("aws_db_instance") {
        instance(context, resource, parts);
    }
    for resource in context.managed("aws_rds_cluster") {
        cluster(context, resource, parts);
    }
    for call in &context.values.modules {
        module(call, parts);
    }
    caches(context, parts);
    for group in context.managed("aws_cloudwatch_log_group") {
        log_group(group, parts);
    }
    for alarm in context.managed("aws_cloudwatch_metric_alarm") {
        alarms::metric_alarm(context, alarm, parts);
    }
}

fn log_group(resource: &Resource, parts: &mut Parts) {
    let name = name_of(resource, &["name", "name_prefix"]);
    let retention = match resource.body.get("retention_in_days") {
        None => None,
        Some(node) => match days_fact(node) {
            // The provider writes 0 for "forever".
            Some(days) => Some(days).filter(|d| !d.value.is_zero()),
            None => return,
        },
    };
    parts.log_stores.push(LogStore {
        span: name.span().unwrap_or(resource.span),
        retention,
        name: name.value,
    });
}

#[cfg(test)]
mod tests;
