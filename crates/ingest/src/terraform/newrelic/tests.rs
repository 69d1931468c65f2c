use crate::terraform::tests::environment;
use cofferdam_model::alerts::{NewRelicTiming, Timing};
use std::time::Duration;

fn seconds(timing: &NewRelicTiming) -> (Option<u64>, Option<u64>, Option<u64>) {
    let of = |f: &Option<cofferdam_model::Fact<Duration>>| f.as_ref().map(|f| f.value.as_secs());
    (
        of(&timing.window),
        of(&timing.delay),
        of(&timing.threshold_duration),
    )
}

const CONDITION: &str = r#"
variable "aggregation_delay" {
  type    = number
  default = 120
}

locals {
  conditions = {
    consumer_lag = {
      query     = "SELECT max(kafka.consumer_lag) FROM Metric WHERE topic = 'platform-events' AND consumerGroup = 'collectors' FACET partition"
      threshold = 10000
    }
    error_rate = {
      query     = "SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = 'data-collector'"
      threshold = 5
    }
  }
}

resource "newrelic_alert_policy" "platform" {
  name = "Platform"
}

resource "newrelic_nrql_alert_condition" "this" {
  for_each = local.conditions

  policy_id          = newrelic_alert_policy.platform.id
  name               = each.key
  description        = "On call is told within 60 seconds."
  aggregation_window = 60
  aggregation_method = "EVENT_FLOW"
  aggregation_delay  = var.aggregation_delay

  nrql {
    query = each.value.query
  }

  critical {
    operator              = "above"
    threshold             = each.value.threshold
    threshold_duration    = 300
    threshold_occurrences = "ALL"
  }
}

resource "newrelic_notification_channel" "pager" {
  name = "pagerduty"
}

resource "newrelic_workflow" "w" {
  name = "w"
  issues_filter {
    name = "f"
    type = "FILTER"
    predicate {
      attribute = "labels.policyIds"
      operator  = "EXACTLY_MATCHES"
      values    = [newrelic_alert_policy.platform.id]
    }
  }
  destination {
    channel_id = newrelic_notification_channel.pager.id
  }
}
"#;

#[test]
fn a_condition_has_its_timing_its_signals_and_its_receivers() {
    let env = environment(&[("monitoring/alerts.tf", CONDITION)]);
    assert_eq!(env.alerts.len(), 2);
    let lag = &env.alerts[0];
    assert_eq!(lag.name.value, "consumer_lag");
    let Timing::NewRelic(timing) = &lag.timing else {
        panic!()
    };
    assert_eq!(seconds(timing), (Some(60), Some(120), Some(300)));
    assert_eq!(timing.method.as_ref().unwrap().value, "event_flow");
    assert_eq!(timing.occurrences.as_ref().unwrap().value, "all");
    assert_eq!(lag.threshold.as_ref().unwrap().value, 10_000.0);
    let signals: Vec<&str> = lag.signals.iter().map(|s| s.value.as_str()).collect();
    assert_eq!(
        signals,
        [
            "Metric",
            "kafka.consumer_lag",
            "topic",
            "consumerGroup",
            "partition"
        ]
    );
    let selects: Vec<&str> = lag.selects.iter().map(|s| s.value.as_str()).collect();
    assert_eq!(selects, ["platform-events", "collectors"]);
    assert_eq!(lag.notifies[0].value, "pagerduty");
    assert_eq!(lag.promised.as_ref().unwrap().value, Duration::from_secs(60));
    assert_eq!(env.alerts[1].owner.name.as_deref(), Some("data-collector"));
    assert!(env.defects.is_empty(), "{:?}", env.defects);
}

#[test]
fn a_value_points_at_the_line_that_sets_it() {
    let env = environment(&[("alerts.tf", CONDITION)]);
    let Timing::NewRelic(timing) = &env.alerts[0].timing else {
        panic!()
    };
    let at = |span: cofferdam_model::Span| &CONDITION[span.start as usize..span.end as usize];
    // The delay is the variable's default.
    assert_eq!(at(timing.delay.as_ref().unwrap().span().unwrap()), "120");
    assert_eq!(at(env.alerts[0].selects[0].span().unwrap()), "'platform-events'");
}

