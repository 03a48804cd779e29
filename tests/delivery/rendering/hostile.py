"""Text that strangers would like to see acted on, and tier changes full of it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from stream.delivery.message import Alert
from stream.delivery.rendering.sample import sample_changes

PIECES = (
    "<!channel>", "<!here>", "<!everyone>", "<@U012AB3CD>", "<#C012AB3CD>", "<https://evil.example|click>",
    "@here", "@channel", "*bold*", "_under_", "~gone~", "`code`", "```\nblock\n```", ":rotating_light:",
    "> quoted", "&lt;!here&gt;", "[click](https://evil.example)", "![x](https://evil.example/p.png)", "# Title",
    "1. one", "- item", "<at>Everyone</at>", "{{DATE(2026-01-01T00:00:00Z,SHORT)}}", "${secret}",
    "{{ config }}", "{% for a in b %}", "{{ ''.__class__ }}", "@{x}", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", '" onmouseover="x', "</p></div>", "javascript:alert(1)",
    "\r\nBcc: victim@example.com", "\nSubject: other", "\x00", "\x1b[31m", "\u202e", "\u2066", "\u200b",
    "\ufeff", "\u2028", "https://evil.example/login", "%0d%0aBcc:x", "\ud800", "a" * 500, "e" + "\u0301" * 40,
    "\U000e0041", '","x":"', "\\", "|",
)  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=30)), min_size=1, max_size=6).map("".join)
numbers = st.one_of(st.floats(), st.integers(), st.none(), texts)
SAMPLES = sorted(sample_changes())


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    """An alert whose every text is hostile, and some of whose members are of no kind they should be."""
    pool = st.sampled_from(draw(st.lists(texts, min_size=4, max_size=8)))
    return draw(_alerts(pool))


@st.composite
def _alerts(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> Alert:
    change = copy.deepcopy(sample_changes()[draw(st.sampled_from(SAMPLES))])
    data = change["data"]
    account = draw(texts)
    data |= {"account": account, "summary": draw(texts), "profile": draw(texts), "score": draw(numbers)}
    data |= {"from_tier": draw(st.none() | texts), "to_tier": draw(texts), "next_tier": draw(texts)}
    data["reasons"] = draw(st.lists(texts, max_size=4))
    if data["trigger"]:
        data["trigger"]["summary"] = draw(texts)
    for line in data["contributions"] + data["gaps"]:
        line["criterion"] = draw(texts)
    for line in data["contributions"]:
        line["evidence"] = draw(st.lists(texts, max_size=3))
    for name in draw(st.lists(st.sampled_from(sorted(data)), max_size=2)):
        data[name] = draw(st.one_of(st.none(), st.integers(), texts, st.just([]), st.just({})))
    facts: dict[str, Any] = {"name": draw(texts), "industry": draw(texts), "country": draw(texts), "owner": draw(texts)}
    return Alert(
        key=draw(texts),
        route=draw(texts),
        channel="c",
        changes=[change] * draw(st.integers(1, 3)),
        kind=draw(st.sampled_from(["single", "single", "digest", "overflow"])),
        count=draw(st.integers(1, 1_000)),
        link=draw(st.one_of(st.none(), texts.filter(lambda link: not link.startswith("https")), st.just("https://tierline.example.com/a?b=(c)[d]|e>"))),
        title=draw(st.none() | texts),
        facts={account: facts},
        labels={str(data["profile"]): draw(texts)},
    )
