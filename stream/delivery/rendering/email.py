"""E-mail: a subject, a text part and an HTML part; the headers are the channel's matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.delivery.message import Alert, ChannelKind
from stream.delivery.rendering import text
from stream.delivery.rendering.render import Parts
from stream.delivery.rendering.view import View

SUBJECT = 200
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body style="margin:0;padding:24px;background:#f4f4f5"><div style="max-width:560px;margin:0 auto;padding:24px;\
background:#fff;border-radius:8px;font:14px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#111">
{body}
</div></body></html>
"""


class EmailLayout:
    """title (the subject), text, html (what stands inside the page)."""

    kind: ChannelKind = "email"
    parts: tuple[str, ...] = ("title", "text", "html")

    def escape(self, part: str, value: str) -> str:
        """HTML is escaped; text has no markup."""
        return text.html(value) if part == "html" else value

    def link(self, part: str, url: str, words: str) -> str:
        """An anchor that tells the far side nothing of where it was clicked; in text, the address itself."""
        if part == "html":
            return f'<a href="{text.html(url)}" rel="noopener noreferrer" style="color:#0b57d0">{words}</a>'
        return words if part == "title" else f"{words}: {url}"

    def assemble(self, parts: Parts, view: View, alert: Alert) -> Mapping[str, Any]:
        """Subject, text and html."""
        del view, alert
        subject = text.one_line(parts["title"], SUBJECT) or "A tier change"
        inner = parts["html"].replace("\n", "<br>\n") if "<" not in parts["html"] else parts["html"]
        page = _PAGE.format(title=text.html(subject), body=inner)
        return {"subject": subject, "text": tidy(parts["text"]), "html": page}


def tidy(body: str) -> str:
    """No more than one blank line in a row."""
    lines: list[str] = []
    for line in body.splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip() + "\n"
