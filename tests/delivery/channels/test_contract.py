"""What every channel promises, whatever the far side does: an outcome, in time, and no secret told."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate

import pytest

from stream.delivery.channels import network
from stream.delivery.message import Alert, Channel, Delivered, Disabled, Outcome, Refused, TryAgain
from stream.delivery.rendering.sample import samples
from stream.delivery.safety import Outbound
from tests.delivery.channels import mail, web
from tests.delivery.channels.conftest import KEY, LOCAL, OLD_KEY, OVER_HTTP, SECRET, SECRETS, TOKEN, Maker, Trust
from tests.delivery.channels.mail import Mailbox, Rude, Talk
from tests.delivery.channels.web import Answer, Web

NOW = 1_767_225_600
GOOD = {
    "slack": web.says(200, b"ok"),
    "slack-bot": web.says(200, b'{"ok": true, "ts": "1.2"}', content_type="application/json"),
    "teams": web.says(202),
    "webhook": web.says(204),
}
NETWORKED = (*OVER_HTTP, "email")
SHORT = "700ms"


def alert(key: str = "acme.com/demo/m9qz1k/7|hot|sales") -> Alert:
    return replace(samples()["up"], key=key)


@pytest.fixture(autouse=True)
def _no_secret_is_told(caplog: pytest.LogCaptureFixture) -> object:
    """Whatever happens in a test of this file, no log line at any level holds a secret."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "mail.log")  # the mail server's own
    yield
    for secret in SECRETS:
        assert secret not in caplog.text


async def attempt(channel: Channel, most: float = 8.0) -> Outcome:
    """One attempt, in time, whose outcome and repr tell no secret."""
    began = time.monotonic()
    outcome = await channel.deliver(alert())
    assert time.monotonic() - began < most
    told = f"{outcome!r} {channel!r}"
    assert not any(secret in told for secret in SECRETS), told
    return outcome


@asynccontextmanager
async def served(trust: Trust, answer: Answer, *, stranger: bool = False) -> AsyncIterator[Web]:
    server = Web(answer)
    await server.start(trust.stranger if stranger else trust.server)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def posted(trust: Trust, *, security: str = "starttls", stranger: bool = False) -> AsyncIterator[Mailbox]:
    box = Mailbox()
    await box.start(security, trust.stranger if stranger else trust.server)
    try:
        yield box
    finally:
        await box.stop()


@asynccontextmanager
async def rude(talk: Talk) -> AsyncIterator[Rude]:
    server = Rude(talk)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_what_is_taken_is_delivered(kind: str, make: Maker, trust: Trust) -> None:
    """A good answer is a delivery, and a second message goes over the same connection."""
    async with served(trust, GOOD[kind]) as far:
        channel = make(kind, far.port)
        assert isinstance(await attempt(channel), Delivered)
        assert isinstance(await attempt(channel), Delivered)
        assert len(far.requests) == 2
        assert far.connections == 1
        assert far.requests[0].body == far.requests[1].body, "a repeat says the same"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_is_delivered(security: str, make: Maker, trust: Trust) -> None:
    """By STARTTLS and by TLS, logged in, a repeat under the same Message-ID."""
    async with posted(trust, security=security) as box:
        channel = make("email", box.port, security=security)
        outcomes = [await attempt(channel), await attempt(channel)]
        assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
        assert box.logins == [mail.USER] * 2
        assert box.letters[0]["message-id"] == box.letters[1]["message-id"]


async def test_the_inbox_takes_everything_once(make: Maker, trust: Trust) -> None:
    """A message is in both files, and a repeat of it is not, also after a restart."""
    del trust
    for channel in (make("inbox", 0), make("inbox", 0)):
        assert isinstance(await attempt(channel), Delivered)
        assert isinstance(await attempt(channel), Delivered)
    folder = make.folder / "inbox"
    assert len((folder / "alerts.jsonl").read_text().splitlines()) == 1
    assert (folder / "alerts.txt").read_text().count("is hot now") == 1


HttpFault = tuple[Answer, Callable[[Outcome], bool]]


def again(after: int | None = None) -> Callable[[Outcome], bool]:
    return lambda outcome: isinstance(outcome, TryAgain) and outcome.after_ms == after


def refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused)


