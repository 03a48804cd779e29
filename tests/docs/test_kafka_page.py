"""The page on Kafka has the topics and settings as the program makes them."""

from __future__ import annotations

import re
from pathlib import Path

from schemas.topics import MOST_MESSAGE_BYTES, TOPICS
from stream.settings import PREFIX, SECRETS, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "kafka.md").read_text("utf-8")


def test_every_topic_is_told_as_it_is_made() -> None:
    """The table has each with its partitions, compaction and retention, and no other."""
    rows = re.findall(r"^\| `([a-z.-]+)` \| (\S+) \| (\w+) \| (-?\d+) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (
            topic.name,
            "`TIERLINE_PARTITIONS`" if topic.partitions == "scaled" else "1",
            topic.config["cleanup.policy"],
            topic.config["retention.ms"],
        )
        for topic in TOPICS.values()
    ]
    assert f"| `max.message.bytes` | `{MOST_MESSAGE_BYTES}` or more |" in PAGE
    assert {topic.config["message.timestamp.type"] for topic in TOPICS.values()} == {"LogAppendTime"}


def test_no_setting_is_told_that_is_none() -> None:
    """Every variable that the page names is one."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name in SECRETS}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", PAGE)) <= known


def test_links_lead_somewhere() -> None:
    """Every file that the page links to exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).exists(), target
