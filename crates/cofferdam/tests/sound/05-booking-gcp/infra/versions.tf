terraform {
  required_version = ">= 1.7"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }

  backend "gcs" {
    bucket = "example-booking-terraform"
    prefix = "booking"
  }
}

provider "google" {
  project = var.project
  region  = var.region
}