WEB_FAULTS: dict[str, HttpFault] = {
    "reset": (web.resets, again()),
    "slow headers": (web.trickles(b"HTTP/1.1 200 OK\r\nX-Slow: "), again()),
    "slow body": (web.trickles(b"HTTP/1.1 503 Busy\r\ncontent-length: 100000\r\n\r\n"), again()),
    "429": (web.says(429, b"slow down"), again()),
    "429, seconds": (web.says(429, retry_after="7"), again(7_000)),
    "429, a date": (web.says(429, retry_after=formatdate(NOW + 90, usegmt=True)), again(90_000)),
    "429, a date without a zone": (web.says(429, retry_after="Thu, 01 Jan 2026 00:01:30 -0000"), again(90_000)),
    "429, a date gone by": (web.says(429, retry_after=formatdate(NOW - 90, usegmt=True)), again(0)),
    "429, a year": (web.says(429, retry_after="31536000"), again(86_400_000)),
    "429, nonsense": (web.says(429, retry_after="soon \u00e9"), again()),
    "503, seconds": (web.says(503, retry_after="3"), again(3_000)),
    "500": (web.says(500, b"boom"), again()),
    "404": (web.says(404, b"no_service"), again()),
    "400": (web.says(400, b"invalid_payload"), refused),
    "410": (web.says(410), lambda outcome: isinstance(outcome, Disabled)),
    "half a head": (web.breaks_off(b"HTTP/1.1 200 OK\r\nContent-Le"), again()),
    "no HTTP": (web.breaks_off(b"SSH-2.0-OpenSSH_9.6\r\n"), again()),
    "half a body": (web.breaks_off(b"HTTP/1.1 500 No\r\ncontent-length: 900\r\n\r\nsorry"), again()),
    "endless head": (web.trickles(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 400_000), again()),
    "huge body": (web.floods(500), again()),
    "redirect inside": (web.says(302, location="http://169.254.169.254/latest/meta-data/"), refused),
    "redirect for good": (web.says(308, location="https://127.0.0.1:1/"), refused),
}


@pytest.mark.parametrize("fault", WEB_FAULTS)
@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_faults_over_http(kind: str, fault: str, make: Maker, trust: Trust) -> None:
    """Each fault has its outcome, in time; nothing is followed, nothing large is read to its end."""
    answer, expected = WEB_FAULTS[fault]
    async with served(trust, answer) as far:
        slow = "slow" in fault or "endless" in fault
        outcome = await attempt(make(kind, far.port, timeout=SHORT if slow else "6s"))
        assert expected(outcome), outcome
        assert far.sent < 64 << 20
        assert far.connections == 1, "no second attempt within one"


MAIL_FAULTS: dict[str, Talk] = {
    "reset": mail.resets,
    "slow greeting": mail.tells(stays=True),
    "slow answer": mail.drips(b"220 mail.test\r\n250-"),
    "half an answer": mail.tells(b"22"),
    "busy": mail.tells(b"421 4.3.2 not now\r\n"),
    "no service": mail.tells(b"554 5.3.2 no\r\n"),
    "no STARTTLS": mail.tells(b"220 mail.test\r\n", b"250 mail.test\r\n", stays=True),
    "no SMTP": mail.tells(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "endless": mail.floods,
}


@pytest.mark.parametrize("fault", MAIL_FAULTS)
async def test_faults_over_smtp(fault: str, make: Maker) -> None:
    """Each is worth another attempt, and known in time."""
    async with rude(MAIL_FAULTS[fault]) as far:
        outcome = await attempt(make("email", far.port, timeout=SHORT))
        assert isinstance(outcome, TryAgain), outcome
        assert far.connections == 1


async def test_no_letter_in_the_clear(make: Maker, trust: Trust) -> None:
    """A server that offers no STARTTLS gets nothing, even one that would take it without a login."""
    async with posted(trust, security="plain") as box:
        outcome = await attempt(make("email", box.port, user=None, password=None))
        assert isinstance(outcome, TryAgain)
        assert "STARTTLS extension not supported by server (check security" in outcome.reason
        assert not box.letters


async def test_a_mail_server_that_knows_another_password(make: Maker, trust: Trust) -> None:
    """A refused login is worth another attempt once somebody has mended it, and says what to look at."""
    async with posted(trust) as box:
        outcome = await attempt(make("email", box.port, user="somebody-else", password={"env": "TOKEN"}))
        assert isinstance(outcome, TryAgain)
        assert "refused the login: 535" in outcome.reason
        assert not box.letters


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"ok": false, "error": "invalid_blocks"}', Refused("Slack says invalid_blocks")),
        (b'{"ok": false, "error": "not_in_channel"}', TryAgain("Slack says not_in_channel")),
        (b'{"ok": false, "error": "ratelimited"}', TryAgain("Slack says ratelimited")),
        (b'{"ok": "yes"}', Refused("Slack says unknown error")),
        (b"<html>login</html>", TryAgain("HTTP 200, and no answer that Slack would give")),
        (b"[]", TryAgain("HTTP 200, and no answer that Slack would give")),
        (b"", TryAgain("HTTP 200, and no answer that Slack would give")),
    ],
)
async def test_what_slack_tells_a_bot(body: bytes, expected: Outcome, make: Maker, trust: Trust) -> None:
    """Slack says no with 200: what the message is at fault for is parked, all else tried again."""
    async with served(trust, web.says(200, body, content_type="application/json")) as far:
        assert await attempt(make("slack-bot", far.port)) == expected


