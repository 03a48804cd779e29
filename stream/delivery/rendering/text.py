"""Text from outside made harmless: one line, bounded, nothing invisible, nothing that a format would act on."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

from markupsafe import escape as html_escape

LONGEST = 300
"""Characters of one value in a message."""
LONGEST_URL = 2_000
_JOINERS = "\u200c\u200d"  # Indic and Persian words, and emoji, are spelt with them
_MARKS = 4
"""Combining marks in a row that are kept: writing needs no more, and a hundred cover the lines above."""


def one_line(value: object, most: int = LONGEST) -> str:
    """The value as one line of at most ``most`` characters; controls, direction marks and the unassigned are dropped.

    A URL's ``://`` is broken up, so that nothing makes a link of what a stranger wrote.
    """
    text = str(value)[: most * 4]
    kept: list[str] = []
    marks = 0
    for letter in text:
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind.startswith("M") else 0
        if letter in _JOINERS or (kind[0] != "C" and kind not in ("Zl", "Zp") and marks <= _MARKS):
            kept.append(letter)
        elif kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
    line = " ".join("".join(kept).split()).replace("://", "[:]//")
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def cut(text: str, most: int) -> str:
    """The text, bounded, with a sign that something is missing."""
    return text if len(text) <= most else text[: most - 1] + "…"


_ENTITY = re.compile(r"&[a-z0-9#]*$")


def cut_slack(text: str, most: int) -> str:
    """As `cut`, never through the middle of a link or an entity."""
    if len(text) <= most:
        return text
    short = text[: most - 1]
    opened = short.rfind("<")
    if opened > short.rfind(">"):
        short = short[:opened]
    return _ENTITY.sub("", short) + "…"


_SLACK = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "›", "*": "∗", "_": "ˍ", "~": "∼", "`": "ˋ", "@": "＠", "#": "＃"}
)
_EMOJI = re.compile(r":(?=[A-Za-z0-9_+'-])")


def slack(text: str) -> str:
    """For mrkdwn, which knows no escape but ``&<>``: what it would act on becomes a lookalike."""
    return _EMOJI.sub("꞉", text).translate(_SLACK)


_TEAMS = str.maketrans(
    {
        "*": "∗",
        "_": "ˍ",
        "~": "∼",
        "`": "ˋ",
        "[": "［",
        "]": "］",
        "#": "＃",
        "<": "‹",
        ">": "›",
        "|": "¦",
        "\\": "⧵",
        "&": "＆",
        "{": "｛",
        "}": "｝",
        "!": "ǃ",
    }
)
_LIST = re.compile(r"^(\s*)(?:([-+])(?=\s)|(\d+)([.)])(?=\s))")


def teams(text: str) -> str:
    """For the Markdown and the date functions of an Adaptive Card, where a backslash is not relied on."""
    text = text.translate(_TEAMS)
    return _LIST.sub(lambda m: m[1] + ("‐" if m[2] else f"{m[3]}․"), text)


def html(text: str) -> str:
    """For HTML, in text and in quoted attributes."""
    return str(html_escape(text))


def plain(text: str) -> str:
    """For formats without markup."""
    return text


_SAFE = "/:?#@$&+,;=~-._%"
"""What stays as it is in a URL; brackets, quotes, stars and bars are percent-encoded, since formats act on them."""


def safe_url(value: object) -> str | None:
    """An http(s) URL in ASCII that no format can be broken out of; None for anything else."""
    text = str(value or "")
    if len(text) > LONGEST_URL or any(not letter.isprintable() or letter.isspace() for letter in text):
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or not host or parts.username is not None or parts.password is not None:
        return None
    try:
        ascii_host = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if re.search(r"[^a-z0-9.:_-]", ascii_host):
        return None
    where = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    rest = quote(text.split("://", 1)[1][len(parts.netloc) :], safe=_SAFE)
    return f"{parts.scheme}://{where}{f':{port}' if port else ''}{rest}"
