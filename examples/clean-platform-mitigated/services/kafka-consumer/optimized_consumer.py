"""Reads events from Kafka in batches and writes them to Aurora.

One thread polls and cuts batches; workers take them from a queue in memory, keep them on disk while
they write them, and commit their offsets once that has succeeded.
"""

import json
import logging
import os
import queue
import random
import signal
import threading
import time
from typing import Dict, List

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from common import metrics
from common.secrets import database_url

logger = logging.getLogger("data-processor")

TOPIC = "platform-events"
DLQ_TOPIC = "platform-events-dlq"
GROUP_ID = "clean-platform-processor"
BATCH_SIZE = 500

SPOOL = os.environ.get("BATCH_SPOOL", "/tmp/batches")
ATTEMPTS = 3

INSERT = text(
    "INSERT INTO events (id, tenant, payload, occurred_at) "
    "VALUES (:id, :tenant, :payload, :occurred_at) ON CONFLICT (id) DO NOTHING"
)


class OptimizedConsumer:
    """Polls in one thread, works in several."""

    def __init__(self, num_workers: int = 4, batch_size: int = BATCH_SIZE):
        self.num_workers = num_workers
        self.batch_size = batch_size
        self.running = True
        self.batch_queue = queue.Queue()
        os.makedirs(SPOOL, exist_ok=True)
        self.engine = create_engine(
            database_url(),
            pool_size=int(os.environ.get("DATABASE_POOL_SIZE", "5")),
            max_overflow=0,
            pool_timeout=int(os.environ.get("DATABASE_POOL_TIMEOUT", "30")),
        )
        servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(",")
        self.consumer = KafkaConsumer(
            TOPIC,
            bootstrap_servers=servers,
            group_id=GROUP_ID,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=500,
            value_deserializer=lambda raw: json.loads(raw),
        )
        self.dlq_producer = KafkaProducer(
            bootstrap_servers=servers,
            acks=1,
            value_serializer=lambda event: json.dumps(event).encode(),
        )

    def run(self) -> None:
        """Polls until it is told to stop."""
        for number in range(self.num_workers):
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True).start()
        while self.running:
            polled = self.consumer.poll(timeout_ms=1000, max_records=self.batch_size)
            for records in polled.values():
                self.batch_queue.put([self._as_dict(record) for record in records])
            metrics.QUEUE_LENGTH.set(self.batch_queue.qsize())
        self.consumer.close()

    def stop(self, *_args) -> None:
        """Ends the loop after the poll that is under way."""
        self.running = False

    def _work(self) -> None:
        while True:
            batch = self.batch_queue.get()
            started = time.monotonic()
            try:
                self._commit_batch_offsets(batch)
            except Exception as error:
                self._dead_letter(batch, error)
            metrics.BATCH_SECONDS.observe(time.monotonic() - started)

    def _commit_batch_offsets(self, batch: List[Dict]):
        """Commit offsets ONLY after successful processing"""
        try:
            # Store batch for recovery
            self._persist_batch(batch)

            # Process with retry
            self._process_with_retry(batch)

            # Only commit after success
            offsets = self._calculate_offsets(batch)
            self.consumer.commit(offsets)

            # Clean up persisted batch
            self._cleanup_batch(batch)
        except Exception as e:
            # Batch remains persisted for retry
            logger.error(f"Batch processing failed: {e}")
            raise

    def _persist_batch(self, batch: List[Dict]) -> None:
        with open(self._spool_file(batch), "w", encoding="utf-8") as file:
            json.dump(batch, file)

    def _cleanup_batch(self, batch: List[Dict]) -> None:
        os.remove(self._spool_file(batch))

    @staticmethod
    def _spool_file(batch: List[Dict]) -> str:
        first = batch[0]
        return os.path.join(SPOOL, f"{first['topic']}-{first['partition']}-{first['offset']}.json")

    def _process_with_retry(self, batch: List[Dict]) -> None:
        for attempt in range(ATTEMPTS):
            try:
                self._process(batch)
                return
            except OperationalError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(2**attempt + random.random())

    def _process(self, batch: List[Dict]) -> None:
        with self.engine.begin() as connection:
            connection.execute(INSERT, [event["row"] for event in batch])
        metrics.EVENTS_PROCESSED.inc(len(batch))

    def _dead_letter(self, batch: List[Dict], error: Exception) -> None:
        for event in batch:
            self.dlq_producer.send(DLQ_TOPIC, {"event": event["row"], "error": str(error)})

    def _calculate_offsets(self, batch: List[Dict]) -> Dict:
        offsets = {}
        for event in batch:
            partition = TopicPartition(event["topic"], event["partition"])
            offsets[partition] = OffsetAndMetadata(event["offset"] + 1, None)
        return offsets

    @staticmethod
    def _as_dict(record) -> Dict:
        return {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "row": record.value,
        }


def main() -> None:
    """Runs the consumer until SIGTERM."""
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "info").upper())
    metrics.serve()
    consumer = OptimizedConsumer(num_workers=int(os.environ.get("WORKER_THREADS", "4")))
    signal.signal(signal.SIGTERM, consumer.stop)
    consumer.run()


if __name__ == "__main__":
    main()
