resource "google_sql_database_instance" "booking" {
  name                = "booking"
  region              = var.region
  database_version    = "POSTGRES_16"
  deletion_protection = true

  depends_on = [google_service_networking_connection.services]

  settings {
    tier                        = "db-custom-4-15360"
    edition                     = "ENTERPRISE"
    availability_type           = "REGIONAL"
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    deletion_protection_enabled = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.booking.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "01:30"
      location                       = "eu"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = 30
        retention_unit   = "COUNT"
      }
    }

    database_flags {
      name  = "max_connections"
      value = "300"
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }
  }
}

resource "google_sql_database" "booking" {
  name     = "booking"
  instance = google_sql_database_instance.booking.name
}

# The service logs in with its own account: there is no password.
resource "google_sql_user" "service" {
  name     = trimsuffix(google_service_account.booking.email, ".gserviceaccount.com")
  instance = google_sql_database_instance.booking.name
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

# A replica in another region, promoted when this one is lost.
resource "google_sql_database_instance" "copy" {
  name                 = "booking-copy"
  region               = var.copy_region
  database_version     = "POSTGRES_16"
  master_instance_name = google_sql_database_instance.booking.name
  deletion_protection  = true

  settings {
    tier                        = "db-custom-4-15360"
    edition                     = "ENTERPRISE"
    availability_type           = "REGIONAL"
    disk_type                   = "PD_SSD"
    deletion_protection_enabled = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.booking.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    database_flags {
      name  = "max_connections"
      value = "300"
    }
  }
}
