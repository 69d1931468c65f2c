//! Amazon's provider: RDS and Aurora with their parameter groups and backups, caches, log groups, alarms.

use super::aws_access;
use super::aws_limits::{
    AURORA_BUFFERS, GIB_PER_ACU, MYSQL_DEFAULT, POSTGRES_DEFAULT, formula, gib_to_bytes, memory,
    serverless_connections,
};
use super::{Context, days_fact, header, inner, name_of, or_default};
use crate::facts::NodeFacts as _;
use crate::parts::fill;
use cofferdam_model::alerts::LogStore;
use cofferdam_model::database::{Backup, Cache, Database, Engine};
use cofferdam_model::units::amount;
use cofferdam_model::{Bytes, Fact, Parts};
use cofferdam_render::hcl::{self, ModuleCall, Resource};
use cofferdam_syntax::tree::{Node, Value};
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

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
        super::aws_alarms::metric_alarm(context, alarm, parts);
    }
}

fn engine_of(node: &Node) -> Option<Fact<Engine>> {
    node.fact(|text| {
        let text = text.to_ascii_lowercase();
        match text.as_str() {
            "postgres" => Some(Engine::RdsPostgreSql),
            "aurora-postgresql" => Some(Engine::AuroraPostgreSql),
            "mysql" | "mariadb" | "aurora" | "aurora-mysql" => Some(Engine::MySql),
            _ if text.starts_with("sqlserver") => Some(Engine::SqlServer),
            _ => None,
        }
    })
}

/// Parameters of the groups that a database names; `None` if it names one that is not in the files, so its
/// settings are unknown.
struct Parameters<'n> {
    set: BTreeMap<String, &'n Node>,
    known: bool,
}

