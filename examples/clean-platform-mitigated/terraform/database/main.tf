resource "aws_db_subnet_group" "platform" {
  name       = "clean-platform-${var.environment}"
  subnet_ids = var.subnet_ids
}

resource "aws_rds_cluster_parameter_group" "platform" {
  name   = "clean-platform-${var.environment}"
  family = "aurora-postgresql15"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_rds_cluster" "platform" {
  cluster_identifier              = "clean-platform-${var.environment}"
  engine                          = "aurora-postgresql"
  engine_version                  = "15.5"
  database_name                   = "cleanplatform"
  master_username                 = "platform_admin"
  manage_master_user_password     = true
  master_user_secret_kms_key_id   = var.kms_key_arn
  db_subnet_group_name            = aws_db_subnet_group.platform.name
  vpc_security_group_ids          = var.vpc_security_group_ids
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.platform.name
  storage_encrypted               = true
  deletion_protection             = true
  skip_final_snapshot             = false
  final_snapshot_identifier       = "clean-platform-${var.environment}-final"
}

resource "aws_rds_cluster_instance" "platform" {
  count = 2

  identifier          = "clean-platform-${var.environment}-${count.index}"
  cluster_identifier  = aws_rds_cluster.platform.id
  engine              = aws_rds_cluster.platform.engine
  engine_version      = aws_rds_cluster.platform.engine_version
  instance_class      = var.instance_class
  publicly_accessible = false
}
