"""Writes the rendered samples of each alert channel into docs/alert-channels.md.

python ops/alert_samples.py           writes them
python ops/alert_samples.py --check   exit 1 where the page does not show what is sent
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from stream.delivery.channels.base import message_id
from stream.delivery.channels.secrets import Hidden
from stream.delivery.channels.webhook import signed, signer
from stream.delivery.message import Alert
from stream.delivery.rendering.email import EmailLayout
from stream.delivery.rendering.inbox import InboxLayout
from stream.delivery.rendering.render import Layout, Renderer
from stream.delivery.rendering.sample import samples
from stream.delivery.rendering.slack import SlackLayout
from stream.delivery.rendering.teams import TeamsLayout
from stream.delivery.rendering.webhook import WebhookLayout

PAGE = Path(__file__).parent.parent / "docs" / "alert-channels.md"
BEGIN, END = "<!-- samples: written by ops/alert_samples.py -->", "<!-- end of samples -->"
LINKS = {"linkedin": "https://linkedin.example.com/signals/{id}"}
KEY = Hidden("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the published vector")
NOW = 1_764_000_000


def gallery() -> str:
    """The samples as Markdown."""
    shown = samples()
    parts = [
        "### Slack\n\nAn account became hot, cooled, and was disqualified; a digest; and the word that there was more.",
        *(_block("text", _slack(shown[name])) for name in ("up", "down", "disqualified", "digest", "overflow")),
        "The first of them as it is posted:",
        _block("json", _json(_render(SlackLayout(), shown["up"]).body)),
        "### Microsoft Teams",
        _block("json", _json(_render(TeamsLayout(), shown["up"]).body)),
        "### E-mail\n\nSubject and text part; the HTML part says the same.",
        _block("text", _mail(shown["up"])),
        _block("text", _mail(shown["requalified"])),
        "### Webhook\n\nHeaders and body; `changes` are the events of `tier-changes`, here shortened.",
        _block("text", _webhook(shown["up"])),
        "### Inbox",
        _block("text", _note(shown["up"])),
    ]
    return "\n\n".join(parts)


def _render(layout: Layout, alert: Alert) -> Any:
    rendered = Renderer(layout, links=LINKS).render(alert)
    assert rendered.note is None
    return rendered


def _slack(alert: Alert) -> str:
    blocks = _render(SlackLayout(), alert).body["blocks"]
    return "\n\n".join((block.get("text") or block["elements"][0])["text"] for block in blocks)


def _mail(alert: Alert) -> str:
    body = _render(EmailLayout(), alert).body
    return f"Subject: {body['subject']}\n\n{body['text'].strip()}"


def _note(alert: Alert) -> str:
    body = _render(InboxLayout(), alert).body
    return f"{body['title']}\n\n{body['text'].strip()}"


def _webhook(alert: Alert) -> str:
    body = json.loads(json.dumps(_render(WebhookLayout(), alert).body))
    headers = signed([signer(KEY)], message_id(alert.key), NOW, json.dumps(body))
    headers["webhook-signature"] = "v1,<base64>"
    change = body["data"]["changes"][0]
    body["data"]["changes"] = [{"id": change["id"], "type": change["type"], "…": "…"}]
    return "\n".join(f"{name}: {value}" for name, value in headers.items()) + "\n\n" + _json(body)


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def main() -> int:
    """Write the page, or check it."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    written = f"{before}{BEGIN}\n\n{gallery()}\n\n{END}{after}"
    if "--check" in sys.argv:
        if written != page:
            print(f"{PAGE.name} does not show what is sent: run python ops/alert_samples.py")
            return 1
        return 0
    PAGE.write_text(written, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
