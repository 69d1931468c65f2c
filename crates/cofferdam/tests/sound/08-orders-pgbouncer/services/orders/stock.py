"""What the stock service has."""

import httpx
import pybreaker
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

client = httpx.AsyncClient(timeout=httpx.Timeout(1.5, connect=0.5), limits=httpx.Limits(max_connections=50))
breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=15, name="stock")


@breaker
@retry(
    retry=retry_if_exception_type(httpx.ConnectError),
    stop=stop_after_attempt(2),
    wait=wait_random_exponential(multiplier=0.1, max=1),
    reraise=True,
)
async def available(base: str, item: str) -> int:
    """How many of `item` there are."""
    answer = await client.get(f"{base}/v1/items/{item}")
    answer.raise_for_status()
    return answer.json()["available"]
