"""Addresses of other services, kept for five minutes in each process."""

import os
import time

import requests

CACHE_TTL_SECONDS = 300


class ServiceDiscovery:
    """Asks the registry for a service's address and remembers the answer."""

    def __init__(self, registry: str | None = None):
        self.registry = registry or os.environ["DISCOVERY_URL"]
        self._cache: dict[str, tuple[float, str]] = {}

    def address(self, service: str) -> str:
        """The address of `service`, at most CACHE_TTL_SECONDS old."""
        cached = self._cache.get(service)
        if cached and time.monotonic() - cached[0] < CACHE_TTL_SECONDS:
            return cached[1]
        response = requests.get(f"{self.registry}/v1/services/{service}")
        response.raise_for_status()
        address = response.json()["address"]
        self._cache[service] = (time.monotonic(), address)
        return address