async def test_what_a_bot_posts(make: Maker, trust: Trust) -> None:
    """To the channel of the configuration or of the alert, with its token, and an id that stays."""
    async with served(trust, GOOD["slack-bot"]) as far:
        channel = make("slack-bot", far.port)
        for recipient in (None, "U012AB3CD"):
            assert isinstance(await channel.deliver(replace(alert(), recipient=recipient)), Delivered)
        bodies = [json.loads(request.body) for request in far.requests]
        assert [body["channel"] for body in bodies] == ["#sales", "U012AB3CD"]
        assert {body["metadata"]["event_payload"]["id"][:4] for body in bodies} == {"msg_"}
        assert far.requests[0].line == "POST /api/chat.postMessage HTTP/1.1"
        assert far.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_page_in_place_of_slack(make: Maker, trust: Trust) -> None:
    """200 from something that is not Slack (a proxy's login page) is no delivery."""
    async with served(trust, web.says(200, b"<html>please log in</html>")) as far:
        assert isinstance(await attempt(make("slack", far.port)), TryAgain)


async def test_a_gateway_that_says_yes_and_means_no(make: Maker, trust: Trust) -> None:
    """A gateway of Teams may answer 200 with a failure in words."""
    said = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"
    async with served(trust, web.says(200, said)) as far:
        assert isinstance(await attempt(make("teams", far.port)), TryAgain)


@pytest.mark.parametrize(
    ("data", "rcpt", "expected"),
    [("451 4.7.1 later", None, TryAgain), ("550 5.7.1 not this", None, Refused),
     ("250 OK", "450 4.2.1 full", TryAgain), ("250 OK", "550 5.1.1 unknown", Refused)],
)  # fmt: skip
async def test_what_a_mail_server_refuses(
    data: str, rcpt: str | None, expected: type, make: Maker, trust: Trust
) -> None:
    """Codes of 4xx are worth another attempt; those of 5xx say that this message never will be taken."""
    async with posted(trust) as box:
        box.data = data
        box.rcpt = {"rep@example.com": rcpt} if rcpt else {}
        assert isinstance(await attempt(make("email", box.port)), expected)


async def test_some_recipients_refused(make: Maker, trust: Trust) -> None:
    """A letter that one of two took is delivered, with a note of the other."""
    async with posted(trust) as box:
        box.rcpt = {"gone@example.com": "550 5.1.1 unknown"}
        outcome = await attempt(make("email", box.port, to=["rep@example.com", "gone@example.com"]))
        assert isinstance(outcome, Delivered)
        assert "gone@example.com (550)" in str(outcome.note)


@pytest.mark.parametrize("kind", NETWORKED)
async def test_nobody_there(kind: str, make: Maker) -> None:
    """A closed port is worth another attempt."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(await attempt(make(kind, port, host="127.0.0.1")), TryAgain)


@pytest.mark.parametrize("kind", NETWORKED)
async def test_a_certificate_of_a_stranger(kind: str, make: Maker, trust: Trust) -> None:
    """Nothing is sent to who cannot prove to be the far side; the reason says so."""
    if kind == "email":
        async with posted(trust, stranger=True) as box:
            outcome = await attempt(make(kind, box.port))
            assert not box.logins
    else:
        async with served(trust, GOOD[kind], stranger=True) as far:
            outcome = await attempt(make(kind, far.port))
            assert not far.requests
    assert isinstance(outcome, TryAgain)
    assert "certificate" in outcome.reason


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "ip6-localhost.localhost"])
@pytest.mark.parametrize("kind", NETWORKED)
async def test_a_name_that_leads_home(kind: str, host: str, make: Maker) -> None:
    """A name or number that is a loopback address is refused at once, and nobody connects."""
    async with rude(mail.tells(b"220 mail.test\r\n")) as far:
        outcome = await attempt(make(kind, far.port, host=host, outbound=Outbound()))
        if host == "ip6-localhost.localhost" and isinstance(outcome, TryAgain):
            return  # a resolver that does not know it
        assert isinstance(outcome, Refused), outcome
        assert "loopback" in outcome.reason
        assert far.connections == 0


@pytest.mark.parametrize("kind", NETWORKED)
async def test_a_name_that_answers_twice(kind: str, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a public and a private address is refused: which of them would be dialled is chance."""
    calls: list[str] = []

    async def lookup(host: str, port: int, **_: object) -> list[object]:
        calls.append(host)
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "10.0.0.7")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    outcome = await attempt(make(kind, 443, host="rebind.example.com", outbound=Outbound()))
    assert isinstance(outcome, Refused)
    assert "10.0.0.7 is private" in outcome.reason
    assert calls == ["rebind.example.com"], "looked up once: no second answer can differ"


