"""Webhooks keep Standard Webhooks: the published vectors, and the reference library verifies what is signed."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from schemas.channels import ChannelsInvalid
from stream.delivery.channels import build_channels
from stream.delivery.channels.secrets import Hidden
from stream.delivery.channels.webhook import WebhookChannel, signed, signer
from stream.delivery.message import Delivered, Disabled
from stream.delivery.rendering.sample import samples
from tests.delivery.channels import web
from tests.delivery.channels.conftest import KEY, OLD_KEY, Maker, Trust
from tests.delivery.channels.web import Web
from tests.shared_data import shared_data


def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_data("standard_webhooks") / "vectors.json").read_text())
    return found


def key(text: str) -> Webhook:
    return signer(Hidden(text, "a test"))


def test_the_published_vector() -> None:
    """The same secret, id, time and payload give the published signature, with and without the prefix."""
    vector = vectors()["published"][0]
    for secret in (vector["secret"], vector["secret"].removeprefix("whsec_")):
        headers = signed([key(secret)], vector["webhook-id"], vector["webhook-timestamp"], vector["payload"])
        assert headers["webhook-signature"] == vector["expected_signature"]


def test_what_must_not_verify_does_not() -> None:
    """The published negatives fail against what we sign with the same secret."""
    vector, now = vectors()["published"][0], time.time()
    headers = signed([key(vector["secret"])], vector["webhook-id"], now, vector["payload"])
    reader = Webhook(vector["secret"])
    assert reader.verify(vector["payload"], headers)
    for negative in vectors()["published_negative"]:
        with pytest.raises(Exception):  # noqa: B017  (the library raises what base64 raises)
            reader.verify(vector["payload"], headers | {"webhook-signature": negative["webhook-signature"]})


def test_the_published_rules() -> None:
    """Empty secrets are none; unpadded ones sign; what is too old, too new or lacks a header does not verify."""
    payload, now, tolerance = '{"test": 2432232314}', time.time(), vectors()["tolerance_seconds"]
    for empty in ("", "whsec_"):
        with pytest.raises(ValueError, match="the key of a test is none"):
            key(empty)
    for secret in vectors()["unpadded_secrets"]:
        Webhook(secret).verify(payload, signed([key(secret)], "msg_1", now, payload))
        Webhook("whsec_" + secret).verify(payload, signed([key(secret)], "msg_1", now, payload))
    for shift in (-tolerance - 2, tolerance + 2):
        with pytest.raises(WebhookVerificationError):
            Webhook(KEY).verify(payload, signed([key(KEY)], "msg_1", now + shift, payload))
    headers = signed([key(KEY)], "msg_1", now, payload)
    for name in headers:
        with pytest.raises(WebhookVerificationError):
            Webhook(KEY).verify(payload, {other: value for other, value in headers.items() if other != name})


async def test_id_stays_time_moves_and_both_keys_verify(make: Maker, trust: Trust) -> None:
    """Two attempts of one message: one id, one body, a time of each; holders of the old and of the new key verify."""
    far = Web(web.says(204))
    await far.start(trust.server)
    channel = make("webhook", far.port)
    assert isinstance(channel, WebhookChannel)
    alert = replace(samples()["up"], key="acme.com/démo/m9\r\nq: z|hot|sales")
    now = time.time()
    for shift in (0, -60):
        channel._clock = lambda shift=shift: now + shift  # type: ignore[misc]
        assert isinstance(await channel.deliver(alert), Delivered)
    first, second = far.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-id"].isascii()
    assert int(first.headers["webhook-timestamp"]) - int(second.headers["webhook-timestamp"]) == 60
    assert first.body == second.body
    for request in far.requests:
        assert len(request.headers["webhook-signature"].split(" ")) == 2
        for secret in (KEY, OLD_KEY):
            told = Webhook(secret).verify(request.body, request.headers)
            assert told["type"] == "tierline.alert"
            assert told["data"]["changes"][0]["id"] == samples()["up"].changes[0]["id"]
        with pytest.raises(WebhookVerificationError):
            Webhook(base64.b64encode(b"somebody else's key, 32 bytes").decode()).verify(request.body, request.headers)
    assert isinstance(await channel.deliver(replace(alert, key="another")), Delivered)
    assert far.requests[2].headers["webhook-id"] != first.headers["webhook-id"]
    await far.stop()


async def test_gone_turns_the_endpoint_off(make: Maker, trust: Trust) -> None:
    """410 is the far side's wish to hear nothing more."""
    far = Web(web.says(410))
    await far.start(trust.server)
    assert isinstance(await make("webhook", far.port).deliver(samples()["up"]), Disabled)
    await far.stop()


def test_a_bad_key_is_told_without_quoting_it() -> None:
    """A fault of the configuration names the variable, not what is in it."""
    config = {"hook": {"kind": "webhook", "url": "https://example.com/", "keys": [{"env": "KEY"}]}}
    with pytest.raises(ChannelsInvalid) as caught:
        build_channels(config, {"KEY": "whsec_é€ not base64 hunter2"})
    assert "variable KEY" in str(caught.value)
    assert "hunter2" not in str(caught.value)
