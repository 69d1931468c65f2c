resource "google_service_account" "booking" {
  account_id   = "booking"
  display_name = "Booking service"
}

resource "google_project_iam_member" "sql" {
  for_each = toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"])

  project = var.project
  role    = each.key
  member  = google_service_account.booking.member
}

resource "google_cloud_run_v2_service" "booking" {
  name                = "booking"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  deletion_protection = true

  template {
    service_account                  = google_service_account.booking.email
    timeout                          = "15s"
    max_instance_request_concurrency = 40

    scaling {
      min_instance_count = 3
      max_instance_count = 20
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = google_compute_network.booking.id
        subnetwork = google_compute_subnetwork.run.id
      }
    }

    containers {
      image = "europe-west3-docker.pkg.dev/example-booking/release/booking@${var.image_digest}"

      ports {
        container_port = 8080
      }

      env {
        name  = "DATABASE_HOST"
        value = google_sql_database_instance.booking.private_ip_address
      }

      env {
        name  = "DATABASE_POOL_SIZE"
        value = "7"
      }

      env {
        name  = "DATABASE_MAX_OVERFLOW"
        value = "0"
      }

      env {
        name  = "DATABASE_POOL_TIMEOUT"
        value = "3"
      }

      env {
        name  = "DATABASE_CONNECT_TIMEOUT"
        value = "2"
      }

      resources {
        limits = {
          cpu    = "2"
          memory = "1Gi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 3
        failure_threshold = 20
        timeout_seconds   = 2

        http_get {
          path = "/started"
        }
      }

      liveness_probe {
        period_seconds    = 10
        failure_threshold = 3
        timeout_seconds   = 2

        http_get {
          path = "/alive"
        }
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }
}
