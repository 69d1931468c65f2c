terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.60"
    }
    newrelic = {
      source  = "newrelic/newrelic"
      version = "~> 3.40"
    }
  }

  backend "s3" {
    bucket         = "example-terraform-state-production"
    key            = "ledger/terraform.tfstate"
    region         = "eu-central-1"
    dynamodb_table = "terraform-locks"
    encrypt        = true
  }
}

provider "aws" {
  region = "eu-central-1"
}

provider "aws" {
  alias  = "copy"
  region = "eu-west-1"
}

provider "newrelic" {
  account_id = var.newrelic_account_id
  region     = "EU"
}

module "database" {
  source = "../../modules/database"

  providers = {
    aws      = aws
    aws.copy = aws.copy
  }

  name               = "ledger-production"
  instance_class     = "db.m6g.2xlarge"
  subnet_ids         = var.subnet_ids
  security_group_ids = var.security_group_ids
  kms_key_id         = "arn:aws:kms:eu-central-1:222222222222:alias/ledger"
  copy_kms_key_id    = "arn:aws:kms:eu-west-1:222222222222:alias/ledger"
}

module "alerts" {
  source = "../../monitoring"

  environment = "production"
  destination = var.pager_destination_id
}
