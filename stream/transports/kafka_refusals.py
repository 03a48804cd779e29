"""What the brokers do not allow the worker's consumer: it ends with a sentence that says what is missing."""

# ruff: noqa: SLF001  aiokafka and Faust offer no other way; tests/kafka/test_client_pins.py pins the names

from __future__ import annotations

import typing
from collections.abc import Awaitable
from typing import Any, cast

from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from mode import Service

from stream.transports.consumer import BatchingConsumer

if typing.TYPE_CHECKING:
    from stream.transports.kafka_transport import KafkaTransport

NOT_ALLOWED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)
LOOK = 1.0
"""Seconds between two looks whether the brokers let us into the group."""


class RefusedConsumer(BatchingConsumer):
    """A consumer that may not be allowed to read, or into the group."""

    client: Any

    @Service.task
    async def _look_for_refusals(self) -> None:
        """The client tells what it met while it joined the group to who reads; until it has joined nobody does."""
        while not self.should_stop:
            await self.sleep(LOOK)
            if not self.client.assignment():
                try:
                    self.client._coordinator.check_errors()
                except NOT_ALLOWED as error:
                    self._refused(error)
                except KafkaError as error:
                    if self.client._coordinator._coordination_task.done():  # it does not try again
                        await self.app.crash(error)
                        return
                    self.log.warning("The group cannot be joined yet: %r", error)

    async def _if_allowed(self, fetch: Awaitable[dict[Any, Any]]) -> dict[Any, Any]:
        """What was fetched; nothing where that is not allowed."""
        try:
            return await fetch
        except NOT_ALLOWED as error:
            self._refused(error)
            await self.sleep(LOOK)
            return {}

    def _refused(self, error: KafkaError) -> None:
        """Without a traceback: it is for people."""
        from stream.transports.kafka_errors import not_allowed  # and with it kafka-python, which a file does without

        transport = cast("KafkaTransport", self.transport)
        self.app._crash(not_allowed(error, f"kafka://{','.join(transport.connection.servers)}"))
