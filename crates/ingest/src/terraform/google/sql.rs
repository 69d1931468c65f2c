//! Instances of Cloud SQL: what they declare, and the provider's defaults for the rest.

use super::DAY;
use super::refusal::refuse;
use super::tiers::{default_connections, impossible_tier, tier_memory};
use crate::facts::NodeFacts as _;
use crate::terraform::{Context, days_fact, inner, name_of, or_default};
use cofferdam_model::database::{Backup, Database, Engine};
use cofferdam_model::{Bytes, Fact, Parts};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

/// A flag of the instance.
fn flag<'n>(settings: &'n Node, name: &str) -> Option<&'n Node> {
    hcl::blocks(settings, "database_flags")
        .into_iter()
        .find(|f| f.get("name").and_then(Node::as_str) == Some(name))
        .and_then(|f| f.get("value"))
}

/// Whether all flags are known: then a missing flag is not set.
fn flags_known(settings: &Node) -> bool {
    hcl::blocks(settings, "database_flags")
        .into_iter()
        .all(|f| f.get("name").and_then(Node::as_str).is_some())
}

pub(super) fn sql(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["name"]);
    let mut database = Database::named(name.value.clone(), name.span());
    database.aliases = crate::terraform::names::of(context, resource);
    if let Some(version) = body.get("database_version").and_then(Node::text_fact) {
        let engine = match version.value.split('_').next() {
            Some("POSTGRES") => Some(Engine::PostgreSql),
            Some("MYSQL") => Some(Engine::MySql),
            Some("SQLSERVER") => Some(Engine::SqlServer),
            _ => None,
        };
        database.engine = engine.map(|e| version.clone().map(|_| e));
        database.version = version
            .value
            .split_once('_')
            .map(|(_, v)| version.clone().map(|_| v.replace('_', ".")));
    }
    let of_type = body.get("instance_type").and_then(Node::as_str);
    let master = body.get("master_instance_name").filter(|name| !name.is_null());
    let replica = master.is_some() || of_type == Some("READ_REPLICA_INSTANCE");
    // A replica is no primary: its zone and its deletion take no data with them.
    if !replica {
        database.deletion_protection = deletion(body);
    }
    let settings = inner(body, "settings");
    if let Some(settings) = settings {
        instance_settings(settings, resource, &mut database, parts);
    }
    database.multi_zone = database.multi_zone.filter(|_| !replica);
    // Nothing is known about a clone or a module's generated block.
    if let (Some(settings), false) = (settings, replica) {
        database.backup = backup(settings, body);
    }
    parts.databases.push(database);
}

fn instance_settings(settings: &Node, resource: &Resource, database: &mut Database, parts: &mut Parts) {
    if let Some(tier) = settings.get("tier").and_then(Node::text_fact) {
        if let Some(memory) = tier_memory(&tier.value) {
            database.memory = Some(tier.clone().map(|_| memory));
        }
        if let Some(problem) = impossible_tier(&tier.value) {
            let span = tier.span().unwrap_or(resource.span);
            refuse(
                resource,
                "settings.tier",
                span,
                (
                    problem,
                    "Use a tier that `gcloud sql tiers list` shows, or `db-custom-CPUS-MEMORY`.",
                ),
                parts,
            );
        }
        database.tier = Some(tier);
    }
    database.max_connections = match flag(settings, "max_connections") {
        Some(node) => node.u32_fact(),
        None if flags_known(settings) => default_connections(database),
        None => None,
    };
    // shared_buffers counts pages of 8 KiB, work_mem KiB, as PostgreSQL does for plain numbers.
    let sized = |name: &str, unit: u64| {
        flag(settings, name)?.fact(|t| Some(Bytes(t.trim().parse::<u64>().ok()?.checked_mul(unit)?)))
    };
    database.shared_buffers = sized("shared_buffers", 8192);
    database.work_mem = sized("work_mem", 1024);
    database.multi_zone = or_default(
        Some(settings),
        "availability_type",
        |n| n.fact(|t| Some(t.eq_ignore_ascii_case("REGIONAL"))),
        false,
        "availability_type is ZONAL, Cloud SQL's default",
    );
    let ip = hcl::block(settings, "ip_configuration");
    database.public = match ip {
        Some(ip) => or_default(
            Some(ip),
            "ipv4_enabled",
            Node::bool_fact,
            true,
            "ipv4_enabled is true, the Google provider's default: the instance has a public address",
        ),
        None => Some(Fact::assumed(
            true,
            "ipv4_enabled is true, the Google provider's default: the instance has a public address",
        )),
    };
    database.open_to_all = Some(open_to_all(ip, settings));
    database.tls_required = tls(ip);
}

