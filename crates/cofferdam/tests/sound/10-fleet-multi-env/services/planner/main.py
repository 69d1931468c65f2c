"""Plans tours from the positions of vehicles."""

import json
import os

import httpx
import pybreaker
from fastapi import FastAPI, HTTPException
from sqlalchemy import create_engine, text
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

app = FastAPI()


def database_url() -> str:
    """The address with the login of the mounted file."""
    with open("/run/secrets/database/login.json", encoding="utf-8") as file:
        login = json.load(file)
    host, name = os.environ["DATABASE_HOST"], os.environ["DATABASE_NAME"]
    return f"postgresql+psycopg2://{login['username']}:{login['password']}@{host}:5432/{name}"


engine = create_engine(
    database_url(),
    pool_size=6,
    max_overflow=0,
    pool_timeout=3,
    pool_recycle=900,
    pool_pre_ping=True,
    connect_args={
        "connect_timeout": 2,
        "sslmode": "verify-full",
        "sslrootcert": "/etc/ssl/rds.pem",
        "options": "-c statement_timeout=5000",
    },
)
database_breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=20, name="database")
tracker_breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=10, name="tracker")
tracker = httpx.Client(base_url="http://tracker", timeout=httpx.Timeout(4.0, connect=0.5))


@tracker_breaker
@retry(
    retry=retry_if_exception_type(httpx.ConnectError),
    stop=stop_after_attempt(2),
    wait=wait_random_exponential(multiplier=0.1, max=0.5),
    reraise=True,
)
def positions(region: str) -> list[dict]:
    """Where the vehicles of a region are."""
    answer = tracker.get("/v1/positions", params={"region": region})
    answer.raise_for_status()
    return answer.json()


@database_breaker
def open_orders(region: str) -> list[dict]:
    """Orders that no tour has yet."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, place FROM orders WHERE region = :region AND tour IS NULL"), {"region": region})
        return [dict(row._mapping) for row in rows]


@app.post("/v1/regions/{region}/plan")
def plan(region: str) -> dict:
    """A plan, or 503 with a time to come again."""
    try:
        return {"orders": open_orders(region), "vehicles": positions(region)}
    except pybreaker.CircuitBreakerError as error:
        raise HTTPException(status_code=503, headers={"Retry-After": "10"}) from error
