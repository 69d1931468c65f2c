locals {
  log_groups = toset(["services", "ingress"])
}

resource "aws_cloudwatch_log_group" "platform" {
  for_each = local.log_groups

  name = "/clean-platform/${var.environment}/${each.key}"

  tags = {
    team = "platform-data"
  }
}
