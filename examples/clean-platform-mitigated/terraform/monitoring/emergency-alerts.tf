resource "newrelic_nrql_alert_condition" "connection_pool_usage" {
  name = "Database Connection Pool Critical"
  nrql {
    query = "SELECT average(postgres.connections.used) / average(postgres.connections.max) * 100 FROM PostgresqlDatabaseSample"
  }
  critical {
    operator           = "above"
    threshold          = 80
    threshold_duration = 60
  }
}

resource "newrelic_nrql_alert_condition" "kafka_data_loss" {
  name = "Kafka Producer Failures"
  nrql {
    query = "SELECT count(*) FROM Log WHERE message LIKE '%Failed to produce message%'"
  }
  critical {
    operator           = "above"
    threshold          = 10
    threshold_duration = 60
  }
}

resource "newrelic_nrql_alert_condition" "vault_token_exposure" {
  name = "Vault Token in Environment"
  nrql {
    query = "SELECT count(*) FROM K8sContainerSample WHERE environment LIKE '%VAULT_TOKEN%'"
  }
  critical {
    operator           = "above"
    threshold          = 0
    threshold_duration = 60
  }
}
