variable "account_id" {
  description = "New Relic account that the alerts live in"
  type        = number
}

variable "region" {
  description = "AWS region of the log groups"
  type        = string
  default     = "us-east-1"
}

variable "environment" {
  description = "Environment that is watched"
  type        = string
}

variable "slack_destination_id" {
  description = "Destination of the team's channel"
  type        = string
}

variable "slack_channel_id" {
  description = "Channel that incidents are told in"
  type        = string
}

variable "error_rate_threshold" {
  description = "Failed requests in hundredths from which people are told"
  type        = number
  default     = 5
}
