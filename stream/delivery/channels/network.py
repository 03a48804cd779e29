"""Connections to checked addresses only: a name is looked up once, every address judged, and one of them dialled.

What is connected to is the address that was judged, never the name again: a second look-up could answer differently.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore

from stream.delivery.safety import Address, Forbidden, Outbound, check_address, check_addresses

TRIED = 4
"""Addresses of one name that are tried at most."""


async def addresses(host: str, port: int, outbound: Outbound) -> list[Address]:
    """What the name stands for, all judged. Raises Forbidden, or OSError where it cannot be looked up."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise Forbidden("the host's name is none") from None
    return check_addresses(dict.fromkeys(str(entry[4][0]) for entry in found), outbound)[:TRIED]


async def connect(host: str, port: int, outbound: Outbound) -> socket.socket:
    """A connected socket. Raises Forbidden, OSError, or TimeoutError after ``outbound.connect_ms``."""
    async with asyncio.timeout(outbound.connect_ms / 1000):
        fault: OSError = OSError("no address answered")
        for address in await addresses(host, port, outbound):
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            connected = socket.socket(family, socket.SOCK_STREAM)
            try:
                connected.setblocking(False)
                await asyncio.get_running_loop().sock_connect(connected, (str(address), port))
                check_address(str(connected.getpeername()[0]), outbound)
            except OSError as error:
                connected.close()
                fault = error
            except BaseException:
                connected.close()
                raise
            else:
                return connected
        raise fault


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's way out: TCP to checked addresses, and nothing else."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """As httpcore's own, to a checked address. Raises Forbidden, or httpcore's errors."""
        try:
            with anyio.fail_after(self._outbound.connect_ms / 1000):
                found = await addresses(host, port, self._outbound)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not looked up in time") from error
        except OSError as error:
            raise httpcore.ConnectError("the name cannot be looked up") from error
        fault: Exception = httpcore.ConnectError("no address answered")
        for address in found:
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                fault = error
                continue
            peer = stream.get_extra_info("server_addr")
            try:
                check_address(str(peer[0]), self._outbound)
            except BaseException:
                await stream.aclose()
                raise
            return stream
        raise fault

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never: a URL must not reach a socket of this machine."""
        raise Forbidden(f"{path[:60]!r} is a socket of this machine")
