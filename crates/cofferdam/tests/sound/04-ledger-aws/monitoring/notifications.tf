resource "newrelic_notification_channel" "pager" {
  name           = "ledger on call (${var.environment})"
  type           = "PAGERDUTY_SERVICE_INTEGRATION"
  destination_id = var.destination
  product        = "IINT"

  property {
    key   = "summary"
    value = "{{ issueTitle }}"
  }
}

resource "newrelic_workflow" "ledger" {
  name                  = "ledger ${var.environment}"
  muting_rules_handling = "DONT_NOTIFY_FULLY_MUTED_ISSUES"

  issues_filter {
    name = "ledger policy"
    type = "FILTER"

    predicate {
      attribute = "labels.policyIds"
      operator  = "EXACTLY_MATCHES"
      values    = [newrelic_alert_policy.ledger.id]
    }
  }

  destination {
    channel_id = newrelic_notification_channel.pager.id
  }
}
