//! Databases of RDS and Aurora that resources declare: instances, and clusters with their members.

use super::access;
use super::backups::{DAY, automated};
use super::engines::engine_of;
use super::limits::{GIB_PER_ACU, gib_to_bytes, memory, serverless_connections};
use super::parameters::{Parameters, settle};
use crate::facts::NodeFacts as _;
use crate::parts::fill;
use crate::terraform::{Context, days_fact, header, inner, name_of, or_default};
use cofferdam_model::database::{Database, Engine};
use cofferdam_model::units::amount;
use cofferdam_model::{Fact, Parts};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

pub(super) fn tier(body: &Node, key: &str, database: &mut Database) {
    let Some(class) = body.get(key).and_then(Node::text_fact) else {
        return;
    };
    if let Some(bytes) = memory(&class.value) {
        database.memory = Some(class.clone().map(|_| bytes));
    }
    database.tier = Some(class);
}

/// The protection against deletion: the argument, or Terraform's own refusal.
pub(super) fn protection(body: &Node, whole: bool) -> Option<Fact<bool>> {
    let prevented = inner(body, "lifecycle").and_then(|l| l.get("prevent_destroy")?.bool_fact());
    let declared = body.get("deletion_protection");
    match (prevented.filter(|p| p.value), declared) {
        (Some(prevented), None) => Some(prevented),
        (_, Some(node)) => node.bool_fact(),
        (None, None) if whole => Some(Fact::assumed(
            false,
            "deletion_protection is false, the AWS provider's default",
        )),
        (None, None) => None,
    }
}

pub(super) fn instance(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["identifier", "identifier_prefix"]);
    let mut database = Database::named(name.value.clone(), name.span());
    database.aliases = crate::terraform::names::of(context, resource);
    database.engine = body.get("engine").and_then(engine_of);
    database.version = body.get("engine_version").and_then(Node::text_fact);
    tier(body, "instance_class", &mut database);
    let source = body.get("replicate_source_db").filter(|s| !s.is_null());
    if let Some(primary) = source.and_then(|s| context.follow(s, "aws_db_instance", &["identifier"])) {
        // A replica has its primary's engine.
        fill(
            &mut database.engine,
            primary.body.get("engine").and_then(engine_of),
        );
        fill(
            &mut database.version,
            primary.body.get("engine_version").and_then(Node::text_fact),
        );
    }
    let some = Some(body);
    database.public = or_default(
        some,
        "publicly_accessible",
        Node::bool_fact,
        false,
        "publicly_accessible is false, the AWS provider's default",
    );
    database.open_to_all = access::open_to_all(context, body, &database);
    // A replica is no primary: its zone and its deletion take no data with them.
    if source.is_none() {
        database.multi_zone = or_default(
            some,
            "multi_az",
            Node::bool_fact,
            false,
            "multi_az is false, the AWS provider's default",
        );
        database.deletion_protection = protection(&resource.body, true);
        database.on_delete = access::on_delete(body);
        let retention = or_default(
            some,
            "backup_retention_period",
            days_fact,
            Duration::ZERO,
            "backup_retention_period is 0, the AWS provider's default: no automated backups",
        );
        database.backup = automated(context, resource, retention);
    }
    let parameters = Parameters::of(
        context,
        &resource.body,
        "parameter_group_name",
        "aws_db_parameter_group",
    );
    settle(&mut database, body, &parameters);
    parts.databases.push(database);
}

pub(super) fn cluster(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["cluster_identifier", "cluster_identifier_prefix"]);
    let mut database = Database::named(name.value.clone(), name.span());
    database.aliases = crate::terraform::names::of(context, resource);
    database.engine = body.get("engine").and_then(engine_of);
    database.version = body.get("engine_version").and_then(Node::text_fact);
    let members: Vec<&Resource> = context
        .managed("aws_rds_cluster_instance")
        .filter(|member| {
            member
                .body
                .get("cluster_identifier")
                .and_then(|c| context.follow(c, "aws_rds_cluster", &["cluster_identifier"]))
                .is_some_and(|found| found.address == resource.address)
        })
        .collect();
    let mut parameters = Parameters::of(
        context,
        body,
        "db_cluster_parameter_group_name",
        "aws_rds_cluster_parameter_group",
    );
    if let Some(first) = members.first() {
        tier(&first.body, "instance_class", &mut database);
        let own = Parameters::of(
            context,
            &first.body,
            "db_parameter_group_name",
            "aws_db_parameter_group",
        );
        parameters = own.over(parameters);
        let public = members.iter().find_map(|m| m.body.get("publicly_accessible"));
        database.public = match public {
            Some(node) => node.bool_fact(),
            None => Some(Fact::assumed(
                false,
                "publicly_accessible is false, the AWS provider's default",
            )),
        };
    } else {
        // A Multi-AZ cluster of RDS has its class itself.
        tier(body, "db_cluster_instance_class", &mut database);
    }
    serverless(body, &mut database);
    database.open_to_all = access::open_to_all(context, body, &database);
    let source = body.get("replication_source_identifier");
    if source.is_none_or(Node::is_null) {
        database.multi_zone = zones(body, &members);
        database.deletion_protection = protection(body, true);
        database.on_delete = access::on_delete(body);
        let retention = or_default(
            Some(body),
            "backup_retention_period",
            days_fact,
            DAY,
            "backup_retention_period is 1 day, the AWS provider's default for clusters",
        );
        database.backup = automated(context, resource, retention);
    }
    settle(&mut database, body, &parameters);
    parts.databases.push(database);
}

/// Whether another instance takes over: two members or more, or a Multi-AZ cluster.
fn zones(body: &Node, members: &[&Resource]) -> Option<Fact<bool>> {
    if let Some(class) = body.get("db_cluster_instance_class") {
        return Some(Fact::declared(true, class.span));
    }
    let first = members.first()?;
    if members.iter().any(|m| m.uncertain.is_some()) {
        return None;
    }
    // The number of members decides where it is written: in the call of a module, if that passes it.
    let place = first.count.unwrap_or_else(|| header(first));
    Some(Fact::declared(members.len() > 1, place))
}

/// Capacity units instead of an instance class.
fn serverless(body: &Node, database: &mut Database) {
    let Some(scaling) = hcl::block(body, "serverlessv2_scaling_configuration") else {
        return;
    };
    let Some(max) = scaling.get("max_capacity").and_then(Node::f64_fact) else {
        return;
    };
    let min = scaling.get("min_capacity").and_then(Node::as_f64);
    database.memory = Some(max.clone().map(|acu| gib_to_bytes(acu * GIB_PER_ACU)));
    if database.engine.as_ref().map(|e| e.value) == Some(Engine::AuroraPostgreSql) {
        let n = serverless_connections(min, max.value);
        let why = format!(
            "max_connections is {n} with at most {}, Aurora Serverless v2's default (Amazon Aurora User Guide, \
             \"Maximum connections for Aurora Serverless v2\")",
            amount(max.value, "capacity unit")
        );
        database.max_connections = Some(Fact::assumed(n, why));
    }
}
