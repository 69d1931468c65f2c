resource "newrelic_alert_policy" "platform" {
  name                = "Clean Platform (${var.environment})"
  incident_preference = "PER_CONDITION"
}

resource "newrelic_nrql_alert_condition" "collector_errors" {
  policy_id                    = newrelic_alert_policy.platform.id
  type                         = "static"
  name                         = "Collector error rate"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "event_flow"
  aggregation_delay  = 0
  aggregation_window = 60

  nrql {
    query = "SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = 'data-collector'"
  }

  critical {
    operator              = "above"
    threshold             = var.error_rate_threshold
    threshold_duration    = 300
    threshold_occurrences = "all"
  }
}

resource "newrelic_nrql_alert_condition" "collector_latency" {
  policy_id                    = newrelic_alert_policy.platform.id
  type                         = "static"
  name                         = "Collector latency"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "event_flow"
  aggregation_delay  = 0
  aggregation_window = 60

  nrql {
    query = "SELECT percentile(duration, 99) FROM Transaction WHERE appName = 'data-collector'"
  }

  critical {
    operator              = "above"
    threshold             = 2
    threshold_duration    = 300
    threshold_occurrences = "all"
  }
}

resource "newrelic_nrql_alert_condition" "router_errors" {
  policy_id                    = newrelic_alert_policy.platform.id
  type                         = "static"
  name                         = "Router error rate"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "event_flow"
  aggregation_delay  = 0
  aggregation_window = 60

  nrql {
    query = "SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = 'cell-router'"
  }

  critical {
    operator              = "above"
    threshold             = var.error_rate_threshold
    threshold_duration    = 300
    threshold_occurrences = "all"
  }
}

resource "newrelic_nrql_alert_condition" "processor_throughput" {
  policy_id                    = newrelic_alert_policy.platform.id
  type                         = "static"
  name                         = "Processor writes nothing"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "event_flow"
  aggregation_delay  = 0
  aggregation_window = 60

  nrql {
    query = "SELECT rate(sum(events_processed_total), 1 minute) FROM Metric WHERE app = 'data-processor'"
  }

  critical {
    operator              = "below"
    threshold             = 1
    threshold_duration    = 300
    threshold_occurrences = "all"
  }
}

resource "newrelic_nrql_alert_condition" "pods_restarting" {
  policy_id                    = newrelic_alert_policy.platform.id
  type                         = "static"
  name                         = "Pods restart"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "event_flow"
  aggregation_delay  = 0
  aggregation_window = 60

  nrql {
    query = "SELECT sum(restartCountDelta) FROM K8sContainerSample WHERE namespaceName = 'clean-platform'"
  }

  critical {
    operator              = "above"
    threshold             = 3
    threshold_duration    = 600
    threshold_occurrences = "all"
  }
}

resource "newrelic_nrql_alert_condition" "memory" {
  policy_id                    = newrelic_alert_policy.platform.id
  type                         = "static"
  name                         = "Memory near its limit"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "event_flow"
  aggregation_delay  = 0
  aggregation_window = 60

  nrql {
    query = "SELECT average(memoryWorkingSetUtilization) FROM K8sContainerSample WHERE namespaceName = 'clean-platform' FACET containerName"
  }

  critical {
    operator              = "above"
    threshold             = 90
    threshold_duration    = 300
    threshold_occurrences = "all"
  }
}
