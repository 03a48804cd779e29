"""The local inbox: a title and a text, as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.delivery.message import Alert, ChannelKind
from stream.delivery.rendering import text
from stream.delivery.rendering.email import tidy
from stream.delivery.rendering.render import Parts
from stream.delivery.rendering.view import View


class InboxLayout:
    """title and text, both without markup."""

    kind: ChannelKind = "inbox"
    parts: tuple[str, ...] = ("title", "text")

    def escape(self, part: str, value: str) -> str:
        """Nothing acts on plain text once it is one line without controls, and it is."""
        del part
        return value

    def link(self, part: str, url: str, words: str) -> str:
        """The address itself."""
        return words if part == "title" else f"{words}: {url}"

    def assemble(self, parts: Parts, view: View, alert: Alert) -> Mapping[str, Any]:
        """Title and text."""
        del view, alert
        return {"title": text.one_line(parts["title"], 200) or "A tier change", "text": tidy(parts["text"])}
