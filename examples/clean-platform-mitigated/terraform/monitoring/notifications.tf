resource "newrelic_notification_channel" "slack" {
  name           = "platform-data (${var.environment})"
  type           = "SLACK"
  destination_id = var.slack_destination_id
  product        = "IINT"

  property {
    key   = "channelId"
    value = var.slack_channel_id
  }
}

resource "newrelic_workflow" "platform" {
  name                  = "Clean Platform incidents (${var.environment})"
  muting_rules_handling = "NOTIFY_ALL_ISSUES"

  issues_filter {
    name = "platform policy"
    type = "FILTER"

    predicate {
      attribute = "labels.policyIds"
      operator  = "EXACTLY_MATCHES"
      values    = [newrelic_alert_policy.platform.id]
    }
  }

  destination {
    channel_id = newrelic_notification_channel.slack.id
  }
}
