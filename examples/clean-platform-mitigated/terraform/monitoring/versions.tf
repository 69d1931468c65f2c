terraform {
  required_version = ">= 1.5"

  required_providers {
    newrelic = {
      source  = "newrelic/newrelic"
      version = "~> 3.38"
    }
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.50"
    }
  }
}

provider "newrelic" {
  account_id = var.account_id
  region     = "US"
}

provider "aws" {
  region = var.region
}
