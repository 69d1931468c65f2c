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
fn the_zones_of_a_cluster_are_decided_where_its_number_of_members_is_written() {
    let module = "variable \"instances\" { default = 2 }\nresource \"aws_rds_cluster\" \"main\" {\n  cluster_identifier = \"platform\"\n  engine = \"aurora-postgresql\"\n}\nresource \"aws_rds_cluster_instance\" \"member\" {\n  count = var.instances\n  cluster_identifier = aws_rds_cluster.main.id\n  instance_class = \"db.r6g.large\"\n}\n";
    let env = environment(&[
        (
            "main.tf",
            "module \"db\" {\n  source = \"./m\"\n  instances = 1\n}\n",
        ),
        ("m/main.tf", module),
    ]);
    let zones = env.databases[0].multi_zone.as_ref().unwrap();
    assert!(!zones.value);
    let main = env.databases[0].span.unwrap().file;
    assert_ne!(zones.span().unwrap().file, main, "the call, not the module");
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
