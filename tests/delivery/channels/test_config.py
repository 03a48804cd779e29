"""Channels from their configuration: each fault with its place and its mend, and no secret in any of them."""

from __future__ import annotations

import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest

from schemas.channels import ChannelsInvalid, recipient_fault, validate_channels
from stream.delivery.channels import build_channels
from stream.delivery.channels.secrets import Hidden
from stream.delivery.safety import Outbound

SECRET = "hunter2-hunter2"
ENVIRONMENT = {
    "URL": f"https://hooks.example.com/{SECRET}", "HTTP": f"http://hooks.example.com/{SECRET}", "BLANK": "  ",
    "TWO": f"https://hooks.example.com/{SECRET}\nhttps://other.example.com/", "LOGIN": f"https://u:{SECRET}@example.com/",
    "TOKEN": SECRET, "KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}  # fmt: skip
EMAIL = {"kind": "email", "host": "smtp.example.com", "from": "alerts@example.com", "to": ["rep@example.com"]}


def fault(config: dict[str, Any], folder: Path = Path(), outbound: Outbound | None = None) -> str:
    """What is told of a channel called c; SECRET is in none of it, tracebacks included."""
    with pytest.raises(ChannelsInvalid) as caught:
        build_channels({"c": config}, ENVIRONMENT, outbound, folder=folder)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"kind": "slak"}, "c.kind: is not a kind of channel; write one of slack, teams, email, webhook, inbox"),
        ({"kind": "slack"}, "c: has not exactly one of webhook and token; write one of them"),
        ({"kind": "slack", "webhook": f"https://x/{SECRET}"}, "c.webhook: must not stand in the file itself; name whe"),
        ({"kind": "slack", "token": SECRET}, "c.token: must not stand in the file itself"),
        ({"kind": "slack", "webhook": {"env": "URL"}, "to": "#a"}, "c.to: an incoming webhook has its channel already"),
        ({"kind": "slack", "webhook": {"env": "NO"}}, "c.webhook: environment variable NO is not set; set it"),
        ({"kind": "slack", "webhook": {"env": "BLANK"}}, "c.webhook: environment variable BLANK is not set"),
        ({"kind": "slack", "webhook": {"file": "no"}}, "cannot be read: No such file or directory; check path"),
        ({"kind": "slack", "webhook": {"env": "URL", "file": "f"}}, "c.webhook: is not exactly one of env and file"),
        ({"kind": "teams", "webhook": {"env": "HTTP"}}, "c.webhook: it is http, which anybody on the way can read"),
        ({"kind": "teams", "webhook": {"env": "TOKEN"}}, "c.webhook: it is no https URL"),
        ({"kind": "teams", "webhook": {"env": "TWO"}}, "control characters in it (check for a line end)"),
        ({"kind": "teams", "webhook": {"env": "LOGIN"}}, "the URL has a name or password in it"),
        ({"kind": "teams", "webhok": {"env": "URL"}}, "did you mean webhook?"),
        ({"kind": "teams", "webhook": {"env": "URL"}, "timeout": "soon"}, "c.timeout: is not a duration"),
        ({"kind": "webhook", "url": "https://example.com/", "keys": [SECRET]}, "c.keys.0: must not stand in the file"),
        ({"kind": "webhook", "url": "https://example.com/", "keys": []}, "c.keys: has too few entries"),
        ({"kind": "webhook", "url": "ftp://example.com/", "keys": [{"env": "KEY"}]}, "c.url: does not have the form"),
        (EMAIL | {"user": "u"}, "c: has only one of user and password"),
        (EMAIL | {"user": "u", "password": {"env": "TOKEN"}, "security": "plain"}, "would send the password"),
        (EMAIL | {"security": "plain"}, "c.security: would send in the clear"),
        (EMAIL | {"security": "none"}, "c.security: 'none' is not one of"),
        (EMAIL | {"from": "a@b.c\r\nBcc: d@e.f"}, "c.from: is not an e-mail address"),
        (EMAIL | {"from": "Boss <a@b.c>"}, "c.from: is not an e-mail address; write it without a name"),
        (EMAIL | {"from_name": "Boss\r\nBcc: d@e.f"}, "c.from_name: has control characters in it"),
        (EMAIL | {"to": ["rep@example.com", "nobody"]}, "c.to.1: is not an e-mail address"),
        (EMAIL | {"host": "smtp.example.com/x"}, "c.host: does not have the form asked for"),
        ({"kind": "inbox", "folder": "f", "templates": {"titel": "x"}}, "did you mean title?"),
        ({"kind": "inbox", "folder": "f", "templates": {"title": "{{ nme }}"}}, "c.templates: title: 'nme' is"),
        ({"kind": "inbox", "folder": "f", "templates": {"text": "a\n{% if %}"}}, "c.templates: text:2: Expected"),
        ({"kind": "inbox", "folder": "f", "templates": {"text": {"file": "no.j2"}}}, "no.j2 cannot be read"),
    ],
)  # fmt: skip
def test_faults_are_told_with_place_and_mend(config: dict[str, Any], told: str) -> None:
    """Each mistake is told where it is and what to write instead."""
    assert told in fault(config)