@pytest.mark.parametrize("kind", NETWORKED)
async def test_who_answers_is_judged_again(kind: str, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was dialled, the address at the other end is judged before a byte is sent."""

    async def unjudged(*_: object) -> list[ipaddress.IPv4Address]:
        return [ipaddress.IPv4Address("127.0.0.1")]

    monkeypatch.setattr(network, "addresses", unjudged)
    async with rude(mail.tells(b"220 mail.test\r\n", stays=True)) as far:
        outcome = await attempt(make(kind, far.port, outbound=Outbound()))
    assert isinstance(outcome, Refused)
    assert "loopback" in outcome.reason


@pytest.mark.parametrize("kind", NETWORKED)
async def test_a_lookup_that_hangs(kind: str, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking a name up is bounded, too."""

    async def lookup(*_: object, **__: object) -> list[object]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    assert isinstance(await attempt(make(kind, 443, host="slow.example.com", timeout=SHORT)), TryAgain)


@pytest.mark.parametrize("kind", NETWORKED)
async def test_no_proxy_of_the_environment(
    kind: str, make: Maker, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect where we would not: variables that name one are passed over."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    if kind == "email":
        async with posted(trust) as box:
            assert isinstance(await attempt(make(kind, box.port)), Delivered)
    else:
        async with served(trust, GOOD[kind]) as far:
            assert isinstance(await attempt(make(kind, far.port)), Delivered)


@pytest.mark.parametrize("kind", ["slack", "teams", "webhook"])
@pytest.mark.parametrize("answer", ["slow body", "half a body", "huge body"])
async def test_a_good_answer_counts_before_its_body(kind: str, answer: str, make: Maker, trust: Trust) -> None:
    """200 says it: a body that is slow, cut off or endless makes no repeat of what was taken."""
    answers: dict[str, Answer] = {
        "slow body": web.trickles(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"),
        "half a body": web.breaks_off(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nok"),
        "huge body": web.floods(200),
    }
    async with served(trust, answers[answer]) as far:
        assert isinstance(await attempt(make(kind, far.port)), Delivered)


@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_a_bomb_is_not_unpacked(kind: str, make: Maker, trust: Trust) -> None:
    """Compressed answers are not asked for, and one that comes all the same stays packed."""
    async with served(trust, web.says(500, b"\x1f\x8b" + b"\0" * 1_000, content_encoding="gzip")) as far:
        outcome = await attempt(make(kind, far.port))
        assert outcome == TryAgain("HTTP 500")
        assert far.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("kind", OVER_HTTP)
async def test_an_answer_that_quotes_our_secrets(kind: str, make: Maker, trust: Trust) -> None:
    """What the far side says is told, less what it should not have said."""
    known = {"slack-bot": (TOKEN,), "webhook": (SECRET, TOKEN, KEY, KEY[6:], OLD_KEY)}.get(kind, (SECRET, TOKEN))
    said = (f"no route for /services/{SECRETS[0]} " if kind != "slack-bot" else "").encode() + " ".join(known).encode()
    async with served(trust, web.says(500, said)) as far:
        assert isinstance(await attempt(make(kind, far.port)), TryAgain)


@pytest.mark.parametrize("kind", NETWORKED)
async def test_a_hanging_attempt_can_be_called_off(kind: str, make: Maker, trust: Trust) -> None:
    """A worker that stops cancels its attempts: that ends them at once."""
    endless: Callable[..., Awaitable[bool]] = web.trickles(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    async with served(trust, endless) as far, rude(mail.tells(stays=True)) as post:
        channel = make(kind, post.port if kind == "email" else far.port)
        task = asyncio.create_task(channel.deliver(alert()))
        await asyncio.sleep(0.3)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 2


async def test_slow_channels_delay_only_themselves(make: Maker, trust: Trust) -> None:
    """While one far side hangs, messages of others are delivered."""
    async with served(trust, web.trickles(b"HTTP/1.1 200")) as slow, served(trust, GOOD["teams"]) as fast:
        hanging = asyncio.create_task(make("webhook", slow.port, timeout="5s").deliver(alert()))
        channel = make("teams", fast.port)
        for _ in range(5):
            assert isinstance(await attempt(channel, most=2.0), Delivered)
        assert not hanging.done()
        hanging.cancel()


def test_what_is_allowed_is_said_in_networks() -> None:
    """The tests themselves reach this machine only because a setting allows it."""
    assert LOCAL.allow
    assert Outbound().allow == ()
