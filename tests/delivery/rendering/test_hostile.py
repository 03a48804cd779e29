"""Whatever strangers write in names, titles and URLs: no markup, no mention, no header, no link of theirs."""

from __future__ import annotations

import html.parser
import json
import os
import re
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas.channels import Email
from stream.delivery.channels.email import EmailChannel
from stream.delivery.message import Alert
from stream.delivery.rendering import text
from stream.delivery.rendering.email import EmailLayout
from stream.delivery.rendering.inbox import InboxLayout
from stream.delivery.rendering.render import Layout, Renderer
from stream.delivery.rendering.slack import SlackLayout
from stream.delivery.rendering.teams import TeamsLayout
from stream.delivery.rendering.webhook import WebhookLayout
from stream.delivery.safety import Outbound
from tests.delivery.rendering.hostile import alerts, texts

LINKS = {"linkedin": "https://linkedin.example.com/{id}"}
OURS = re.compile(r"https://(tierline|linkedin)\.example\.com")
LAYOUTS: dict[str, Layout] = {
    "slack": SlackLayout(), "teams": TeamsLayout(), "email": EmailLayout(), "inbox": InboxLayout(),
    "webhook": WebhookLayout(),
}  # fmt: skip
RENDERERS = {name: Renderer(layout, links=LINKS) for name, layout in LAYOUTS.items()}
EXAMPLES = 2_000 if os.environ.get("TIERLINE_SOAK") else 60
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
INVISIBLE = re.compile("[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def strings(node: Any) -> list[str]:
    """Every text in a document."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return [found for value in node.values() for found in strings(value)]
    return [found for value in node for found in strings(value)] if isinstance(node, list) else []


@many
@given(alerts())
def test_slack(alert: Alert) -> None:
    """Only links of ours; no mention, no style that is not the template's; within Slack's limits."""
    rendered = RENDERERS["slack"].render(alert)
    body = json.loads(json.dumps(rendered.body))
    assert 1 <= len(body["blocks"]) <= 50
    assert len(json.dumps(body, ensure_ascii=False)) < 13_000
    for block in body["blocks"]:
        match block["type"]:
            case "header":
                assert block["text"]["type"] == "plain_text"
                assert 1 <= len(block["text"]["text"]) <= 150
                assert "\n" not in block["text"]["text"]
                continue
            case "section":
                marked = block["text"]["text"]
            case _:
                assert block["type"] == "context"
                marked = block["elements"][0]["text"]
        assert 1 <= len(marked) <= 3_000
        check_mrkdwn(marked)
    assert 1 <= len(body["text"]) <= 3_000
    check_mrkdwn(body["text"])


def check_mrkdwn(marked: str) -> None:
    for special in re.findall(r"<[^>]*>?", marked):
        assert re.fullmatch(r"<https://(tierline|linkedin)\.example\.com[^|<>\s]*\|[^|<>]*>", special), marked
    assert not re.search(r"&(?!amp;|lt;|gt;)", marked), marked
    outside = re.sub(r"<[^>]*>", "", marked)
    assert not re.search(r"[@_~#]|:[a-z_]+:|://", outside), marked
    assert outside.count("*") % 2 == 0, "the template's own stars, in pairs"
    assert outside.count("`") % 2 == 0
    assert not INVISIBLE.search(marked)


@many
@given(alerts())
def test_teams(alert: Alert) -> None:
    """Only links of ours; no Markdown but the template's, no function; below 28 KB."""
    rendered = RENDERERS["teams"].render(alert)
    told = json.dumps(rendered.body)
    assert len(told) < 28_000
    card = json.loads(told)["attachments"][0]["content"]
    assert card["body"][0]["type"] == "RichTextBlock"
    for action in card.get("actions", []):
        assert OURS.match(action["url"])
    for block in card["body"][1:]:
        assert block["type"] == "TextBlock"
        marked = block["text"]
        for _, url in re.findall(r"\[([^\]]*)\]\(([^)]*)\)", marked):
            assert OURS.match(url), marked
        outside = re.sub(r"\[[^\]]*\]\(https://[^)\s]*\)", "", marked)
        assert not re.search(r"[\[\]<>`_~#{}]|://", outside), marked
        assert outside.count("**") % 2 == 0
        assert "*" not in outside.replace("**", "")
        assert not re.search(r"^\s*\d+[.)]\s", outside, re.MULTILINE)
        assert not INVISIBLE.search(marked)


class Tags(html.parser.HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


CALM = {"html", "head", "meta", "title", "body", "div", "p", "b", "span", "br", "a", "table", "tr", "td"}


@many
@given(alerts())
def test_email(alert: Alert) -> None:
    """HTML of our tags and attributes only, links of ours only; one-line subject; text without controls."""
    body = RENDERERS["email"].render(alert).body
    seen = Tags()
    seen.feed(body["html"])
    for tag, attributes in seen.tags:
        assert tag in CALM, tag
        assert set(attributes) <= {
            "style", "href", "rel", "lang", "charset", "name", "content", "role", "cellpadding", "cellspacing",
        }  # fmt: skip
        if tag == "a":
            assert OURS.match(str(attributes["href"]))
    assert 1 <= len(body["subject"]) <= 200
    for part in body.values():
        assert not INVISIBLE.search(part)
    for url in re.findall(r"\S+://\S+", body["text"]):
        assert OURS.search(url), url


@many
@given(alerts(), texts)
def test_headers(alert: Alert, name: str) -> None:
    """A letter has the headers we wrote, each once, whatever is in the subject."""
    config = Email.model_validate(
        {"kind": "email", "host": "h", "from": "a@example.com", "from_name": text.one_line(name, 100) or "x",
         "to": ["b@example.com"]}
    )  # fmt: skip
    renderer: Any = RENDERERS["email"]
    channel = EmailChannel("m", renderer, config, None, Outbound(), None, lambda: 0.0)  # type: ignore[arg-type]
    letter = channel._message(channel.render(alert), ["b@example.com"], alert.key)
    head = letter.as_bytes(policy=SMTP).partition(b"\r\n\r\n")[0].decode("ascii")
    unfolded = re.sub(r"\r\n[ \t]", " ", head).split("\r\n")
    names = [line.partition(":")[0].lower() for line in unfolded]
    wanted = ["from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"]
    assert sorted(names) == sorted(wanted)
    assert letter["to"] == "b@example.com"


@many
@given(alerts())
def test_inbox(alert: Alert) -> None:
    """Nothing a terminal would act on."""
    for part in RENDERERS["inbox"].render(alert).body.values():
        assert not INVISIBLE.search(part)
        assert "\ud800" not in part


@many
@given(alerts())
def test_webhook(alert: Alert) -> None:
    """The body is JSON of the contract's members, whatever is in the change."""
    body = RENDERERS["webhook"].render(alert).body
    assert set(body) == {"type", "timestamp", "data"}
    assert set(body["data"]) == {"key", "kind", "route", "count", "headline", "link", "facts", "changes"}


@many
@given(alerts())
def test_the_plain_form_is_as_safe(alert: Alert) -> None:
    """What is sent where a template fails is escaped like everything else."""
    broken = {"body": "{{ changes[0].evidence[7].name.upper }}"}
    slack = Renderer(SlackLayout(), broken).render(alert)
    for block in slack.body["blocks"][1:]:
        check_mrkdwn((block.get("text") or block["elements"][0])["text"].replace(OUR_LINK(alert), ""))


def OUR_LINK(alert: Alert) -> str:  # noqa: N802
    """In the plain form a link stands as text, as every value does."""
    return text.slack(text.one_line(text.safe_url(alert.link) or "\0"))


@given(st.text(), st.integers(2, 50))
@example("a\u202eb\x00c\nd", 10)
def test_one_line_is_one_line(value: str, most: int) -> None:
    """Bounded, printable but for joiners, and stable."""
    line = text.one_line(value, most)
    assert len(line) <= most
    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in line)
    assert text.one_line(line, most) == line


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://example.com/a(b)|c>d", "https://example.com/a%28b%29%7Cc%3Ed"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://example.com:8443/?a=b#c", "https://example.com:8443/?a=b#c"),
        ("https://example.com/%28", "https://example.com/%28"),
        ("javascript:alert(1)", None), ("data:text/html,x", None), ("//example.com", None), ("https://", None),
        ("https://user:pw@example.com/", None), ("https://exa\nmple.com/", None), ("https://example.com/a b", None),
        ("https://\u202eexample.com/", None), ("https://a<b>.com/", None), ("x" * 5_000, None), (None, None),
        ("https://example.com\\@evil.com/", None), ("https://[::1/", None), ("https://example.com:x/", None),
    ],
)  # fmt: skip
def test_links(url: str | None, safe: str | None) -> None:
    """A link is http(s), in ASCII, and holds nothing that a format would end it at."""
    assert text.safe_url(url) == safe
