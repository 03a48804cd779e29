"""``/metrics``, ``/healthz`` and ``/readyz`` in the worker's web server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import faust
from aiohttp.web import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream.metrics import Metrics


@dataclass(slots=True)
class Health:
    """What the health pages answer from."""

    recovered: bool = False
    trouble: str | None = None
    """The last failure to write that has not been overcome."""

    def reasons(self) -> list[str]:
        """Why the worker is not ready; empty when it is."""
        reasons = []
        if not self.recovered:
            reasons.append("recovering: the account table is being read back from its changelog")
        if self.trouble:
            reasons.append(f"the log cannot be written: {self.trouble}")
        return reasons


class Watched(Protocol):
    """What has pages: a worker of whatever app."""

    metrics: Metrics
    health: Health


def mount(app: faust.App, worker: Watched) -> None:
    """Add the pages to the worker's web server."""

    @app.page("/metrics", name="metrics")
    async def metrics(self: Any, request: Any) -> Any:
        del self, request
        body = generate_latest(worker.metrics.registry)
        return Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    @app.page("/healthz", name="healthz")
    async def healthz(self: Any, request: Any) -> Any:
        del request
        return self.json({"status": "ok"})

    @app.page("/readyz", name="readyz")
    async def readyz(self: Any, request: Any) -> Any:
        del request
        reasons = worker.health.reasons()
        body: Mapping[str, Any] = {"ready": not reasons, "reasons": reasons}
        return self.json(body, status=200 if not reasons else 503)
