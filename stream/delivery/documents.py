"""Decisions and fates as the events on `alerts`, and messages as what a channel is handed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.alerts import ALERT_DECIDED, ALERT_DELIVERY
from schemas.times import format_time
from stream.delivery.decision import Decision, Fate
from stream.delivery.kept import Message
from stream.delivery.message import Alert
from stream.delivery.routes import Routes

_LAST_WORDS = frozenset({"superseded", "snoozed"})


def decided(decisions: Iterable[Decision], *, source: str, now: int) -> list[tuple[str, dict[str, Any]]]:
    """(account, event) of what was decided: one for each change, and one for each last word on an earlier one."""
    by_event: dict[str, list[Decision]] = {}
    for one in decisions:
        by_event.setdefault(_event_id(one), []).append(one)
    return [_decided(event_id, said, source, now) for event_id, said in by_event.items()]


def _event_id(one: Decision) -> str:
    """The same for the same words, however often they are said; the recipients of a change are told of together."""
    if one.target is not None and one.alert is not None and one.reason in _LAST_WORDS:
        return f"{one.change['id']}/{one.route}/{one.target.id}/{one.reason}"
    return f"{one.change['id']}/{'already_sent' if _repeated(one) else 'decided'}"


def _repeated(one: Decision) -> bool:
    return one.reason == "already_sent" and one.target is None


def _decided(event_id: str, said: list[Decision], source: str, now: int) -> tuple[str, dict[str, Any]]:
    change = said[0].change
    data, id_ = change["data"], str(change["id"])
    account = str(data["account"])
    as_a_whole: dict[tuple[str, int | None, str | None], list[str]] = {}
    for one in said:
        if one.target is None:
            as_a_whole.setdefault((one.reason, one.until, one.by), []).append(one.route)
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": ALERT_DECIDED,
        "subject": account,
        "time": format_time(now),
        "data": {
            "account": account,
            "change": id_,
            "profile": data["profile"],
            "from_tier": data["from_tier"],
            "to_tier": data["to_tier"],
            "summary": data["summary"],
            "effective_at": data["effective_at"],
            "routes": [
                {"reason": reason, "routes": names, "until": _moment(until), "by": by}
                for (reason, until, by), names in as_a_whole.items()
            ],
            "recipients": [
                {
                    "reason": one.reason,
                    "route": one.route,
                    "channel": one.target.channel,
                    "recipient": one.target.recipient,
                    "alert": one.alert,
                    "until": _moment(one.until),
                    "by": one.by,
                }
                for one in said
                if one.target is not None
            ],
        },
    }
    return account, event


def delivery(fate: Fate, *, source: str, now: int) -> tuple[str, dict[str, Any]]:
    """(account, event) of what became of a message; for a message on several accounts, the first of them."""
    message = fate.message
    account = message.told[0].place[0] if message.told else message.target.id
    event = {
        "specversion": "1.0",
        "id": f"{message.key}/{fate.state}/{message.attempts}/{now}",
        "source": source,
        "type": ALERT_DELIVERY,
        "subject": account,
        "time": format_time(now),
        "data": {
            "alert": message.key,
            "state": fate.state,
            "kind": message.kind,
            "route": message.route,
            "channel": message.channel,
            "recipient": message.recipient,
            "changes": [told.id for told in message.told],
            "count": message.count,
            "attempt": message.attempts,
            "says": fate.says,
            "again_at": _moment(fate.again_at),
        },
    }
    return account, event


def alert_of(message: Message, routes: Routes, labels: Mapping[str, str]) -> Alert:
    """A message as its channel is handed it."""
    single = message.told[0].place[0] if message.kind == "single" else None
    link = routes.link
    if link is not None:
        link = link.replace("{account}", single) if single else link.partition("{account}")[0].rstrip("/")
    return Alert(
        key=message.key,
        route=message.route,
        channel=message.channel,
        changes=[told.change for told in message.told],
        kind=message.kind,  # type: ignore[arg-type]  # one of the three: it was made here
        count=message.count,
        recipient=message.recipient,
        link=link,
        title=message.title,
        facts={told.place[0]: told.facts for told in message.told},
        labels=labels,
    )


def _moment(moment: int | None) -> str | None:
    return None if moment is None else format_time(moment)
