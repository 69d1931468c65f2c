//! Google's provider: Cloud SQL with the limits of its tiers, Memorystore, VPC connectors, alert policies,
//! log buckets. Cloud Run is read with the reader for Kubernetes ([`super::manifest`]).

use super::{Context, days_fact, header, inner, name_of, or_default};
use crate::facts::NodeFacts as _;
use cofferdam_model::alerts::{Alert, LogStore, Timing};
use cofferdam_model::connector::Connector;
use cofferdam_model::database::{Backup, Cache, Database, Engine};
use cofferdam_model::delivery::{Defect, DefectEffect};
use cofferdam_model::units;
use cofferdam_model::{Bytes, Fact, Owner, Parts, Span};
use cofferdam_render::hcl::{self, Resource};
use cofferdam_syntax::tree::Node;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const MIB: u64 = 1024 * 1024;

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

// === Cloud SQL ===

/// MiB of memory of a tier, by its name. Source: Cloud SQL documentation, "Machine types".
fn tier_memory(tier: &str) -> Option<Bytes> {
    let mib = match tier {
        "db-f1-micro" => 614,
        "db-g1-small" => 1_740,
        _ => {
            let parts: Vec<&str> = tier.strip_prefix("db-")?.split('-').collect();
            let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n <= 4_194_304);
            match parts.as_slice() {
                ["custom", _, memory] => number(memory)?,
                // 3.75 and 6.5 GB a CPU.
                ["n1", "standard", cpus] => number(cpus)? * 3_840,
                ["n1", "highmem", cpus] => number(cpus)? * 6_656,
                // Enterprise Plus: 8 GB a CPU.
                ["perf", "optimized", "N", cpus] => number(cpus)? * 8_192,
                _ => return None,
            }
        }
    };
    Some(Bytes(mib * MIB))
}

/// max_connections of PostgreSQL by memory in MiB: lower bound and number. Source: Cloud SQL for PostgreSQL
/// documentation, "Configure database flags", max_connections.
const POSTGRES_CONNECTIONS: &[(u64, u32)] = &[
    (122_880, 1_000),
    (61_440, 800),
    (30_720, 600),
    (15_360, 500),
    (7_680, 400),
    (6_144, 200),
    (3_840, 100),
    (1_740, 50),
    (0, 25),
];

fn default_connections(database: &Database) -> Option<Fact<u32>> {
    let tier = &database.tier.as_ref()?.value;
    let n = match database.engine.as_ref()?.value {
        Engine::PostgreSql => {
            let memory = database.memory.as_ref()?.value.0 / MIB;
            POSTGRES_CONNECTIONS.iter().find(|(from, _)| memory >= *from)?.1
        }
        // Source: Cloud SQL for MySQL documentation, "Quotas and limits".
        Engine::MySql => match tier.as_str() {
            "db-f1-micro" => 250,
            "db-g1-small" => 1_000,
            _ => 4_000,
        },
        _ => return None,
    };
    let why = format!("max_connections is {n}, Cloud SQL's default for {tier}");
    Some(Fact::assumed(n, why))
}

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

fn sql(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["name"]);
    let mut database = Database::named(name.value.clone(), name.span());
    database.aliases = super::names::of(context, resource);
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

