account_id           = 1000001
environment          = "production"
slack_destination_id = "00000000-0000-4000-8000-000000000001"
slack_channel_id     = "C00PLATDATA"
error_rate_threshold = 5
