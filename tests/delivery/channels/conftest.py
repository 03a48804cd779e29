"""A certificate authority of the tests, and channels of each kind that trust it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from stream.delivery.channels import build_channels
from stream.delivery.message import Channel
from stream.delivery.safety import Outbound, networks
from tests.delivery.channels.mail import PASSWORD, USER

SECRET = "T0SECRET/B0SECRET/path-of-the-webhook"
TOKEN = "xoxb-secret-of-the-bot"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_KEY = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SECRETS = (SECRET, "T0SECRET", "B0SECRET", "path-of-the-webhook", TOKEN, KEY, KEY[6:], OLD_KEY, PASSWORD)
LOCAL = Outbound(allow=networks("127.0.0.0/8, ::1"))
OVER_HTTP = ("slack", "slack-bot", "teams", "webhook")


@dataclass(frozen=True, slots=True)
class Trust:
    """Who is trusted, and servers' own certificates: a good one, and one of somebody unknown."""

    client: ssl.SSLContext
    server: ssl.SSLContext
    stranger: ssl.SSLContext


@pytest.fixture(scope="session")
def trust() -> Trust:
    known, unknown = trustme.CA(), trustme.CA()
    client = ssl.create_default_context()
    known.configure_trust(client)
    contexts = []
    for authority in (known, unknown):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        contexts.append(context)
    return Trust(client, *contexts)


@dataclass(slots=True)
class Maker:
    """Builds a channel of a kind, from a configuration as a user would write it."""

    trust: Trust
    folder: Path
    built: list[Channel]

    def __call__(
        self, kind: str, port: int, *, host: str = "localhost", outbound: Outbound = LOCAL, scheme: str = "https",
        timeout: str = "10s", **more: Any,
    ) -> Channel:  # fmt: skip
        where = f"{scheme}://{host}:{port}"
        environment = {
            "URL": f"{where}/services/{SECRET}?sig={TOKEN}", "TOKEN": TOKEN, "KEY": KEY, "OLD": OLD_KEY, "PW": PASSWORD,
        }  # fmt: skip
        configs: dict[str, dict[str, Any]] = {
            "slack": {"kind": "slack", "webhook": {"env": "URL"}},
            "slack-bot": {"kind": "slack", "token": {"env": "TOKEN"}, "to": "#sales", "api": f"{where}/api/"},
            "teams": {"kind": "teams", "webhook": {"env": "URL"}},
            "webhook": {"kind": "webhook", "url": {"env": "URL"}, "keys": [{"env": "KEY"}, {"env": "OLD"}]},
            "email": {
                "kind": "email", "host": host, "port": port, "user": USER, "password": {"env": "PW"},
                "from": "alerts@example.com", "to": ["rep@example.com"],
            },
            "inbox": {"kind": "inbox", "folder": "inbox"},
        }  # fmt: skip
        given = configs[kind] | {"timeout": timeout} | more
        config = {name: value for name, value in given.items() if value is not None}
        channel = build_channels(
            {kind: config}, environment, outbound, folder=self.folder, clock=lambda: 1_767_225_600.0,
            tls=self.trust.client,
        )[kind]  # fmt: skip
        self.built.append(channel)
        return channel


@pytest.fixture
async def make(trust: Trust, tmp_path: Path) -> AsyncIterator[Maker]:
    maker = Maker(trust, tmp_path, [])
    yield maker
    for channel in maker.built:
        await channel.close()
        await channel.close()
