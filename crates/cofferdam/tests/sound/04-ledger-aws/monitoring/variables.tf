variable "environment" {
  type = string
}

variable "destination" {
  type = string
}
