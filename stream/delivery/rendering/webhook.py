"""Webhook: the tier changes as they are, for programs. No template: a contract is not a matter of taste."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from stream.delivery.message import Alert, ChannelKind
from stream.delivery.rendering.render import Parts
from stream.delivery.rendering.view import View

TYPE = "tierline.alert"
MOST_BYTES = 262_144
"""Of a body; changes that do not fit are counted, not carried. Standard Webhooks asks for small ones."""


class WebhookLayout:
    """No parts: the body is the same whoever receives it."""

    kind: ChannelKind = "webhook"
    parts: tuple[str, ...] = ()

    def escape(self, part: str, value: str) -> str:
        """Not used: JSON escapes itself."""
        del part
        return value

    def link(self, part: str, url: str, words: str) -> str:
        """Not used."""
        del part, url
        return words

    def assemble(self, parts: Parts, view: View, alert: Alert) -> Mapping[str, Any]:
        """``{type, timestamp, data}`` as Standard Webhooks has it; the same bytes at every attempt."""
        del parts
        changes: list[Any] = []
        size = 0
        for change in map(jsonable, alert.changes):
            size += len(orjson.dumps(change))
            if size > MOST_BYTES:
                break
            changes.append(change)
        first = changes[0] if changes else {}
        accounts = {_account(change) for change in changes}
        data = {
            "key": jsonable(alert.key),
            "kind": alert.kind,
            "route": jsonable(alert.route),
            "count": max(alert.count, len(alert.changes)),
            "headline": view.get("headline"),
            "link": view.get("link"),
            "facts": {name: jsonable(facts) for name, facts in alert.facts.items() if name in accounts},
            "changes": changes,
        }
        moment = first.get("time") or first.get("effective_at")
        return {"type": TYPE, "timestamp": moment, "data": data}


def _account(change: Mapping[str, Any]) -> object:
    data = change.get("data")
    account = (data if isinstance(data, Mapping) else change).get("account")
    return account if isinstance(account, str) else None


def jsonable(value: Any) -> Any:
    """The value as JSON can hold it; what came from the log is that already and stays as it is."""
    if isinstance(value, Mapping):
        return {str(jsonable(str(name))): jsonable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 1 << 53):
        return value
    return str(value)[:100]