/// Whether an authorized network is all addresses. Source: Cloud SQL documentation, "Authorize with authorized networks":
/// no other address reaches the port.
fn open_to_all(ip: Option<&Node>, settings: &Node) -> Fact<bool> {
    let networks = ip.map_or(Vec::new(), |ip| hcl::blocks(ip, "authorized_networks"));
    let all = |network: &&Node| {
        let block = network.get("value").and_then(Node::as_str);
        block.is_some_and(|block| block.trim().ends_with("/0"))
    };
    match networks.into_iter().find(all) {
        Some(network) => Fact::declared(true, network.span),
        None => Fact::declared(false, ip.unwrap_or(settings).span),
    }
}

/// Whether connections without TLS are refused.
fn tls(ip: Option<&Node>) -> Option<Fact<bool>> {
    let default = || {
        Some(Fact::assumed(
            false,
            "ssl_mode is ALLOW_UNENCRYPTED_AND_ENCRYPTED, Cloud SQL's default",
        ))
    };
    let Some(ip) = ip else { return default() };
    match (ip.get("ssl_mode"), ip.get("require_ssl")) {
        (Some(mode), _) => mode.fact(|t| Some(!t.eq_ignore_ascii_case("ALLOW_UNENCRYPTED_AND_ENCRYPTED"))),
        (None, Some(older)) => older.bool_fact(),
        (None, None) => default(),
    }
}

/// Two switches protect an instance: Terraform's own, on unless it is set off, and the one of the API.
fn deletion(body: &Node) -> Option<Fact<bool>> {
    let of_api = inner(body, "settings").and_then(|s| s.get("deletion_protection_enabled")?.bool_fact());
    match (of_api.filter(|f| f.value), body.get("deletion_protection")) {
        (Some(on), _) => Some(on),
        (None, Some(node)) => node.bool_fact(),
        (None, None) => Some(Fact::assumed(
            true,
            "deletion_protection is true, the Google provider's default",
        )),
    }
}

fn backup(settings: &Node, body: &Node) -> Backup {
    let mut backup = Backup {
        declarable: true,
        ..Backup::default()
    };
    let block = hcl::block(settings, "backup_configuration");
    let enabled = match block {
        Some(block) => or_default(Some(block), "enabled", Node::bool_fact, false, NO_BACKUPS),
        None => Some(Fact::assumed(false, NO_BACKUPS)),
    };
    let Some(enabled) = enabled else { return backup };
    if !enabled.value {
        backup.retention = Some(enabled.clone().map(|_| Duration::ZERO));
        backup.point_in_time = Some(enabled);
        return backup;
    }
    backup.interval = Some(Fact::assumed(
        DAY,
        "automated backups are made once a day (Cloud SQL documentation, \"About backups\")",
    ));
    backup.point_in_time = ["point_in_time_recovery_enabled", "binary_log_enabled"]
        .iter()
        .find_map(|key| block?.get(key))
        .map_or_else(
            || {
                Some(Fact::assumed(
                    false,
                    "point_in_time_recovery_enabled is false, the Google provider's default",
                ))
            },
            Node::bool_fact,
        );
    let kept = block.and_then(|b| inner(b, "backup_retention_settings")?.get("retained_backups"));
    backup.retention = match kept {
        // One a day: the number of backups is the number of days.
        Some(node) => days_fact(node),
        None => Some(Fact::assumed(7 * DAY, "7 backups are kept, Cloud SQL's default")),
    };
    let location = block.and_then(|b| b.get("location")?.text_fact());
    let region = body.get("region").and_then(Node::as_str);
    if let (Some(location), Some(region)) = (location, region) {
        backup.other_region = Some(location.map(|l| !l.eq_ignore_ascii_case(region)));
    }
    backup
}

const NO_BACKUPS: &str =
    "backup_configuration.enabled is false, the Google provider's default: no automated backups";
