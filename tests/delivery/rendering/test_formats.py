"""What is rendered is what Slack, Teams and mail programs document, down to the names of members."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from slack_sdk.models.blocks import Block, ContextBlock, HeaderBlock, SectionBlock

from stream.delivery.message import Alert
from stream.delivery.rendering.email import EmailLayout
from stream.delivery.rendering.render import Renderer
from stream.delivery.rendering.sample import samples
from stream.delivery.rendering.slack import SlackLayout
from stream.delivery.rendering.teams import TeamsLayout

LINKS = {"linkedin": "https://linkedin.example.com/{id}", "crm": "https://crm.example.com/{id}"}


def closed(required: list[str], **members: Any) -> dict[str, Any]:
    """An object with these members and no others."""
    return {"type": "object", "required": required, "properties": members, "additionalProperties": False}


URL = {"type": "string", "pattern": "^https://"}
SIZE = {"enum": ["Small", "Default", "Medium", "Large", "ExtraLarge"]}
CARD = closed(
    ["type", "version", "body"],
    **{"$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"}},
    type={"const": "AdaptiveCard"},
    version={"const": "1.4"},
    fallbackText={"type": "string"},
    msteams=closed(["width"], width={"const": "Full"}),
    actions={
        "type": "array",
        "maxItems": 6,
        "items": closed(
            ["type", "title", "url"], type={"const": "Action.OpenUrl"}, title={"type": "string"}, url=URL
        ),
    },
    body={
        "type": "array",
        "minItems": 1,
        "items": {
            "oneOf": [
                closed(
                    ["type", "text"],
                    type={"const": "TextBlock"},
                    text={"type": "string", "minLength": 1},
                    wrap={"type": "boolean"},
                    isSubtle={"type": "boolean"},
                    size=SIZE,
                    spacing={"enum": ["None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"]},
                ),
                closed(
                    ["type", "inlines"],
                    type={"const": "RichTextBlock"},
                    inlines={
                        "type": "array",
                        "items": closed(
                            ["type", "text"],
                            type={"const": "TextRun"},
                            text={"type": "string", "minLength": 1},
                            size=SIZE,
                            weight={"enum": ["Lighter", "Default", "Bolder"]},
                        ),
                    },
                ),
            ]
        },
    },
)
"""As much of the schema of Adaptive Cards 1.4 as is used."""
MESSAGE = closed(
    ["type", "attachments"],
    type={"const": "message"},
    attachments={
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": closed(
            ["contentType", "content"],
            contentType={"const": "application/vnd.microsoft.card.adaptive"},
            contentUrl={"type": "null"},
            content=CARD,
        ),
    },
)


def cases() -> dict[str, Alert]:
    found = samples()
    long = json.loads(json.dumps(found["up"].changes[0]))
    for line in long["data"]["contributions"] + long["data"]["gaps"]:
        line["criterion"] = "criterion_" * 200
    long["data"]["trigger"]["summary"] = "hired " + "somebody of a long name " * 100
    found["long"] = Alert(**{name: getattr(found["up"], name) for name in Alert.__slots__} | {"changes": [long]})
    return found


@pytest.mark.parametrize("name", cases())
def test_slack_blocks(name: str) -> None:
    """Slack's own library reads every block and finds no limit exceeded."""
    body = Renderer(SlackLayout(), links=LINKS).render(cases()[name]).body
    assert set(body) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert len(body["blocks"]) <= 50
    for block in body["blocks"]:
        parsed = Block.parse(block)
        assert isinstance(parsed, HeaderBlock | SectionBlock | ContextBlock)
        assert parsed.to_dict() == block, "validates, and loses nothing"


@pytest.mark.parametrize("name", cases())
def test_teams_cards(name: str) -> None:
    """The message has the members of a workflow's message and of Adaptive Cards, and fits in 28 KB."""
    body = Renderer(TeamsLayout(), links=LINKS).render(cases()[name]).body
    jsonschema.validate(body, MESSAGE)
    assert len(json.dumps(body).encode()) < 28_000


@pytest.mark.parametrize("name", cases())
def test_mail_parts(name: str) -> None:
    """A subject of one line, text, and a page that fetches nothing."""
    body = Renderer(EmailLayout(), links=LINKS).render(cases()[name]).body
    assert 0 < len(body["subject"]) <= 200
    assert "\n" not in body["subject"]
    for reaching in ("<script", "<img", "<link", "<iframe", "url(", "src=", "@import"):
        assert reaching not in body["html"]
    assert body["html"].count("<table") == body["html"].count("</table>")
    assert body["text"].strip()


MANY = "".join(f"paragraph {number} " + "of a long message " * 15 + "\n\n" for number in range(55))
ONE = "{{ link_to(link, 'here') }} & " + "a long paragraph " * 900


@pytest.mark.parametrize("body", [MANY, ONE, "x\n\n" * 4_000, "- item\n" * 2_000], ids=["many", "one", "short", "list"])
def test_more_than_a_format_takes(body: str) -> None:
    """A team's template that writes too much is cut where the format ends, and still sent."""
    own = {"body": body, "title": "t" * 5_000, "footer": body[:9_000]}
    slack = Renderer(SlackLayout(), own).render(samples()["up"])
    assert slack.note is None
    assert len(slack.body["blocks"]) <= 50
    assert len(json.dumps(slack.body, ensure_ascii=False)) < 13_000 + 55 * 100, "members of blocks aside"
    texts = [(block.get("text") or block["elements"][0])["text"] for block in slack.body["blocks"]]
    assert sum(map(len, texts)) < 13_000
    assert all(len(text) <= 3_000 for text in texts)
    assert all(Block.parse(block).to_dict() == block for block in slack.body["blocks"])  # type: ignore[union-attr]
    teams = Renderer(TeamsLayout(), own).render(samples()["up"])
    assert teams.note is None
    jsonschema.validate(teams.body, MESSAGE)
    assert len(json.dumps(teams.body).encode()) < 28_000
