"""A web server that behaves as badly as it is told to, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

CHUNK = b"x" * 65_536


@dataclass(slots=True)
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Web:
    """Listens on 127.0.0.1; `answer` is what it does with each request."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append(Request(line, headers, body))
                if not await self.answer(self, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()


Answer = Callable[[Web, asyncio.StreamWriter], Awaitable[bool]]


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    """A whole answer."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    async def answer(_web: Web, writer: asyncio.StreamWriter) -> bool:
        writer.write(f"HTTP/1.1 {status} Told\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        return True

    return answer


def trickles(head: bytes) -> Answer:
    """A head, and then a byte now and then for ever."""

    async def answer(_web: Web, writer: asyncio.StreamWriter) -> bool:
        writer.write(head)
        while True:
            writer.write(b"y")
            await writer.drain()
            await asyncio.sleep(0.05)

    return answer


async def resets(_web: Web, writer: asyncio.StreamWriter) -> bool:
    reset(writer)
    return False


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with a RST rather than a FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def breaks_off(part: bytes) -> Answer:
    async def answer(_web: Web, writer: asyncio.StreamWriter) -> bool:
        writer.write(part)
        await writer.drain()
        return False

    return answer


def floods(status: int) -> Answer:
    """A body of a gigabyte, or as much of it as is taken."""

    async def answer(web: Web, writer: asyncio.StreamWriter) -> bool:
        writer.write(f"HTTP/1.1 {status} Told\r\ncontent-length: {1 << 30}\r\n\r\n".encode())
        while web.sent < 1 << 30:
            writer.write(CHUNK)
            await writer.drain()
            web.sent += len(CHUNK)
        return False

    return answer
