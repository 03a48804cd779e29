"""The local inbox: a folder with what would have been sent, for people (`alerts.txt`) and programs (`alerts.jsonl`)."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import orjson

from schemas.times import format_time
from stream.delivery.channels.answers import Clock
from stream.delivery.message import Alert, ChannelKind, Delivered, Outcome, Rendered, TryAgain
from stream.delivery.rendering.render import Renderer

MOST_BYTES = 32 * 1_048_576
"""A file that is larger is set aside once, as `.1`: an inbox nobody empties does not fill the disk."""
RULE = "─" * 72


class InboxChannel:
    """A folder. A message that is in it already is not written again."""

    kind: ChannelKind = "inbox"

    def __init__(self, name: str, renderer: Renderer, folder: Path, clock: Clock) -> None:
        self.name, self._renderer, self._folder, self._clock = name, renderer, folder, clock
        self._keys: set[str] | None = None
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<inbox channel {self.name}>"

    def render(self, alert: Alert) -> Rendered:
        """As `Channel.render`."""
        return self._renderer.render(alert)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def deliver(self, alert: Alert) -> Outcome:
        """As `Channel.deliver`."""
        rendered = self.render(alert)
        async with self._lock:
            try:
                await asyncio.to_thread(self._write, alert, rendered)
            except OSError as error:
                return TryAgain(f"{self._folder} cannot be written: {error.strerror} (check space and rights)")
        return Delivered("written", rendered.note)

    def _write(self, alert: Alert, rendered: Rendered) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        lines, text = self._folder / "alerts.jsonl", self._folder / "alerts.txt"
        if self._keys is None:
            self._keys = _keys(lines)
        if alert.key in self._keys:
            return
        now = format_time(int(self._clock() * 1000))
        title, told = rendered.body["title"], rendered.body["text"]
        entry = {
            "at": now,
            "key": alert.key,
            "route": alert.route,
            "channel": self.name,
            "recipient": alert.recipient,
            "kind": alert.kind,
            "count": alert.count,
            "accounts": [_account(change) for change in alert.changes[:100]],
            "title": title,
            "text": told,
            "link": alert.link,
        }
        # the text first: what is in the lines counts as told
        to = f"{self.name} → {alert.recipient}" if alert.recipient else self.name
        _append(text, f"{RULE}\n{title}\n[{alert.route}, to {to}, {now}]\n\n{told}\n".encode())
        _append(lines, orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        self._keys.add(alert.key)


def _account(change: object) -> str | None:
    document = change if isinstance(change, dict) else {}
    data = document.get("data", document)
    return str(data.get("account"))[:200] if isinstance(data, dict) else None


def _append(path: Path, content: bytes) -> None:
    """Whole, or not at all: what a full disk cut off is taken back."""
    if path.exists() and path.stat().st_size > MOST_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        written = file.write(content)
        if written != len(content):
            file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _keys(path: Path) -> set[str]:
    """Of what was written before; a line that a crash cut is none."""
    if not path.exists():
        return set()
    found: set[str] = set()
    with path.open("r+b") as file:
        for line in file:
            try:
                found.add(str(orjson.loads(line)["key"]))
            except (ValueError, KeyError, TypeError):
                continue
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
    return found