impl<'n> Parameters<'n> {
    /// Those of the group that `argument` of `body` names, of these resource types.
    fn of(context: &Context<'n>, body: &Node, argument: &str, kind: &'n str) -> Parameters<'n> {
        let mut parameters = Parameters {
            set: BTreeMap::new(),
            known: true,
        };
        let Some(named) = body.get(argument) else {
            return parameters;
        };
        match context.follow(named, kind, &["name", "name_prefix"]) {
            Some(group) => parameters.add(&hcl::blocks(&group.body, "parameter")),
            // Amazon's own groups contain the defaults.
            None => parameters.known = named.as_str().is_some_and(|n| n.starts_with("default.")),
        }
        parameters
    }

    fn add(&mut self, blocks: &[&'n Node]) {
        for block in blocks {
            match (block.get("name").and_then(Node::as_str), block.get("value")) {
                (Some(name), Some(value)) => {
                    self.set.insert(name.to_ascii_lowercase(), value);
                }
                // A list with an unknown part may set anything.
                _ => self.known = false,
            }
        }
    }

    /// An instance's group overrides its cluster's.
    fn over(mut self, below: Parameters<'n>) -> Parameters<'n> {
        for (name, value) in below.set {
            self.set.entry(name).or_insert(value);
        }
        self.known &= below.known;
        self
    }

    /// A number, in whatever unit the parameter counts.
    fn number(&self, name: &str, memory: Option<Bytes>) -> Option<Fact<f64>> {
        let node = self.set.get(name)?;
        let text = node.as_str()?;
        if let Ok(number) = text.trim().parse::<f64>() {
            return Some(Fact::declared(number, node.span));
        }
        let value = formula(text, memory?)?;
        let why = format!("`{text}` counted with the memory of the instance class");
        Some(Fact::inferred(value, node.span, why))
    }

    fn switch(&self, name: &str) -> Option<Fact<bool>> {
        self.set
            .get(name)?
            .fact(|text| match text.trim().to_ascii_lowercase().as_str() {
                "1" | "on" | "true" => Some(true),
                "0" | "off" | "false" => Some(false),
                _ => None,
            })
    }
}

/// Applies the parameters, and the engine's defaults for those that are known to be unset.
fn settle(database: &mut Database, body: &Node, parameters: &Parameters<'_>) {
    let engine = database.engine.as_ref().map(|e| e.value);
    let memory = database.memory.as_ref().map(|m| m.value);
    let whole = |fact: Fact<f64>| (fact.value >= 0.0 && fact.value < 4e9).then(|| fact.map(|n| n as u32));
    let bytes = |unit: f64| {
        move |fact: Fact<f64>| (fact.value >= 0.0).then(|| fact.map(|n| Bytes((n * unit) as u64)))
    };
    let postgres = matches!(engine, Some(Engine::RdsPostgreSql | Engine::AuroraPostgreSql));
    if let Some(fact) = parameters.number("max_connections", memory).and_then(whole) {
        database.max_connections = Some(fact);
    } else if parameters.known
        && !parameters.set.contains_key("max_connections")
        && database.max_connections.is_none()
    {
        // Aurora MySQL counts by another formula, of which only rounded results are published.
        let raw = body.get("engine").and_then(Node::as_str).unwrap_or_default();
        if !(engine == Some(Engine::MySql) && raw.starts_with("aurora")) {
            database.max_connections = default_connections(database, memory);
        }
    }
    if postgres {
        // shared_buffers counts pages of 8 KiB, work_mem KiB.
        let buffers = parameters
            .number("shared_buffers", memory)
            .and_then(bytes(8192.0));
        fill(&mut database.shared_buffers, buffers);
        let work = parameters.number("work_mem", memory).and_then(bytes(1024.0));
        fill(&mut database.work_mem, work);
        if engine == Some(Engine::AuroraPostgreSql)
            && parameters.known
            && !parameters.set.contains_key("shared_buffers")
            && let Some(pages) = memory
                .and_then(|m| formula(AURORA_BUFFERS, m))
                .filter(|p| *p > 0.0)
        {
            let why =
                format!("shared_buffers is {AURORA_BUFFERS} pages of 8 KiB, Aurora PostgreSQL's default");
            fill(
                &mut database.shared_buffers,
                Some(Fact::assumed(Bytes((pages * 8192.0) as u64), why)),
            );
        }
        reserved(database, parameters);
    }
    let switch = if postgres {
        "rds.force_ssl"
    } else {
        "require_secure_transport"
    };
    database.tls_required = match parameters.switch(switch) {
        Some(fact) => Some(fact),
        None if parameters.known && !parameters.set.contains_key(switch) => default_tls(database),
        None => None,
    };
}

/// Slots that ordinary users cannot take, if a parameter changes either of the two.
fn reserved(database: &mut Database, parameters: &Parameters<'_>) {
    let superuser = parameters.number("superuser_reserved_connections", None);
    let rds = parameters.number("rds.rds_superuser_reserved_connections", None);
    let source = superuser.as_ref().or(rds.as_ref()).cloned();
    if let Some(fact) = source {
        let of =
            |f: &Option<Fact<f64>>, default: f64| f.as_ref().map_or(default, |f| f.value).clamp(0.0, 1e6);
        let total = of(&superuser, 3.0) + of(&rds, 2.0);
        database.reserved_connections = Some(fact.map(|_| total as u32));
    }
}

/// max_connections of the default parameter group.
fn default_connections(database: &Database, memory: Option<Bytes>) -> Option<Fact<u32>> {
    let class = database.tier.as_ref()?.value.clone();
    let memory = memory?;
    let (formula_text, what) = match database.engine.as_ref()?.value {
        Engine::RdsPostgreSql | Engine::AuroraPostgreSql => (POSTGRES_DEFAULT, "PostgreSQL"),
        Engine::MySql => (MYSQL_DEFAULT, "MySQL"),
        _ => return None,
    };
    let n = formula(formula_text, memory)? as u32;
    let why = format!(
        "max_connections is {formula_text} of the {memory} of {class} = {n}, the default parameter group of RDS for {what} \
         (Amazon RDS User Guide, \"Quotas and constraints\"); RDS keeps some of the memory for itself, so it is a little less"
    );
    Some(Fact::assumed(n, why))
}

/// Whether TLS is required if no parameter sets it. Source: Amazon RDS User Guide, "Using SSL with a
/// PostgreSQL DB instance" (on from version 15) and Amazon Aurora User Guide, "Securing Aurora PostgreSQL
/// data with SSL/TLS" (on from version 17).
fn default_tls(database: &Database) -> Option<Fact<bool>> {
    let version = database.version.as_ref()?;
    let major: u32 = version.value.split('.').next()?.parse().ok()?;
    let from = match database.engine.as_ref()?.value {
        Engine::RdsPostgreSql => 15,
        Engine::AuroraPostgreSql => 17,
        _ => return None,
    };
    let on = major >= from;
    let why = format!(
        "rds.force_ssl is {} in version {major}, the default ({from} and later switch it on)",
        u8::from(on)
    );
    Some(Fact::assumed(on, why))
}

fn tier(body: &Node, key: &str, database: &mut Database) {
    let Some(class) = body.get(key).and_then(Node::text_fact) else {
        return;
    };
    if let Some(bytes) = memory(&class.value) {
        database.memory = Some(class.clone().map(|_| bytes));
    }
    database.tier = Some(class);
}

/// The protection against deletion: the argument, or Terraform's own refusal.
fn protection(body: &Node, whole: bool) -> Option<Fact<bool>> {
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

fn instance(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["identifier", "identifier_prefix"]);
    let mut database = Database::named(name.value.clone(), name.span());
    database.aliases = super::names::of(context, resource);
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
    database.open_to_all = aws_access::open_to_all(context, body, &database);
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
        database.on_delete = aws_access::on_delete(body);
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

/// Automated backups: once a day, with the log kept for point-in-time recovery as long as the backups.
/// Source: Amazon RDS User Guide, "Introduction to backups".
fn automated(context: &Context<'_>, resource: &Resource, retention: Option<Fact<Duration>>) -> Backup {
    let mut backup = Backup {
        declarable: true,
        point_in_time: retention.clone().map(|f| f.map(|d| !d.is_zero())),
        interval: retention.as_ref().filter(|r| !r.value.is_zero()).map(|_| {
            Fact::assumed(
                DAY,
                "automated backups are made once a day (Amazon RDS User Guide, \"Backup window\")",
            )
        }),
        retention,
        ..Backup::default()
    };
    let is_this = |node: &Node| {
        hcl::reference(node)
            .and_then(|r| context.at(r))
            .is_some_and(|found| found.address == resource.address)
    };
    for copy in context.managed("aws_db_instance_automated_backups_replication") {
        if let Some(source) = copy.body.get("source_db_instance_arn").filter(|n| is_this(n)) {
            backup.other_region = Some(Fact::declared(true, source.span));
        }
    }
    for selection in context.managed("aws_backup_selection") {
        let resources = selection.body.get("resources").map_or(&[][..], Node::items);
        if !resources.iter().any(is_this) {
            continue;
        }
        let plan = selection
            .body
            .get("plan_id")
            .and_then(|p| context.follow(p, "aws_backup_plan", &["name"]));
        for rule in plan.into_iter().flat_map(|p| hcl::blocks(&p.body, "rule")) {
            planned(rule, &mut backup);
        }
    }
    backup
}

/// A rule of AWS Backup: it may keep longer, continuously, and copy to another vault.
fn planned(rule: &Node, backup: &mut Backup) {
    let kept = inner(rule, "lifecycle").and_then(|l| days_fact(l.get("delete_after")?));
    if let Some(kept) = kept
        && backup.retention.as_ref().is_none_or(|r| r.value < kept.value)
    {
        backup.retention = Some(kept);
    }
    let continuous = rule.get("enable_continuous_backup").and_then(Node::bool_fact);
    if let Some(on) = continuous.filter(|c| c.value) {
        backup.point_in_time = Some(on);
    }
    if let Some(copy) = hcl::block(rule, "copy_action") {
        let why = "the backups are copied to another vault, which is assumed to be in another region";
        fill(
            &mut backup.other_region,
            Some(Fact::inferred(true, copy.span, why)),
        );
    }
}

fn cluster(context: &Context<'_>, resource: &Resource, parts: &mut Parts) {
    let body = &resource.body;
    let name = name_of(resource, &["cluster_identifier", "cluster_identifier_prefix"]);
    let mut database = Database::named(name.value.clone(), name.span());
    database.aliases = super::names::of(context, resource);
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
    database.open_to_all = aws_access::open_to_all(context, body, &database);
    let source = body.get("replication_source_identifier");
    if source.is_none_or(Node::is_null) {
        database.multi_zone = zones(body, &members);
        database.deletion_protection = protection(body, true);
        database.on_delete = aws_access::on_delete(body);
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
    Some(Fact::declared(members.len() > 1, header(first)))
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

/// The databases of the common modules from the registry: the values of their arguments, without defaults,
/// which belong to the module.
fn module(call: &ModuleCall, parts: &mut Parts) {
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

fn caches(context: &Context<'_>, parts: &mut Parts) {
    for group in context.managed("aws_elasticache_replication_group") {
        let body = Some(&group.body);
        cache(
            group,
            "replication_group_id",
            or_default(
                body,
                "multi_az_enabled",
                Node::bool_fact,
                false,
                "multi_az_enabled is false, the AWS provider's default",
            ),
            parts,
        );
    }
    for cluster in context.managed("aws_elasticache_cluster") {
        // A member of a replication group is a part of that.
        if cluster.body.get("replication_group_id").is_none() {
            let alone = Fact::declared(false, header(cluster));
            cache(cluster, "cluster_id", Some(alone), parts);
        }
    }
}

fn cache(resource: &Resource, named_by: &str, multi_zone: Option<Fact<bool>>, parts: &mut Parts) {
    let name = name_of(resource, &[named_by]);
    parts.caches.push(Cache {
        span: name.span(),
        tier: resource.body.get("node_type").and_then(Node::text_fact),
        multi_zone,
        hosts: Vec::new(),
        name: name.value,
    });
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
mod tests {
    use crate::terraform::tests::environment;
    use cofferdam_model::database::{Database, Engine};
    use cofferdam_model::{Bytes, Fact};
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);
    const GIB: u64 = 1024 * 1024 * 1024;

    fn only(text: &str) -> Database {
        let mut env = environment(&[("main.tf", text)]);
        assert_eq!(env.databases.len(), 1);
        env.databases.remove(0)
    }

    fn value<T: Clone>(fact: &Option<Fact<T>>) -> (T, bool) {
        let fact = fact.as_ref().unwrap();
        (fact.value.clone(), fact.is_assumed())
    }

    #[test]
    fn an_instance_with_few_arguments_has_the_defaults_marked_as_such() {
        let db = only(
            r#"
resource "aws_db_instance" "main" {
  identifier     = "orders"
  engine         = "postgres"
  engine_version = "14.9"
  instance_class = "db.r6g.large"
}
"#,
        );
        assert_eq!(
            (db.name.as_str(), value(&db.engine)),
            ("orders", (Engine::RdsPostgreSql, false))
        );
        assert_eq!(value(&db.memory), (Bytes(16 * GIB), false));
        // 16 × 2^30 / 9,531,392 = 1,802.
        assert_eq!(value(&db.max_connections), (1802, true));
        assert_eq!(value(&db.multi_zone), (false, true));
        assert_eq!(value(&db.public), (false, true));
        assert_eq!(value(&db.deletion_protection), (false, true));
        assert_eq!(value(&db.backup.retention), (Duration::ZERO, true));
        assert_eq!(value(&db.backup.point_in_time), (false, true));
        assert_eq!(value(&db.tls_required), (false, true));
        assert_eq!(db.work_mem, None);
    }

    #[test]
    fn a_parameter_group_sets_max_connections() {
        let db = only(
            r#"
resource "aws_db_parameter_group" "pg" {
  name   = "orders-pg16"
  family = "postgres16"
  parameter {
    name         = "max_connections"
    value        = "1000"
    apply_method = "pending-reboot"
  }
  parameter {
    name  = "shared_buffers"
    value = "{DBInstanceClassMemory/32768}"
  }
  parameter {
    name  = "work_mem"
    value = "16384"
  }
  parameter {
    name  = "rds.force_ssl"
    value = "0"
  }
  parameter {
    name  = "superuser_reserved_connections"
    value = "10"
  }
}
resource "aws_db_instance" "main" {
  identifier              = "orders"
  engine                  = "postgres"
  engine_version          = "16.3"
  instance_class          = "db.m6g.xlarge"
  parameter_group_name    = aws_db_parameter_group.pg.name
  multi_az                = true
  backup_retention_period = 14
  lifecycle {
    prevent_destroy = true
  }
}
"#,
        );
        assert_eq!(value(&db.max_connections), (1000, false));
        // 16 GiB / 32,768 = 524,288 pages of 8 KiB = 4 GiB; 16,384 KiB = 16 MiB.
        assert_eq!(value(&db.shared_buffers), (Bytes(4 * GIB), false));
        assert_eq!(value(&db.work_mem), (Bytes(16 * 1024 * 1024), false));
        assert_eq!(value(&db.tls_required), (false, false));
        assert_eq!(value(&db.reserved_connections), (12, false));
        assert_eq!(value(&db.multi_zone), (true, false));
        assert_eq!(value(&db.deletion_protection), (true, false));
        assert_eq!(value(&db.backup.retention), (14 * DAY, false));
        assert_eq!(value(&db.backup.point_in_time), (true, false));
    }

    #[test]
    fn an_unknown_value_is_not_replaced_by_a_default() {
        let db = only(
            r#"
variable "multi_az" {}
variable "group" {}
resource "aws_db_instance" "main" {
  engine               = "postgres"
  engine_version       = "16"
  instance_class       = "db.m6g.xlarge"
  multi_az             = var.multi_az
  parameter_group_name = var.group
}
"#,
        );
        assert_eq!(db.name, "main");
        assert_eq!(
            (db.multi_zone, db.max_connections, db.tls_required),
            (None, None, None)
        );
    }

    #[test]
    fn a_cluster_has_the_class_of_its_members_and_as_many_zones() {
        let text = |count: u32| {
            format!(
                r#"
resource "aws_rds_cluster_parameter_group" "pg" {{
  name   = "c"
  family = "aurora-postgresql16"
  parameter {{
    name  = "max_connections"
    value = "LEAST({{DBInstanceClassMemory/9531392}},5000)"
  }}
}}
resource "aws_rds_cluster" "main" {{
  cluster_identifier              = "platform"
  engine                          = "aurora-postgresql"
  engine_version                  = "16.2"
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.pg.name
  deletion_protection             = true
}}
resource "aws_rds_cluster_instance" "member" {{
  count              = {count}
  cluster_identifier = aws_rds_cluster.main.id
  instance_class     = "db.r6g.large"
  engine             = aws_rds_cluster.main.engine
}}
"#
            )
        };
        let db = only(&text(2));
        assert_eq!(value(&db.engine).0, Engine::AuroraPostgreSql);
        assert_eq!(value(&db.max_connections), (1802, false));
        assert_eq!(value(&db.multi_zone), (true, false));
        assert_eq!(value(&db.backup.retention), (DAY, true));
        assert_eq!(value(&db.tls_required), (false, true));
        // 1,377,133 pages of 8 KiB.
        assert_eq!(value(&db.shared_buffers), (Bytes(1_377_133 * 8192), true));
        assert_eq!(value(&only(&text(1)).multi_zone), (false, false));
    }

    #[test]
    fn serverless_capacity_decides_connections() {
        let db = only(
            r#"
resource "aws_rds_cluster" "main" {
  cluster_identifier = "s"
  engine             = "aurora-postgresql"
  serverlessv2_scaling_configuration {
    min_capacity = 1
    max_capacity = 8
  }
}
resource "aws_rds_cluster_instance" "m" {
  cluster_identifier = aws_rds_cluster.main.id
  instance_class     = "db.serverless"
}
"#,
        );
        assert_eq!(value(&db.max_connections), (1669, true));
        assert_eq!(value(&db.memory).0, Bytes(16 * GIB));
    }

    #[test]
    fn backups_may_be_kept_longer_and_elsewhere() {
        let db = only(
            r#"
resource "aws_db_instance" "main" {
  identifier              = "orders"
  engine                  = "mysql"
  instance_class          = "db.m6g.large"
  backup_retention_period = 7
}
resource "aws_backup_plan" "daily" {
  name = "daily"
  rule {
    rule_name         = "d"
    target_vault_name = "v"
    lifecycle {
      delete_after = 35
    }
    copy_action {
      destination_vault_arn = "arn:aws:backup:eu-central-1:1:backup-vault:v"
    }
  }
}
resource "aws_backup_selection" "s" {
  plan_id   = aws_backup_plan.daily.id
  resources = [aws_db_instance.main.arn]
}
"#,
        );
        assert_eq!(value(&db.backup.retention).0, 35 * DAY);
        assert!(value(&db.backup.other_region).0);
        // 8 × 2^30 / 12,582,880 = 682.
        assert_eq!(value(&db.max_connections), (682, true));
    }

    #[test]
    fn a_module_from_the_registry_is_read_by_its_arguments() {
        let db = only(
            r#"
module "db" {
  source         = "terraform-aws-modules/rds/aws"
  identifier     = "demo"
  engine         = "postgres"
  instance_class = "db.t4g.medium"
  parameters     = [{ name = "max_connections", value = "200" }]
}
"#,
        );
        assert_eq!(db.name, "demo");
        assert_eq!(value(&db.max_connections), (200, false));
        assert_eq!((db.multi_zone, db.deletion_protection), (None, None));
    }

    #[test]
    fn logs_caches_and_alarms_are_read() {
        let env = environment(&[(
            "main.tf",
            r#"
resource "aws_cloudwatch_log_group" "a" { name = "/a" }
resource "aws_cloudwatch_log_group" "b" {
  name              = "/b"
  retention_in_days = 30
}
resource "aws_elasticache_replication_group" "r" {
  replication_group_id = "sessions"
  node_type            = "cache.r6g.large"
}
resource "aws_sns_topic" "page" { name = "page" }
resource "aws_cloudwatch_metric_alarm" "lag" {
  alarm_name          = "lag"
  metric_name         = "SumOffsetLag"
  namespace           = "AWS/Kafka"
  period              = 60
  evaluation_periods  = 5
  threshold           = 1000
  comparison_operator = "GreaterThanThreshold"
  alarm_actions       = [aws_sns_topic.page.arn]
  dimensions          = { "Consumer Group" = "collectors" }
}
"#,
        )]);
        assert_eq!(env.log_stores[0].retention, None);
        assert_eq!(env.log_stores[1].retention.as_ref().unwrap().value, 30 * DAY);
        assert_eq!(value(&env.caches[0].multi_zone), (false, true));
        let alert = &env.alerts[0];
        let cofferdam_model::alerts::Timing::Generic { interval, hold, .. } = &alert.timing else {
            panic!()
        };
        // 5 × 60 s, and up to a minute until the next evaluation.
        assert_eq!(value(interval).0, Duration::from_secs(60));
        assert_eq!(value(hold).0, Duration::from_secs(300));
        assert_eq!(
            (alert.notifies[0].value.as_str(), alert.selects[0].value.as_str()),
            ("page", "collectors")
        );
    }

    #[test]
    fn a_replica_is_judged_as_no_primary() {
        let replica = |arguments: &str| {
            let env = environment(&[("main.tf", arguments)]);
            let db = env.databases.iter().find(|d| d.name == "copy").unwrap().clone();
            (
                db.multi_zone.is_some(),
                db.deletion_protection.is_some(),
                db.backup.declarable,
            )
        };
        let instance = |more: &str| {
            format!(
                "resource \"aws_db_instance\" \"copy\" {{\n  identifier = \"copy\"\n  engine = \"postgres\"\n{more}\n}}\n"
            )
        };
        for (arguments, is_primary) in [
            ("", true),
            ("  replicate_source_db = null", true),
            ("  replicate_source_db = aws_db_instance.main.identifier", false),
            (
                "  replicate_source_db = \"arn:aws:rds:eu-west-1:1:db:main\"",
                false,
            ),
            ("  replicate_source_db = data.x.y.id\n  multi_az = false", false),
        ] {
            assert_eq!(
                replica(&instance(arguments)),
                (is_primary, is_primary, is_primary),
                "{arguments}"
            );
        }
        let cluster = "resource \"aws_rds_cluster\" \"copy\" {\n  cluster_identifier = \"copy\"\n  engine = \"aurora-postgresql\"\n  replication_source_identifier = \"arn:x\"\n}\n";
        assert_eq!(replica(cluster), (false, false, false));
        let google = |more: &str| {
            format!(
                "resource \"google_sql_database_instance\" \"copy\" {{\n  name = \"copy\"\n  database_version = \"POSTGRES_15\"\n{more}\n  settings {{\n    tier = \"db-f1-micro\"\n  }}\n}}\n"
            )
        };
        assert_eq!(replica(&google("")), (true, true, true));
        assert_eq!(
            replica(&google(
                "  master_instance_name = google_sql_database_instance.main.name"
            )),
            (false, false, false)
        );
        assert_eq!(
            replica(&google("  instance_type = \"READ_REPLICA_INSTANCE\"")),
            (false, false, false)
        );
    }
}
