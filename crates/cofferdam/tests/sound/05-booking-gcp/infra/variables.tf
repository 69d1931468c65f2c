variable "project" {
  type = string
}

variable "region" {
  type    = string
  default = "europe-west3"
}

variable "copy_region" {
  type    = string
  default = "europe-west1"
}

variable "image_digest" {
  type        = string
  description = "Digest of the image that the build has signed"
}
