variable "region" {
  description = "AWS region of the cluster"
  type        = string
  default     = "us-east-1"
}

variable "environment" {
  description = "Environment that the cluster serves"
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, one a zone"
  type        = list(string)
}

variable "vpc_security_group_ids" {
  description = "Security groups that let the pods in"
  type        = list(string)
}

variable "instance_class" {
  description = "Class of the writer and the reader"
  type        = string
  default     = "db.r6g.large"
}

variable "kms_key_arn" {
  description = "Key that encrypts the password that RDS manages"
  type        = string
}
