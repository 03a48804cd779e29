"""Microsoft Teams: an Adaptive Card as a workflow's webhook takes it.

Limits of Teams: 28 KB a message. Version 1.4 of cards is what all its clients show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stream.delivery.message import Alert, ChannelKind
from stream.delivery.rendering import text
from stream.delivery.rendering.render import Parts
from stream.delivery.rendering.slack import paragraphs
from stream.delivery.rendering.view import View

BODY_BYTES, FOOTER_BYTES = 18_000, 3_000
"""Of the card's JSON; with title, link and the members around them it stays below Teams' limit."""
BLOCK = 2_000
"""Characters of a paragraph."""


class TeamsLayout:
    """title (plain), body and footer (the Markdown of cards; a blank line begins a new paragraph)."""

    kind: ChannelKind = "teams"
    parts: tuple[str, ...] = ("title", "body", "footer")

    def escape(self, part: str, value: str) -> str:
        """Lookalikes for what the card's Markdown acts on; a title is no Markdown."""
        return value if part == "title" else text.teams(value)

    def link(self, part: str, url: str, words: str) -> str:
        """Markdown; neither side can hold brackets."""
        return words if part == "title" else f"[{words}]({url})"

    def assemble(self, parts: Parts, view: View, alert: Alert) -> Mapping[str, Any]:
        """One card; its last paragraphs are left out where it would be too large."""
        del alert
        title = text.one_line(parts["title"], 150) or "A tier change"
        run = {"type": "TextRun", "text": title, "size": "Large", "weight": "Bolder"}
        small = {"isSubtle": True, "size": "Small"}
        footer = _fitting(
            [{"type": "TextBlock", "text": _cut(line), "wrap": True} | small for line in paragraphs(parts["footer"])],
            FOOTER_BYTES,
        )
        body: list[dict[str, Any]] = []
        for index, paragraph in enumerate(paragraphs(parts["body"])):
            for position, lines in enumerate(_runs(paragraph)):
                spacing = "Medium" if index and not position else "Small"
                body.append({"type": "TextBlock", "text": _cut(lines), "wrap": True, "spacing": spacing})
        card: dict[str, Any] = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "fallbackText": title,
            "msteams": {"width": "Full"},
            "body": [{"type": "RichTextBlock", "inlines": [run]}, *_fitting(body, BODY_BYTES), *footer],
        }
        if view.get("link"):
            card["actions"] = [{"type": "Action.OpenUrl", "title": "More in Tierline", "url": view["link"]}]
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}


def _fitting(blocks: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """As many of the first blocks as fit."""
    kept = []
    for block in blocks:
        most -= len(json.dumps(block)) + 2
        if most < 0:
            break
        kept.append(block)
    return kept


def _runs(paragraph: str) -> list[str]:
    """Lines each for itself, since cards join them; those of one list stay together."""
    runs: list[str] = []
    for line in paragraph.splitlines():
        if runs and line.startswith("- ") and runs[-1].startswith("- "):
            runs[-1] += "\n" + line
        else:
            runs.append(line)
    return runs


def _cut(paragraph: str) -> str:
    if len(paragraph) <= BLOCK:
        return paragraph
    # a cut in the middle of a link would leave half of one: drop the whole line
    kept = paragraph[:BLOCK].rpartition("\n")[0]
    return (kept or text.teams(paragraph[: BLOCK - 1])) + "…"
