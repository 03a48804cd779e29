"""One POST, bounded in everything: the only place where alerts leave over HTTP.

Requests are httpx's, the connections httpcore's on checked addresses. No client of httpx stands between them, since
it would follow proxies of the environment and log every URL, and the URL of an incoming webhook is its password.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast

import httpcore
import httpx

from stream.delivery.channels.network import CheckedBackend
from stream.delivery.safety import Forbidden, Outbound, check_url, shown

DRAIN_S = 1.0
"""A good answer's body is waited for no longer than this: what counts has been said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the far side said; ``body`` is cut, ``whole`` says whether all of it is there."""

    status: int
    headers: httpx.Headers
    body: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer. ``forbidden``: we would not ask."""

    reason: str
    forbidden: bool = False


class _Stream(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> Any:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class CheckedTransport(httpx.AsyncBaseTransport):
    """httpx's requests over connections to checked addresses."""

    def __init__(self, outbound: Outbound, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=16,
            max_keepalive_connections=2,
            keepalive_expiry=20.0,
            retries=0,  # retrying is the queue's business
            network_backend=CheckedBackend(outbound),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, no redirect followed. Raises Forbidden, or httpcore's errors."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=cast("AsyncIterable[bytes]", request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer.stream))

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._pool.aclose()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()


class Sender:
    """Posts, within the limits of ``outbound``."""

    def __init__(self, outbound: Outbound, tls: ssl.SSLContext | None = None) -> None:
        self._outbound = outbound
        self._transport = CheckedTransport(outbound, tls or ssl.create_default_context())

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer | Fault:
        """One attempt; a fault of ours or theirs comes back as a value, without the secret part of the URL."""
        try:
            request = httpx.Request(
                "POST",
                check_url(url, self._outbound),
                content=content,
                # compressed answers are not asked for: nothing here can be made to unpack a bomb
                headers={"accept-encoding": "identity", "user-agent": "tierline"} | dict(headers),
                extensions={"timeout": dict.fromkeys(("connect", "pool"), self._outbound.connect_ms / 1000)},
            )
        except Forbidden as error:
            return Fault(str(error), forbidden=True)
        except (httpx.InvalidURL, UnicodeError, ValueError):
            return Fault("the URL cannot be used", forbidden=True)
        try:
            async with asyncio.timeout(self._outbound.deadline_ms / 1000):
                return await self._exchange(request)
        except TimeoutError:
            return Fault(f"{shown(url)} did not answer within {self._outbound.deadline_ms / 1000:g} s")
        except Forbidden as error:
            return Fault(str(error), forbidden=True)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
            return Fault(f"{shown(url)} cannot be reached: {_why(error)}")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            return Fault(f"{shown(url)} broke off: {_why(error)}")
        except (httpcore.UnsupportedProtocol, httpx.HTTPError, ValueError) as error:
            return Fault(f"{shown(url)} cannot be used: {type(error).__name__}")

    async def close(self) -> None:
        """Let go of connections."""
        await self._transport.aclose()

    async def _exchange(self, request: httpx.Request) -> Answer:
        response = await self._transport.handle_async_request(request)
        body, whole = bytearray(), False
        try:
            async with asyncio.timeout(DRAIN_S if response.is_success else None):
                async for part in response.aiter_raw():
                    body += part
                    if len(body) > self._outbound.answer_bytes:
                        break
                else:
                    whole = True
        except (TimeoutError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            pass  # the status counts; who needs the body sees that it is not whole
        finally:
            await response.aclose()
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            body, whole = bytearray(), False
        return Answer(response.status_code, response.headers, bytes(body[: self._outbound.answer_bytes]), whole)


def _why(error: BaseException) -> str:
    """A fault of the network in words; of messages only those that cannot hold a secret."""
    for cause in (error, error.__cause__, error.__context__):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS ({cause.reason or 'handshake failed'})"
    text = " ".join(str(error).split())[:120]
    return text or type(error).__name__
