"""Takes events over HTTP, stores their envelope in Aurora and puts them on Kafka."""

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request, Response
from kafka import KafkaProducer

from common import metrics
from common.rate_limiter import RateLimiter
from common.secrets import database_url

logger = logging.getLogger("data-collector")

TOPIC = os.environ.get("KAFKA_TOPIC", "platform-events")
INSERT = "INSERT INTO envelopes (id, tenant, received_at) VALUES ($1, $2, now()) ON CONFLICT DO NOTHING"


@asynccontextmanager
async def lifespan(app: FastAPI):
    """Opens what the requests share."""
    app.state.database = await asyncpg.create_pool(
        database_url(),
        max_size=int(os.environ.get("DATABASE_POOL_SIZE", "5")),
        timeout=float(os.environ.get("DATABASE_POOL_TIMEOUT", "30")),
    )
    app.state.producer = KafkaProducer(
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"].split(","),
        acks=os.environ.get("KAFKA_PRODUCER_ACKS", "all"),
        retries=int(os.environ.get("KAFKA_PRODUCER_RETRIES", "2147483647")),
        max_in_flight_requests_per_connection=int(os.environ.get("KAFKA_PRODUCER_MAX_IN_FLIGHT_REQUESTS", "5")),
        linger_ms=5,
        compression_type="lz4",
        value_serializer=lambda event: json.dumps(event).encode(),
    )
    app.state.publishers = ThreadPoolExecutor(max_workers=int(os.environ.get("WORKER_THREADS", "4")))
    app.state.limiter = RateLimiter(limit_per_second=12000)
    metrics.serve()
    yield
    app.state.producer.flush(timeout=10)
    await app.state.database.close()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health() -> dict[str, str]:
    """Answers as long as the process runs."""
    return {"status": "ok"}


@app.post("/v1/events")
async def collect(request: Request) -> Response:
    """Takes one event."""
    event = await request.json()
    if not request.app.state.limiter.allow(event["tenant"]):
        return Response(status_code=429)
    metrics.EVENTS_RECEIVED.inc()
    async with request.app.state.database.acquire() as connection:
        await connection.execute(INSERT, event["id"], event["tenant"])
    request.app.state.publishers.submit(publish, request.app.state.producer, event)
    return Response(status_code=202)


def publish(producer: KafkaProducer, event: dict) -> None:
    """Puts an event on Kafka; a failure is logged and counted."""
    try:
        producer.send(TOPIC, key=event["tenant"].encode(), value=event).get(timeout=10)
        metrics.EVENTS_PRODUCED.inc()
    except Exception as error:
        logger.error("Failed to produce message: %s", error)