/// The error of a tier that does not exist. Source: Cloud SQL documentation, "Machine types": shared core is
/// db-f1-micro and db-g1-small only; a custom one has 1 or an even number of CPUs, memory in multiples of 256
/// MiB, at least 3,840 MiB, and 0.9 to 6.5 GB a CPU.
fn impossible_tier(tier: &str) -> Option<String> {
    if (tier.starts_with("db-f1-") && tier != "db-f1-micro")
        || (tier.starts_with("db-g1-") && tier != "db-g1-small")
    {
        return Some(format!("the tier `{tier}` does not exist"));
    }
    let rest = tier.strip_prefix("db-custom-")?;
    let (cpus, memory) = rest.split_once('-')?;
    let (cpus, memory): (u64, u64) = (cpus.parse().ok()?, memory.parse().ok()?);
    let a_cpu = memory as f64 / 1024.0 / cpus.max(1) as f64;
    if cpus == 0 || (cpus > 1 && cpus % 2 == 1) {
        Some(format!(
            "`{tier}` has {cpus} CPUs; a custom tier has 1 or an even number"
        ))
    } else if memory < 3_840 || memory % 256 != 0 {
        Some(format!(
            "`{tier}` has {memory} MiB; a custom tier has at least 3840 MiB, in multiples of 256"
        ))
    } else if !(0.89..=6.51).contains(&a_cpu) {
        Some(format!(
            "`{tier}` has {a_cpu:.1} GB a CPU; a custom tier has 0.9 to 6.5"
        ))
    } else {
        None
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

// === VPC connectors ===

/// Records that Google refuses the value at `span`: the problem and the remedy.
fn refuse(resource: &Resource, path: &str, span: Span, (problem, remedy): (String, &str), parts: &mut Parts) {
    parts.defects.push(Defect {
        subject: resource.address.clone(),
        path: path.to_owned(),
        span,
        problem,
        effect: DefectEffect::Refused,
        remedy: remedy.to_owned(),
    });
}

/// Machine types that a connector may have.
const MACHINES: &[&str] = &["f1-micro", "e2-micro", "e2-standard-4"];

/// Reads a connector and its errors. Source: Serverless VPC Access documentation, "Configure connectors" and
/// the reference of `projects.locations.connectors`.
fn connector(resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["name"]);
    let number = |key: &str| body.get(key).and_then(Node::u32_fact);
    let (min, max) = (number("min_instances"), number("max_instances"));
    let place = |fact: &Fact<u32>| fact.span().unwrap_or(resource.span);
    if let Some(machine) = body.get("machine_type")
        && let Some(text) = machine.as_str().filter(|t| !MACHINES.contains(t))
    {
        let problem = format!("a connector cannot have the machine type `{text}`");
        let remedy = "Use `e2-micro`, `e2-standard-4` or `f1-micro`.";
        refuse(resource, "machine_type", machine.span, (problem, remedy), parts);
    }
    if let Some(max) = max.as_ref().filter(|m| !(3..=10).contains(&m.value)) {
        let problem = format!("max_instances is {}, and a connector has 3 to 10", max.value);
        refuse(
            resource,
            "max_instances",
            place(max),
            (
                problem,
                "Set 3 to 10; for more, use a second connector or direct VPC egress.",
            ),
            parts,
        );
    }
    if let Some(min) = min.as_ref().filter(|m| !(2..=9).contains(&m.value)) {
        let problem = format!("min_instances is {}, and a connector has 2 to 9", min.value);
        refuse(
            resource,
            "min_instances",
            place(min),
            (problem, "Set 2 to 9, below max_instances."),
            parts,
        );
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value >= max.value
    {
        let problem = format!(
            "min_instances {} is not below max_instances {}",
            min.value, max.value
        );
        refuse(
            resource,
            "min_instances",
            place(min),
            (problem, "Set min_instances below max_instances."),
            parts,
        );
    }
    let range = body.get("ip_cidr_range").and_then(Node::text_fact);
    if let Some(range) = range.as_ref().filter(|r| !r.value.ends_with("/28")) {
        let span = range.span().unwrap_or(resource.span);
        let problem = format!("the range `{}` is not a /28", range.value);
        refuse(
            resource,
            "ip_cidr_range",
            span,
            (problem, "Give it an unused /28."),
            parts,
        );
    }
    parts.connectors.push(Connector {
        span: name.span().unwrap_or(resource.span),
        region: body.get("region").and_then(Node::text_fact),
        machine_type: body.get("machine_type").and_then(Node::text_fact),
        min_instances: min,
        max_instances: max,
        max_throughput: number("max_throughput"),
        range,
        name: name.value,
    });
}

/// A service can use a connector of its own region only.
fn connector_of(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let named = inner(&resource.body, "template/vpc_access")
        .and_then(|access| access.get("connector"))
        .or_else(|| {
            inner(&resource.body, "template/metadata")?
                .get("annotations")?
                .get("run.googleapis.com/vpc-access-connector")
        });
    let Some(named) = named else { return };
    let Some(connector) = context.follow(named, "google_vpc_access_connector", &["name"]) else {
        return;
    };
    let of = |r: &Resource, key: &str| r.body.get(key).and_then(Node::as_str).map(str::to_owned);
    if let (Some(here), Some(there)) = (of(resource, "location"), of(connector, "region"))
        && here != there
    {
        let problem = format!(
            "it is in {here} and the connector {} in {there}",
            connector.address
        );
        refuse(
            resource,
            "connector",
            named.span,
            (problem, "Use a connector of the service's own region."),
            parts,
        );
    }
}

/// A connector is for traffic from a service; requests cannot be sent to it.
fn backend(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    for block in hcl::blocks(&resource.body, "backend") {
        let Some(group) = block.get("group") else { continue };
        let leads = hcl::reference(group).and_then(|r| context.at(r));
        if leads.is_some_and(|r| r.kind == "google_vpc_access_connector") {
            let problem = "a VPC connector cannot be the backend of a load balancer".to_owned();
            refuse(
                resource,
                "backend.group",
                group.span,
                (problem, "Name an instance group or a network endpoint group."),
                parts,
            );
        }
    }
}

// === Alerts ===

/// Each condition of a policy: metrics are aligned to `alignment_period`, and the condition must hold for
/// `duration`. Source: Cloud Monitoring documentation, "Behavior of metric-based alerting policies".
fn alert_policy(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let notifies: Vec<Fact<String>> = body
        .get("notification_channels")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|node| match hcl::reference(node).and_then(|r| context.at(r)) {
            Some(channel) => Some(Fact::declared(
                name_of(channel, &["display_name"]).value,
                node.span,
            )),
            None => node.text_fact(),
        })
        .collect();
    let title = name_of(resource, &["display_name"]);
    let conditions = hcl::blocks(body, "conditions");
    for condition in &conditions {
        let Some(inner) = [
            "condition_threshold",
            "condition_absent",
            "condition_monitoring_query_language",
            "condition_prometheus_query_language",
        ]
        .iter()
        .find_map(|kind| hcl::block(condition, kind)) else {
            continue;
        };
        let time = |node: &Node, key: &str| node.get(key).and_then(|n| n.fact(units::duration));
        let filter = ["filter", "query"]
            .iter()
            .find_map(|key| inner.get(key)?.text_fact());
        let name = match condition.get("display_name").and_then(Node::text_fact) {
            Some(own) if conditions.len() > 1 => own,
            _ => title.clone(),
        };
        parts.alerts.push(Alert {
            name,
            span: header(resource),
            owner: Owner::default(),
            severity: body.get("severity").and_then(Node::text_fact),
            labels: std::collections::BTreeMap::new(),
            enabled: body.get("enabled").and_then(Node::bool_fact),
            signals: filter.as_ref().map(metric_types).unwrap_or_default(),
            selects: Vec::new(),
            threshold: inner.get("threshold_value").and_then(Node::f64_fact),
            timing: Timing::Generic {
                product: Some("Cloud Monitoring"),
                window: hcl::block(inner, "aggregations").and_then(|a| time(a, "alignment_period")),
                interval: time(inner, "evaluation_interval"),
                hold: time(inner, "duration"),
            },
            query: filter,
            notifies: notifies.clone(),
            promised: None,
        });
    }
}

/// `metric.type="run.googleapis.com/request_latencies"` in a filter.
fn metric_types(filter: &Fact<String>) -> Vec<Fact<String>> {
    filter
        .value
        .split("metric.type")
        .skip(1)
        .filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('=')?.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let name = rest[1..].split(quote).next()?;
            Some(filter.clone().map(|_| name.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{impossible_tier, tier_memory};
    use crate::terraform::tests::environment;
    use cofferdam_model::database::{Database, Engine};
    use cofferdam_model::{Bytes, Fact};
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    fn only(text: &str) -> Database {
        let mut env = environment(&[("main.tf", text)]);
        assert!(env.defects.is_empty(), "{:?}", env.defects);
        env.databases.remove(0)
    }

    fn value<T: Clone>(fact: &Option<Fact<T>>) -> (T, bool) {
        let fact = fact.as_ref().unwrap();
        (fact.value.clone(), fact.is_assumed())
    }

    #[test]
    fn an_instance_with_few_arguments_has_the_defaults_of_google() {
        let db = only(
            r#"
resource "google_sql_database_instance" "main" {
  name             = "main"
  database_version = "POSTGRES_15"
  region           = "us-central1"
  settings {
    tier = "db-custom-2-7680"
  }
}
"#,
        );
        assert_eq!(value(&db.engine), (Engine::PostgreSql, false));
        assert_eq!(db.version.as_ref().unwrap().value, "15");
        assert_eq!(value(&db.memory), (Bytes(7680 * 1024 * 1024), false));
        // 7.5 GB up to 15 GB: 400.
        assert_eq!(value(&db.max_connections), (400, true));
        assert_eq!(value(&db.multi_zone), (false, true));
        assert_eq!(value(&db.public), (true, true));
        assert_eq!(value(&db.tls_required), (false, true));
        assert_eq!(value(&db.deletion_protection), (true, true));
        assert_eq!(value(&db.backup.retention), (Duration::ZERO, true));
        assert_eq!(value(&db.backup.point_in_time), (false, true));
    }

    #[test]
    fn arguments_that_are_set_override_defaults() {
        let db = only(
            r#"
resource "google_sql_database_instance" "main" {
  name                = "main"
  database_version    = "POSTGRES_16"
  region              = "us-central1"
  deletion_protection = false
  settings {
    tier              = "db-custom-4-16384"
    availability_type = "REGIONAL"
    database_flags {
      name  = "max_connections"
      value = "1000"
    }
    database_flags {
      name  = "work_mem"
      value = "16384"
    }
    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      location                       = "us"
      backup_retention_settings {
        retained_backups = 30
      }
    }
    ip_configuration {
      ipv4_enabled    = false
      private_network = "n"
      ssl_mode        = "ENCRYPTED_ONLY"
    }
  }
}
"#,
        );
        assert_eq!(value(&db.max_connections), (1000, false));
        assert_eq!(value(&db.work_mem), (Bytes(16 * 1024 * 1024), false));
        assert_eq!(value(&db.multi_zone), (true, false));
        assert_eq!(value(&db.public), (false, false));
        assert_eq!(value(&db.tls_required), (true, false));
        assert_eq!(value(&db.deletion_protection), (false, false));
        assert_eq!(value(&db.backup.retention), (30 * DAY, false));
        assert_eq!(value(&db.backup.point_in_time), (true, false));
        assert_eq!(value(&db.backup.other_region), (true, false));
    }

    #[test]
    fn tiers_have_their_memory_and_some_do_not_exist() {
        let mib = |n: u64| Some(Bytes(n * 1024 * 1024));
        assert_eq!(tier_memory("db-n1-standard-4"), mib(15_360));
        assert_eq!(tier_memory("db-perf-optimized-N-8"), mib(65_536));
        assert_eq!(tier_memory("whatever"), None);
        for bad in [
            "db-g1-standard-2",
            "db-f1-large",
            "db-custom-3-12288",
            "db-custom-2-2048",
            "db-custom-2-16384",
        ] {
            assert!(impossible_tier(bad).is_some(), "{bad}");
        }
        for good in [
            "db-g1-small",
            "db-custom-1-3840",
            "db-custom-2-7680",
            "db-custom-4-26624",
            "db-n1-standard-1",
        ] {
            assert_eq!(impossible_tier(good), None, "{good}");
        }
    }

    #[test]
    fn a_connector_that_google_would_refuse_is_reported_with_the_reason() {
        let env = environment(&[(
            "vpc-connector.tf",
            r#"
resource "google_vpc_access_connector" "backup" {
  name          = "staging-connector-backup"
  region        = "us-east1"
  network       = "staging-vpc"
  ip_cidr_range = "10.3.0.0/28"
  min_instances = 2
  max_instances = 15
  machine_type  = "e2-standard-2"
}
resource "google_compute_backend_service" "lb" {
  name     = "lb"
  protocol = "TCP"
  backend {
    group = google_vpc_access_connector.backup.id
  }
}
resource "google_cloud_run_service" "api" {
  name     = "api"
  location = "us-central1"
  template {
    metadata {
      annotations = {
        "run.googleapis.com/vpc-access-connector" = google_vpc_access_connector.backup.name
      }
    }
    spec {
      containers {
        image = "gcr.io/p/a:1"
      }
    }
  }
}
"#,
        )]);
        let problems: Vec<&str> = env.defects.iter().map(|d| d.problem.as_str()).collect();
        assert_eq!(
            problems,
            [
                "a connector cannot have the machine type `e2-standard-2`",
                "max_instances is 15, and a connector has 3 to 10",
                "a VPC connector cannot be the backend of a load balancer",
                "it is in us-central1 and the connector google_vpc_access_connector.backup in us-east1",
            ]
        );
        assert_eq!(env.connectors[0].min_instances.as_ref().unwrap().value, 2);
    }

    #[test]
    fn an_alert_policy_has_an_alignment_period_and_a_duration() {
        let env = environment(&[(
            "alerts.tf",
            r#"
resource "google_monitoring_notification_channel" "pager" {
  display_name = "pager"
  type         = "pagerduty"
}
resource "google_monitoring_alert_policy" "latency" {
  display_name          = "API latency"
  notification_channels = [google_monitoring_notification_channel.pager.id]
  conditions {
    display_name = "p95"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/request_latencies\""
      duration        = "300s"
      comparison      = "COMPARISON_GT"
      threshold_value = 2000
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_PERCENTILE_95"
      }
    }
  }
}
"#,
        )]);
        let alert = &env.alerts[0];
        assert_eq!(alert.name.value, "API latency");
        assert_eq!(alert.signals[0].value, "run.googleapis.com/request_latencies");
        assert_eq!(alert.notifies[0].value, "pager");
        let cofferdam_model::alerts::Timing::Generic { window, hold, .. } = &alert.timing else {
            panic!()
        };
        assert_eq!((value(window).0.as_secs(), value(hold).0.as_secs()), (60, 300));
    }
}
