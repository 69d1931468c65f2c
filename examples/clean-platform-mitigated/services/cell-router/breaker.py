"""Stops sending to a cell while too many of its requests fail."""

import time
from collections import deque


class FailureRate:
    """Opens when the share of failed requests in the window reaches the threshold."""

    def __init__(self, settings: dict):
        self.threshold = settings["failure_rate_threshold"]
        self.minimum = settings["minimum_requests"]
        self.window = settings["window_seconds"]
        self.open_for = settings["open_seconds"]
        self._results: deque[tuple[float, bool]] = deque(maxlen=100_000)
        self._opened_at: float | None = None

    def closed(self) -> bool:
        """Whether requests may pass."""
        if self._opened_at is not None and time.monotonic() - self._opened_at >= self.open_for:
            self._opened_at = None
            self._results.clear()
        return self._opened_at is None

    def record(self, failed: bool) -> None:
        """Counts a request, and opens when too many have failed."""
        now = time.monotonic()
        self._results.append((now, failed))
        while self._results and now - self._results[0][0] > self.window:
            self._results.popleft()
        failures = sum(1 for _, bad in self._results if bad)
        if len(self._results) >= self.minimum and 100 * failures >= self.threshold * len(self._results):
            self._opened_at = now
