"""Writing until it is durable, and asking until it is answered: a full disk and silent brokers are waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from stream.metrics import Metrics
from stream.transports.batching import StaleBatch
from stream.transports.errors import LogError
from stream.web.health import Health

if TYPE_CHECKING:
    from stream.runtime import App

log = logging.getLogger("tierline")

Found = TypeVar("Found")

RETRY = 1.0
"""Seconds before what failed is tried again."""
PATIENCE = 10.0
"""Seconds after which a write that the log does not answer is told of."""


class Durably:
    """The writes of a worker. What goes wrong is on ``/readyz`` until it is overcome."""

    def __init__(self, app: App, metrics: Metrics, health: Health) -> None:
        self._app = app
        self._metrics = metrics
        self._health = health
        self._given_up = False

    async def write(self, write: Callable[[], Awaitable[Sequence[int]]]) -> Sequence[int] | None:
        """Write until it is durable; the offsets. None: it is not ours to write any more, or we stop."""
        while not self._given_up:
            try:
                offsets = await self._patiently(write())
            except StaleBatch:
                self._metrics.fenced.inc()
                self._health.trouble = None  # the log has answered
                return None
            except LogError as error:
                self.troubled(error)
                if self._app.should_stop:
                    self._given_up = True  # for what comes after it, too: it must not be written without this
                    break
                await asyncio.sleep(RETRY)
            else:
                self._health.trouble = None
                return offsets
        return None

    async def ask(self, question: Callable[[], Found]) -> Found | None:
        """Ask the log, in a thread, until it answers: a broker may hang. None: we stop."""
        while not self._app.should_stop:
            try:
                found = await asyncio.to_thread(question)
            except LogError as error:
                self.troubled(error)
                await asyncio.sleep(RETRY)
            else:
                self._health.trouble = None
                return found
        return None

    def troubled(self, error: LogError) -> None:
        """Something cannot be written now. Nothing is skipped and nothing lost: a full disk is waited for."""
        self._metrics.retries.inc()
        self._health.trouble = str(error)
        log.error("%s", error)

    async def _patiently(self, write: Awaitable[Sequence[int]]) -> Sequence[int]:
        """Wait for as long as it takes, and say so where that is long."""
        impatience = asyncio.get_running_loop().call_later(PATIENCE, self._wait_on)
        try:
            return await write
        finally:
            impatience.cancel()

    def _wait_on(self) -> None:
        self._health.trouble = f"the log has not taken a write for {PATIENCE:g} s"
        log.error("%s; waiting", self._health.trouble)
