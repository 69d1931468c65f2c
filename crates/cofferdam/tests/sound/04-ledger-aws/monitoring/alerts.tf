terraform {
  required_providers {
    newrelic = {
      source = "newrelic/newrelic"
    }
  }
}

locals {
  # Burn rates for 99.9 % over 30 days: 2 % of the budget in an hour, 5 % in six.
  burn = {
    fast = { window = 3600, rate = 14.4 }
    slow = { window = 21600, rate = 6 }
  }
}

resource "newrelic_alert_policy" "ledger" {
  name                = "ledger ${var.environment}"
  incident_preference = "PER_CONDITION"
}

resource "newrelic_nrql_alert_condition" "failing" {
  policy_id                    = newrelic_alert_policy.ledger.id
  name                         = "Ledger fails"
  type                         = "static"
  enabled                      = true
  violation_time_limit_seconds = 259200

  aggregation_method = "event_timer"
  aggregation_timer  = 5
  aggregation_window = 30

  fill_option                  = "none"
  expiration_duration          = 120
  open_violation_on_expiration = true

  nrql {
    query = "SELECT percentage(count(*), WHERE error IS true) FROM Transaction WHERE appName = 'ledger'"
  }

  critical {
    operator              = "above"
    threshold             = 20
    threshold_duration    = 30
    threshold_occurrences = "at_least_once"
  }
}

resource "newrelic_nrql_alert_condition" "burn" {
  for_each = local.burn

  policy_id                    = newrelic_alert_policy.ledger.id
  name                         = "Ledger error budget burn (${each.key})"
  type                         = "static"
  enabled                      = true
  violation_time_limit_seconds = 259200

  aggregation_method = "event_timer"
  aggregation_timer  = 30
  aggregation_window = each.value.window
  slide_by           = 300

  expiration_duration          = 900
  open_violation_on_expiration = true

  nrql {
    query = "SELECT percentage(count(*), WHERE error IS true) / 0.1 FROM Transaction WHERE appName = 'ledger'"
  }

  critical {
    operator              = "above"
    threshold             = each.value.rate
    threshold_duration    = 300
    threshold_occurrences = "all"
  }
}

resource "newrelic_nrql_alert_condition" "connections" {
  policy_id                    = newrelic_alert_policy.ledger.id
  name                         = "Ledger database connections"
  type                         = "static"
  enabled                      = true
  violation_time_limit_seconds = 86400

  aggregation_method = "cadence"
  aggregation_delay  = 60
  aggregation_window = 60

  expiration_duration          = 300
  open_violation_on_expiration = true

  nrql {
    query = "SELECT max(aws.rds.DatabaseConnections) FROM Metric WHERE aws.rds.dbInstanceIdentifier = 'ledger-${var.environment}'"
  }

  critical {
    operator              = "above"
    threshold             = 320
    threshold_duration    = 60
    threshold_occurrences = "all"
  }
}
