"""Slack: Block Kit blocks, within what Slack takes.

Limits of Slack: a header 150 characters, a section 3,000, 50 blocks; a message of more than about 13,000 in all is
refused, whatever its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.delivery.message import Alert, ChannelKind
from stream.delivery.rendering import text
from stream.delivery.rendering.render import Parts
from stream.delivery.rendering.view import View

HEADER, SECTION, BLOCKS, ALL = 150, 3_000, 50, 9_000


class SlackLayout:
    """title (plain), body (mrkdwn; a blank line begins a new section), footer (mrkdwn, small)."""

    kind: ChannelKind = "slack"
    parts: tuple[str, ...] = ("title", "body", "footer")

    def escape(self, part: str, value: str) -> str:
        """Lookalikes for what mrkdwn acts on; a header is no mrkdwn."""
        return value if part == "title" else text.slack(value)

    def link(self, part: str, url: str, words: str) -> str:
        """Slack's own form; ``|`` and ``>`` cannot be in either."""
        return f"{words}" if part == "title" else f"<{url}|{words.replace('|', '¦')}>"

    def assemble(self, parts: Parts, view: View, alert: Alert) -> Mapping[str, Any]:
        """A header, sections, a context; and the one line that a notification shows."""
        del alert
        title = text.one_line(parts["title"], HEADER) or "A tier change"
        blocks: list[dict[str, Any]] = [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}}
        ]
        left = ALL
        for paragraph in paragraphs(parts["body"]):
            section = text.cut_slack(paragraph, min(SECTION, left))
            left -= len(section)
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": section, "verbatim": True}})
            if left < 100 or len(blocks) == BLOCKS - 1:
                break
        footer = text.cut_slack("\n".join(paragraphs(parts["footer"])), SECTION)
        if footer:
            element = {"type": "mrkdwn", "text": footer, "verbatim": True}
            blocks.append({"type": "context", "elements": [element]})
        told = text.slack(title) + (f": {text.slack(str(view['why']))}" if view.get("why") else "")
        return {"text": text.cut_slack(told, SECTION), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def paragraphs(body: str) -> list[str]:
    """What blank lines set apart, without them."""
    found, current = [], list[str]()
    for line in [*body.splitlines(), ""]:
        if line.strip():
            current.append(line.rstrip())
        elif current:
            found.append("\n".join(current))
            current = []
    return found
