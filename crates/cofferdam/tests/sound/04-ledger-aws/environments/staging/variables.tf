variable "newrelic_account_id" {
  type = number
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_ids" {
  type = list(string)
}

variable "pager_destination_id" {
  type = string
}
