"""What this pod last found out about the cells, on its own disk."""

import json
import os
import time


class HealthCache:
    """Failures in a row by cell, as they were at most `ttl_seconds` ago."""

    def __init__(self, directory: str, ttl_seconds: int):
        self.path = os.path.join(directory, "health.json")
        self.ttl = ttl_seconds
        self._read_at = 0.0
        self._known: dict[str, int] = {}

    def write(self, failures: dict[str, int]) -> None:
        """Stores what the last round of checks found."""
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(failures, file)

    def read(self) -> dict[str, int]:
        """What is known, at most `ttl_seconds` old."""
        if time.monotonic() - self._read_at >= self.ttl and os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self._known = json.load(file)
            self._read_at = time.monotonic()
        return self._known
