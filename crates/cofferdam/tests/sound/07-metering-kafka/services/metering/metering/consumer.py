"""The consumer: one thread, one batch at a time, offsets committed after the sums have been written."""

import json
import logging
import os
import pathlib
import signal
import socket

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from prometheus_client import start_http_server

from .totals import add_up

log = logging.getLogger(__name__)

BATCH = 200
USAGE = "metering.usage"
TOTALS = "metering.totals"
REJECTED = "metering.usage.rejected"
STATE = pathlib.Path("/dev/shm/metering")


def consumer_settings() -> dict:
    """Settings of the group's members. The pod's name survives a restart, so members are static."""
    return {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"],
        "security.protocol": "SSL",
        "ssl.ca.location": "/etc/kafka/tls/ca.crt",
        "ssl.certificate.location": "/etc/kafka/tls/tls.crt",
        "ssl.key.location": "/etc/kafka/tls/tls.key",
        "group.id": "metering",
        "group.instance.id": socket.gethostname(),
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 60000,
        "heartbeat.interval.ms": 3000,
        "max.poll.interval.ms": 300000,
        "queued.max.messages.kbytes": 16384,
    }


def producer_settings() -> dict:
    """Settings of both producers: a message is kept once two of three brokers have it."""
    return {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"],
        "security.protocol": "SSL",
        "ssl.ca.location": "/etc/kafka/tls/ca.crt",
        "ssl.certificate.location": "/etc/kafka/tls/tls.crt",
        "ssl.key.location": "/etc/kafka/tls/tls.key",
        "acks": "all",
        "enable.idempotence": True,
        "max.in.flight.requests.per.connection": 5,
        "delivery.timeout.ms": 120000,
        "linger.ms": 10,
        "compression.type": "zstd",
    }


class Metering:
    """Reads, adds up, writes, commits."""

    def __init__(self) -> None:
        self.consumer = Consumer(consumer_settings())
        self.totals_producer = Producer(producer_settings())
        self.dlq_producer = Producer(producer_settings())
        self.running = True

    def stop(self, *_args) -> None:
        """Lets the batch in hand end."""
        self.running = False

    def run(self) -> None:
        """Until it is told to stop."""
        STATE.mkdir(exist_ok=True)
        self.consumer.subscribe([USAGE], on_assign=lambda *_args: (STATE / "assigned").touch())
        try:
            while self.running:
                (STATE / "loop").touch()
                if self.consumer.assignment():
                    (STATE / "assigned").touch()
                messages = self.consumer.consume(num_messages=BATCH, timeout=1.0)
                records = [record for record in map(self.parse, messages) if record is not None]
                for key, total in add_up(records).items():
                    self.totals_producer.produce(TOTALS, key=key, value=json.dumps(total), on_delivery=raise_on_error)
                if self.totals_producer.flush(30) or self.dlq_producer.flush(30):
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                if messages:
                    self.consumer.commit(asynchronous=False)
        finally:
            self.consumer.close()

    def parse(self, message) -> dict | None:
        """A record, or nothing when it went to the dead letters."""
        if message.error():
            raise KafkaException(message.error())
        try:
            return json.loads(message.value())
        except ValueError:
            log.warning("rejected %s/%s", message.partition(), message.offset())
            self.dlq_producer.produce(REJECTED, key=message.key(), value=message.value(), on_delivery=raise_on_error)
            return None


def raise_on_error(error, _message) -> None:
    """Ends the process: the batch is read again from the last commit."""
    if error is not None:
        raise KafkaException(error)


def main() -> None:
    """Entry point."""
    logging.basicConfig(level=logging.INFO)
    start_http_server(9100)
    metering = Metering()
    signal.signal(signal.SIGTERM, metering.stop)
    metering.run()


if __name__ == "__main__":
    main()
