variable "name" {
  type        = string
  description = "Name of the instance and its parts"
}

variable "instance_class" {
  type    = string
  default = "db.m6g.xlarge"
}

variable "allocated_storage" {
  type    = number
  default = 200
}

variable "subnet_ids" {
  type = list(string)
}

variable "security_group_ids" {
  type = list(string)
}

variable "kms_key_id" {
  type = string
}

variable "backup_retention_period" {
  type        = number
  description = "Days for which automated backups, and with them point-in-time recovery, are kept"
  default     = 30
}

variable "copy_kms_key_id" {
  type        = string
  description = "Key of the region that backups are copied to"
}
