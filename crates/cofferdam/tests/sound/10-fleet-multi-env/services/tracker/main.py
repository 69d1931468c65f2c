"""Takes positions and tells the last one of each vehicle."""

import asyncio
import json
import os
from contextlib import asynccontextmanager

import asyncpg
import pybreaker
from fastapi import FastAPI, HTTPException

breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=10, name="database")


@asynccontextmanager
async def lifespan(app: FastAPI):
    """Opens the pool and closes it when the last request has ended."""
    with open("/run/secrets/database/login.json", encoding="utf-8") as file:
        login = json.load(file)
    app.state.pool = await asyncpg.create_pool(
        host=os.environ["DATABASE_HOST"],
        database=os.environ["DATABASE_NAME"],
        user=login["username"],
        password=login["password"],
        ssl="verify-full",
        min_size=2,
        max_size=8,
        timeout=2,
        command_timeout=1.5,
    )
    yield
    await asyncio.wait_for(app.state.pool.close(), timeout=10)


app = FastAPI(lifespan=lifespan)


@breaker
async def last(pool: asyncpg.Pool, region: str) -> list[dict]:
    """The last position of every vehicle of a region."""
    async with pool.acquire(timeout=1) as connection:
        rows = await connection.fetch("SELECT vehicle, place, at FROM last_positions WHERE region = $1", region)
    return [dict(row) for row in rows]


@app.get("/v1/positions")
async def positions(region: str) -> list[dict]:
    """Positions, or 503 while the database cannot be asked."""
    try:
        return await last(app.state.pool, region)
    except (pybreaker.CircuitBreakerError, asyncio.TimeoutError, OSError) as error:
        raise HTTPException(status_code=503, headers={"Retry-After": "2"}) from error
