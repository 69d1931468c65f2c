//! Databases that a call of a published module creates. The module's own files are usually elsewhere, so only
//! the arguments of the call are known, and no default is assumed.

use super::databases::{protection, tier};
use super::engines::engine_of;
use super::parameters::{Parameters, settle};
use crate::facts::NodeFacts as _;
use crate::terraform::days_fact;
use cofferdam_model::database::Database;
use cofferdam_model::{Fact, Parts};
use cofferdam_render::hcl::ModuleCall;
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeMap;

/// The databases of the common modules from the registry: the values of their arguments, without defaults,
/// which belong to the module.
pub(super) fn module(call: &ModuleCall, parts: &mut Parts) {
    let Some(source) = call.source.as_deref() else {
        return;
    };
    let is_rds = source.contains("terraform-aws-modules/rds/aws") || source.contains("terraform-aws-rds.git");
    let is_aurora =
        source.contains("terraform-aws-modules/rds-aurora/") || source.contains("terraform-aws-rds-aurora");
    if !is_rds && !is_aurora {
        return;
    }
    let body = &call.body;
    let name = ["identifier", "name"]
        .iter()
        .find_map(|key| body.get(key)?.text_fact())
        .unwrap_or_else(|| Fact::declared(call.name.clone(), call.span));
    let mut database = Database::named(name.value.clone(), name.span());
    database.engine = body.get("engine").and_then(engine_of);
    database.version = body.get("engine_version").and_then(Node::text_fact);
    tier(body, "instance_class", &mut database);
    database.multi_zone = body.get("multi_az").and_then(Node::bool_fact);
    database.public = body.get("publicly_accessible").and_then(Node::bool_fact);
    database.deletion_protection = protection(body, false);
    if let Some(retention) = body.get("backup_retention_period").and_then(days_fact) {
        database.backup.declarable = true;
        database.backup.point_in_time = Some(retention.clone().map(|d| !d.is_zero()));
        database.backup.retention = Some(retention);
    }
    let mut parameters = Parameters {
        set: BTreeMap::new(),
        known: true,
    };
    for key in [
        "parameters",
        "db_parameter_group_parameters",
        "db_cluster_parameter_group_parameters",
    ] {
        match body.get(key).map(|n| &n.value) {
            Some(Value::Seq(items)) => parameters.add(&items.iter().collect::<Vec<_>>()),
            Some(_) => parameters.known = false,
            None => {}
        }
    }
    settle(&mut database, body, &parameters);
    parts.databases.push(database);
}
