"""A real mail server (aiosmtpd), and one that speaks SMTP as badly as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.delivery.channels.web import reset

USER, PASSWORD = "tierline", "a-password-of-alerts"


@dataclass(slots=True)
class Mailbox:
    """Takes mail, or answers as `data` and `rcpt` say."""

    data: str = "250 OK"
    rcpt: dict[str, str] = field(default_factory=dict)
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self, security: str, tls: ssl.SSLContext) -> None:
        def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
            assert isinstance(login, LoginPassword)
            self.logins.append(login.login.decode())
            return AuthResult(success=login.password.decode() == PASSWORD, handled=False)

        def make() -> SMTP:
            given: dict[str, Any] = {"auth_required": security != "plain", "authenticator": authenticate}
            if security == "starttls":
                given |= {"tls_context": tls, "require_starttls": True}
            elif security == "tls":
                given["auth_require_tls"] = False  # it is inside TLS from the first byte
            return SMTP(self, hostname="mail.test", **given)

        loop = asyncio.get_running_loop()
        context = tls if security == "tls" else None
        self._server = await loop.create_server(make, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            self.envelopes.append(envelope)
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
        return self.data


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Rude:
    """Not quite a mail server."""

    talk: Talk
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def tells(*lines: bytes, stays: bool = False) -> Talk:
    """Each line in answer to one of theirs, the first unasked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, line in enumerate(lines):
            if number:
                await reader.readline()
            writer.write(line)
            await writer.drain()
        if stays:
            await reader.read()

    return talk


def drips(greeting: bytes) -> Talk:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while True:
            writer.write(b"y")
            await writer.drain()
            await asyncio.sleep(0.05)

    return talk


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


async def floods(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-" + b"x" * 1_000 + b"\r\n")
        await writer.drain()
