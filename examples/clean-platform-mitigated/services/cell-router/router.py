"""Sends each request to a cell, by weight and by the health of the cells."""

import os
import random
import threading
import time

import httpx
import yaml
from fastapi import FastAPI, Request, Response

from breaker import FailureRate
from cache import HealthCache
from common import metrics
from common.feature_flags import FeatureFlags
from common.service_discovery import ServiceDiscovery


class Cell:
    """A cell, what share of the load it takes and whether its last checks passed."""

    def __init__(self, settings: dict, breaker: dict):
        self.name = settings["name"]
        self.endpoint = settings["endpoint"]
        self.weight = settings["capacity_percentage"]
        self.failures = 0
        self.breaker = FailureRate(breaker)


class Router:
    """Chooses a cell for each request."""

    def __init__(self, settings: dict):
        self.settings = settings
        self.cells = [Cell(cell, settings["circuit_breaker"]) for cell in settings["cells"]]
        self.cache = HealthCache(**settings["cache"])
        self.client = httpx.AsyncClient(timeout=5.0)
        self.check = httpx.Client(timeout=settings["health_check"]["timeout_seconds"])

    def watch(self) -> None:
        """Checks every cell again and again."""
        health = self.settings["health_check"]
        while True:
            for cell in self.cells:
                try:
                    answer = self.check.get(cell.endpoint + health["path"])
                    cell.failures = 0 if answer.status_code < 500 else cell.failures + 1
                except httpx.HTTPError:
                    cell.failures += 1
            self.cache.write({cell.name: cell.failures for cell in self.cells})
            time.sleep(health["interval_seconds"])

    def choose(self) -> Cell:
        """A healthy cell by weight; any cell when none is healthy."""
        threshold = self.settings["health_check"]["failure_threshold"]
        known = self.cache.read()
        cells = [
            cell
            for cell in self.cells
            if known.get(cell.name, cell.failures) < threshold and cell.breaker.closed()
        ] or self.cells
        return random.choices(cells, weights=[cell.weight for cell in cells])[0]


def load_settings() -> dict:
    """The routing file of the ConfigMap."""
    with open(os.environ["ROUTING_CONFIG"], encoding="utf-8") as file:
        return yaml.safe_load(file)


app = FastAPI()
router = Router(load_settings())
discovery = ServiceDiscovery()
flags = FeatureFlags()
threading.Thread(target=router.watch, daemon=True).start()
metrics.serve()


@app.get("/health")
async def health() -> dict[str, str]:
    """Answers as long as the process runs."""
    return {"status": "ok"}


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def forward(path: str, request: Request) -> Response:
    """Hands the request to a cell and its answer back."""
    cell = router.choose()
    try:
        answer = await router.client.request(
            request.method, f"{cell.endpoint}/{path}", content=await request.body(), headers={"x-cell": cell.name}
        )
    except httpx.HTTPError:
        cell.breaker.record(failed=True)
        return Response(status_code=502)
    cell.breaker.record(failed=answer.status_code >= 500)
    return Response(answer.content, status_code=answer.status_code)
