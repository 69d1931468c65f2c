"""Rooms and who has booked them."""

import os

import pybreaker
from fastapi import FastAPI, HTTPException
from google.auth import default
from google.auth.transport.requests import Request
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError

app = FastAPI()
credentials, _ = default(scopes=["https://www.googleapis.com/auth/sqlservice.login"])

engine = create_engine(
    f"postgresql+psycopg2://booking@{os.environ['DATABASE_HOST']}:5432/booking",
    pool_size=7,
    max_overflow=0,
    pool_timeout=3,
    pool_recycle=1800,
    pool_pre_ping=True,
    connect_args={"connect_timeout": 2, "sslmode": "require", "options": "-c statement_timeout=5000"},
)
breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=20, name="database")


@event.listens_for(engine, "do_connect")
def log_in(dialect, record, args, parameters):
    """Uses a token that lives an hour in the place of a password."""
    if not credentials.valid:
        credentials.refresh(Request())
    parameters["password"] = credentials.token


@breaker
def free_rooms(day: str) -> list[dict]:
    """Rooms that nobody has booked on `day`."""
    query = text("SELECT id, name FROM rooms WHERE id NOT IN (SELECT room FROM bookings WHERE day = :day)")
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query, {"day": day})]


@app.get("/rooms")
def rooms(day: str) -> list[dict]:
    """Free rooms, or 503 while the database cannot be asked."""
    try:
        return free_rooms(day)
    except (pybreaker.CircuitBreakerError, OperationalError) as error:
        raise HTTPException(status_code=503, headers={"Retry-After": "5"}) from error


@app.get("/alive")
def alive() -> dict[str, bool]:
    """Whether the process answers."""
    return {"alive": True}


@app.get("/started")
def started() -> dict[str, bool]:
    """Whether the database has answered once."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return {"started": True}
