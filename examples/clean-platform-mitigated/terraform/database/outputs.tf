output "writer_endpoint" {
  description = "Endpoint that the services connect to"
  value       = aws_rds_cluster.platform.endpoint
}

output "reader_endpoint" {
  description = "Endpoint for reports"
  value       = aws_rds_cluster.platform.reader_endpoint
}
