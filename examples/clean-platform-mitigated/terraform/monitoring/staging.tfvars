account_id           = 1000002
environment          = "staging"
slack_destination_id = "00000000-0000-4000-8000-000000000002"
slack_channel_id     = "C00PLATTEST"
error_rate_threshold = 10
