use super::tiers::{impossible_tier, tier_memory};
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
