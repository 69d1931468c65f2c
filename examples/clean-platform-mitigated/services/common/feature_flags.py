"""Feature flags, kept for five minutes in each process."""

import os
import time

import requests

CACHE_TTL_SECONDS = 300


class FeatureFlags:
    """Reads all flags at once and remembers them."""

    def __init__(self, source: str | None = None):
        self.source = source or os.environ["FEATURE_FLAGS_URL"]
        self._flags: dict[str, bool] = {}
        self._read_at = 0.0

    def enabled(self, flag: str) -> bool:
        """Whether `flag` is on, as it was at most CACHE_TTL_SECONDS ago."""
        if time.monotonic() - self._read_at >= CACHE_TTL_SECONDS:
            response = requests.get(f"{self.source}/v1/flags")
            response.raise_for_status()
            self._flags = response.json()
            self._read_at = time.monotonic()
        return self._flags.get(flag, False)
