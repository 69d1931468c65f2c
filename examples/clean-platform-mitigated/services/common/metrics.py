"""Metrics that every service exports on port 9090."""

from prometheus_client import Counter, Gauge, Histogram, start_http_server

EVENTS_RECEIVED = Counter("events_received_total", "Events taken over HTTP")
EVENTS_PRODUCED = Counter("events_produced_total", "Events put on Kafka")
EVENTS_PROCESSED = Counter("events_processed_total", "Events written to the database")
BATCH_SECONDS = Histogram("batch_seconds", "Time to process one batch")
QUEUE_LENGTH = Gauge("batch_queue_length", "Batches that wait in memory")


def serve(port: int = 9090) -> None:
    """Starts the exporter."""
    start_http_server(port)
