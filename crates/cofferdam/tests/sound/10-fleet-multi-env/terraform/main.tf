terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.60"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "copy"
  region = "eu-west-1"
}

variable "environment" {
  type = string
}

variable "instance_class" {
  type    = string
  default = "db.m6g.large"
}

resource "aws_db_parameter_group" "fleet" {
  name   = "fleet-${var.environment}"
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name         = "max_connections"
    value        = "200"
    apply_method = "pending-reboot"
  }
}

resource "aws_db_instance" "fleet" {
  identifier                  = "fleet-${var.environment}"
  engine                      = "postgres"
  engine_version              = "16.4"
  instance_class              = var.instance_class
  allocated_storage           = 100
  storage_encrypted           = true
  db_name                     = "fleet"
  username                    = "fleet_owner"
  manage_master_user_password = true
  parameter_group_name        = aws_db_parameter_group.fleet.name
  multi_az                    = true
  publicly_accessible         = false
  backup_retention_period     = 21
  deletion_protection         = true
  skip_final_snapshot         = false
  final_snapshot_identifier   = "fleet-${var.environment}-final"
}

resource "aws_db_instance_automated_backups_replication" "fleet" {
  provider = aws.copy

  source_db_instance_arn = aws_db_instance.fleet.arn
  retention_period       = 21
}

# Restores the newest backup into a scratch instance every Sunday, and deletes it when it has been queried.
resource "aws_backup_restore_testing_plan" "fleet" {
  name                         = "fleet_${var.environment}"
  schedule_expression          = "cron(0 4 ? * SUN *)"
  start_window_hours           = 4
  schedule_expression_timezone = "Europe/Berlin"

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = ["*"]
    recovery_point_types  = ["CONTINUOUS", "SNAPSHOT"]
    selection_window_days = 7
  }
}
