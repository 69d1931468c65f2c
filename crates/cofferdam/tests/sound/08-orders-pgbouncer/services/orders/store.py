"""Orders in the database, through PgBouncer."""

import json
import os

import asyncpg
import pybreaker

breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=15, name="database")


async def open_pool() -> asyncpg.Pool:
    """A pool whose statements PgBouncer keeps track of (max_prepared_statements)."""
    with open("/vault/secrets/database.json", encoding="utf-8") as file:
        login = json.load(file)
    return await asyncpg.create_pool(
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ["DATABASE_PORT"]),
        database=os.environ["DATABASE_NAME"],
        user=login["username"],
        password=login["password"],
        ssl="require",
        min_size=2,
        max_size=10,
        timeout=2,
        command_timeout=5,
        max_inactive_connection_lifetime=300,
    )


@breaker
async def order(pool: asyncpg.Pool, number: int) -> dict | None:
    """An order by its number."""
    async with pool.acquire(timeout=3) as connection:
        row = await connection.fetchrow("SELECT * FROM orders WHERE number = $1", number)
    return dict(row) if row else None
