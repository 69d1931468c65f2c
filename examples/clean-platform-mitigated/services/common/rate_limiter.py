"""Limits requests over all pods through Redis; each pod counts for itself while Redis is away."""

import os
import threading
import time

import redis


class RateLimiter:
    """A fixed window of one second."""

    def __init__(self, limit_per_second: int):
        self.limit = limit_per_second
        self._redis = redis.Redis(
            host=os.environ["REDIS_HOST"], port=6379, socket_timeout=0.2, socket_connect_timeout=0.2
        )
        self._lock = threading.Lock()
        self._local: tuple[int, int] = (0, 0)

    def allow(self, tenant: str) -> bool:
        """Whether one more request of `tenant` may pass in this second."""
        second = int(time.time())
        try:
            key = f"rate:{tenant}:{second}"
            used = self._redis.incr(key)
            self._redis.expire(key, 2)
            return used <= self.limit
        except redis.RedisError:
            return self._allow_locally(second)

    def _allow_locally(self, second: int) -> bool:
        with self._lock:
            start, used = self._local
            used = used + 1 if start == second else 1
            self._local = (second, used)
            return used <= self.limit
