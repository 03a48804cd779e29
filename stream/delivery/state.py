"""What alerting remembers: of accounts, of recipients, of messages that wait, and of what is collected. Pure.

It lives in rows of bytes, as the changelog keeps them; `writes` gives those that changed. Rows of accounts are read
when they are asked for, everything else is small and kept decoded. A state is changed in place; whoever cannot make
the changes durable throws it away and reads the rows again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import orjson

from stream.delivery.kept import HOUR, Account, Collected, Line, Message, Standing, Told

FORMAT = 1


class Rows(Protocol):
    """Stored rows, to be read."""

    def get(self, key: bytes, /) -> bytes | None:
        """The row of a key."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row."""


class StateTooNew(Exception):
    """The rows were written by a newer release."""


class State:
    """The state of all alerting over its stored rows."""

    def __init__(self, stored: Rows, since: int) -> None:
        """Read the rows; `since` (ms) is when alerting began, should they not say. Raises StateTooNew."""
        self._stored = stored
        self._accounts: dict[str, Account] = {}
        self._changed: set[tuple[str, str]] = set()
        self.since = since
        self.waiting: dict[str, Message] = {}
        self.parked: dict[str, Message] = {}
        self.collected: dict[str, Collected] = {}
        self.standings: dict[str, Standing] = {}
        self.lines: dict[str, Line] = {}
        self.flying: set[str] = set()
        """Keys of messages with an attempt under way in this process."""
        self._read()

    def _read(self) -> None:
        meta = self._stored.get(b"meta")
        if meta is None:
            self._changed.add(("meta", ""))
        else:
            row = orjson.loads(meta)
            if row["v"] > FORMAT:
                raise StateTooNew(
                    f"the stored state of the alerts has format {row['v']}, this release reads up to {FORMAT}. Run the "
                    "newer release again; nothing was changed"
                )
            self.since = row["since"]
        messages, told = [], []
        for key, value in self._stored.items():
            kind, _, name = key.decode().partition("/")
            match kind:
                case "m":
                    messages.append(_message(orjson.loads(value)))
                case "d":
                    self.collected[name] = Collected(**orjson.loads(value))
                case "h":
                    told.append((name.partition("\0")[0], Told(**orjson.loads(value))))
                case "t":
                    self.standings[name] = Standing(**orjson.loads(value))
                case "c":
                    self.lines[name] = Line(**orjson.loads(value))
        for name, one in sorted(told, key=lambda pair: (pair[1].change["time"], pair[1].id)):
            if name in self.collected:
                self.collected[name].told.append(one)
        for message in sorted(messages, key=lambda one: one.order):
            (self.waiting if message.parked is None else self.parked)[message.key] = message
        self._order = max((message.order for message in messages), default=0)

    # What is remembered

    def account(self, name: str) -> Account:
        """An account; whoever changes it says so by `touch_account`."""
        found = self._accounts.get(name)
        if found is None:
            raw = self._stored.get(f"a/{name}".encode())
            row = orjson.loads(raw) if raw else {}
            found = Account(
                {profile: (one[0], one[1]) for profile, one in row.get("seen", {}).items()},
                row.get("told", {}),
                row.get("snoozed", 0),
            )
            self._accounts[name] = found
        return found

    def touch_account(self, name: str) -> None:
        """An account was changed."""
        self._changed.add(("a", name))

    def standing(self, target: str) -> Standing:
        """A recipient; whoever changes it says so by `touch`."""
        return self.standings.setdefault(target, Standing())

    def line(self, channel: str) -> Line:
        """A channel; whoever changes it says so by `touch`."""
        return self.lines.setdefault(channel, Line())

    def touch(self, kind: str, name: str) -> None:
        """A row was changed: `m` message, `d` collected, `t` recipient, `c` channel."""
        self._changed.add((kind, name))

    def touch_told(self, key: str, told: Told) -> None:
        """A change came to what is collected under that key, or left it."""
        self._changed |= {("d", key), ("h", f"{key}\0{told.id}")}

    def next_order(self) -> int:
        """The place of a new message in the order of all."""
        self._order += 1
        return self._order

    def used(self, target: str, now: int) -> int:
        """Places under the ceiling that are taken: messages that wait, and those of the last sixty minutes."""
        standing = self.standings.get(target)
        lately = sum(1 for at in standing.delivered if at > now - HOUR) if standing else 0
        return lately + sum(1 for one in self.waiting.values() if one.reserved and one.target.id == target)

    # Rows

    def writes(self) -> dict[bytes, bytes | None]:
        """Rows to store for what changed since the last call of `stored`; `None`: take it away."""
        rows: dict[bytes, bytes | None] = {}
        for kind, name in sorted(self._changed):
            key = (f"{kind}/{name}" if name else kind).encode()
            rows[key] = self._row(kind, name)
        return rows

    def _row(self, kind: str, name: str) -> bytes | None:
        found: Any
        match kind:
            case "meta":
                return orjson.dumps({"v": FORMAT, "since": self.since})
            case "a":
                found = self._accounts[name]
            case "m":
                found = self.waiting.get(name) or self.parked.get(name)
            case "d":
                collected = self.collected.get(name)
                found = None if collected is None else collected.row()
            case "h":
                found = self._told(name)
            case "t":
                found = self.standings.get(name)
            case _:
                found = self.lines.get(name)
        return None if found is None else orjson.dumps(found)

    def _told(self, name: str) -> Told | None:
        key, _, change = name.partition("\0")
        collected = self.collected.get(key)
        return next((one for one in collected.told if one.id == change), None) if collected is not None else None

    def stored(self) -> None:
        """What `writes` gave is durable."""
        self._changed.clear()
        self._accounts.clear()


def _message(row: dict[str, Any]) -> Message:
    return Message(**{**row, "told": [Told(**one) for one in row["told"]]})
