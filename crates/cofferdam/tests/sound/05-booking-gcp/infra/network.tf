resource "google_compute_network" "booking" {
  name                    = "booking"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "run" {
  name                     = "booking-run"
  network                  = google_compute_network.booking.id
  region                   = var.region
  ip_cidr_range            = "10.90.0.0/24"
  private_ip_google_access = true
}

resource "google_compute_global_address" "services" {
  name          = "booking-services"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.booking.id
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.booking.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}