def test_all_faults_at_once() -> None:
    """Faults of several channels come together."""
    with pytest.raises(ChannelsInvalid) as caught:
        build_channels({"a": {"kind": "teams", "webhook": {"env": "NO"}}, "b": {"kind": "x"}, "-": {}}, {})
    assert [fault.path[0] for fault in caught.value.faults] == ["b", "-"]
    with pytest.raises(ChannelsInvalid) as caught:
        build_channels({name: {"kind": "teams", "webhook": {"env": name.upper()}} for name in ("x", "y")}, {})
    assert [fault.path for fault in caught.value.faults] == [("x", "webhook"), ("y", "webhook")]


def test_files_beside_the_routes(tmp_path: Path) -> None:
    """Secrets and templates are read from files named from the folder of the routes file."""
    (tmp_path / "hook").write_text(f"{ENVIRONMENT['URL']}\n")
    (tmp_path / "title.j2").write_text("{{ name }}!")
    config = {"kind": "teams", "webhook": {"file": "hook"}, "templates": {"title": {"file": "title.j2"}}}
    assert build_channels({"c": config}, {}, folder=tmp_path)["c"].kind == "teams"


def test_plain_http_only_by_setting() -> None:
    """http and mail without TLS go where an operator allows them."""
    allowed = Outbound(http=True)
    config = {"a": {"kind": "teams", "webhook": {"env": "HTTP"}}, "b": EMAIL | {"security": "plain"}}
    assert set(build_channels(config, ENVIRONMENT, allowed)) == {"a", "b"}


def test_a_secret_is_written_nowhere() -> None:
    """Neither its text forms nor a pickle hold it; only asking for it does."""
    secret = Hidden(SECRET, "variable TOKEN")
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert SECRET not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == SECRET


@pytest.mark.parametrize(
    ("config", "recipient", "told"),
    [
        (EMAIL, None, None), (EMAIL, "dana@example.com", None), (EMAIL, "Dana <dana@example.com>", "is not an e-mail"),
        (EMAIL, "dana@example.com\r\nBcc: x@example.com", "is not an e-mail"),
        ({"kind": "email", "host": "h", "from": "a@example.com"}, None, "has nobody to send to"),
        ({"kind": "slack", "token": {"env": "TOKEN"}}, None, "has nobody to post to"),
        ({"kind": "slack", "token": {"env": "TOKEN"}}, "U012AB3CD", None),
        ({"kind": "slack", "webhook": {"env": "URL"}}, "#deals", "the channel leads to one place only"),
        ({"kind": "teams", "webhook": {"env": "URL"}}, None, None),
    ],
)  # fmt: skip
def test_who_can_be_sent_to(config: dict[str, Any], recipient: str | None, told: str | None) -> None:
    """A recipient that a channel cannot reach is known when routes are read, not when an alert is due."""
    fault = recipient_fault(validate_channels({"c": config})["c"], recipient)
    assert fault is None if told is None else fault is not None and told in fault[0]