#[test]
fn older_terms_count_in_minutes() {
    let env = environment(&[(
        "a.tf",
        r#"
resource "newrelic_nrql_alert_condition" "old" {
  policy_id = 1
  name      = "old"
  nrql {
    query       = "SELECT count(*) FROM TransactionError"
    since_value = "3"
  }
  term {
    priority      = "warning"
    duration      = 10
    threshold     = 1
    time_function = "any"
  }
  term {
    duration      = 5
    threshold     = 2
    time_function = "any"
  }
}
"#,
    )]);
    let Timing::NewRelic(timing) = &env.alerts[0].timing else {
        panic!()
    };
    // 5 minutes are 300 s; three windows of offset.
    assert_eq!(seconds(timing).2, Some(300));
    assert_eq!(timing.evaluation_offset.as_ref().unwrap().value, 3);
    assert_eq!(timing.occurrences.as_ref().unwrap().value, "at_least_once");
    assert!(timing.sparse.as_ref().unwrap().value);
    assert_eq!(env.alerts[0].threshold.as_ref().unwrap().value, 2.0);
    assert_eq!(env.alerts[0].severity.as_ref().unwrap().value, "critical");
}

#[test]
fn a_condition_without_a_policy_and_a_misspelt_argument_are_reported() {
    let env = environment(&[(
        "emergency-alerts.tf",
        r#"
resource "newrelic_nrql_alert_condition" "pool" {
  name = "Database Connection Pool Critical"
  agregation_delay = 0
  nrql {
    query = "SELECT average(postgres.connections.used) / average(postgres.connections.max) * 100 FROM PostgresqlDatabaseSample"
  }
  critical {
    operator = "above"
    threshold = 80
    threshold_duration = 60
  }
}
"#,
    )]);
    let problems: Vec<&str> = env.defects.iter().map(|d| d.problem.as_str()).collect();
    assert_eq!(
        problems,
        [
            "requires `policy_id`, which is missing",
            "has no argument `agregation_delay`"
        ]
    );
}

#[test]
fn a_query_with_an_unknown_part_still_has_its_signals() {
    let env = environment(&[(
        "a.tf",
        r#"
variable "app" {}
resource "newrelic_nrql_alert_condition" "x" {
  policy_id = 1
  name = "x"
  nrql { query = "SELECT average(duration) FROM Transaction WHERE appName = '${var.app}'" }
  critical { threshold = 1 }
}
"#,
    )]);
    let alert = &env.alerts[0];
    assert!(alert.signals.iter().any(|s| s.value == "Transaction"));
    assert_eq!(alert.owner.name, None);
    assert!(alert.query.as_ref().unwrap().value.contains("${var.app}"));
}

#[test]
fn a_service_level_has_its_target_and_window() {
    let env = environment(&[(
        "slo.tf",
        r#"
resource "newrelic_service_level" "api" {
  guid = "G"
  name = "api availability"
  events {
    account_id = 1
    valid_events {
      from  = "Transaction"
      where = "appName = 'api-gateway'"
    }
    bad_events {
      from  = "Transaction"
      where = "appName = 'api-gateway' AND error IS true"
    }
  }
  objective {
    target = 99.95
    time_window {
      rolling {
        count = 7
        unit  = "DAY"
      }
    }
  }
}
"#,
    )]);
    let slo = &env.slos[0];
    assert!((slo.target.as_ref().unwrap().value.0 - 0.9995).abs() < 1e-12);
    assert_eq!(
        slo.window.as_ref().unwrap().value,
        Duration::from_secs(7 * 86_400)
    );
    assert_eq!(slo.owner.name.as_deref(), Some("api-gateway"));
    assert_eq!(slo.indicator.as_ref().unwrap().value, "availability");
}
