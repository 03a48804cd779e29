"""The pages that list settings, topics and metrics are complete, and name nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from schemas.topics import TOPICS
from stream.metrics import Metrics
from stream.profiles import load_profile
from stream.scoring.profile import compile_profile
from stream.settings import PREFIX, Settings

DOCS = Path(__file__).parents[2] / "docs"
RUNNING = (DOCS / "running.md").read_text("utf-8")


def test_every_setting_is_told_and_no_other() -> None:
    """The table of settings has one row for each."""
    told = set(re.findall(rf"^\| `({PREFIX}[A-Z_]+)` \|", RUNNING, re.MULTILINE))
    assert told == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def test_every_topic_is_told() -> None:
    """The table of topics names each."""
    assert all(f"`{name}`" in RUNNING for name in TOPICS)


def test_every_metric_is_told_and_no_other() -> None:
    """The table of metrics has each family, counters with `_total` as Prometheus shows them."""
    registry = CollectorRegistry()
    Metrics(registry)
    there = {family.name + ("_total" if family.type == "counter" else "") for family in registry.collect()}
    assert set(re.findall(r"`(tierline_[a-z_]+)", RUNNING)) == there


def test_the_whole_profile_is_one(tmp_path: Path) -> None:
    """The example at the head of docs/profiles.md loads and compiles as it stands."""
    text = re.search(r"```yaml\n(.*?)```", (DOCS / "profiles.md").read_text("utf-8"), re.DOTALL)
    assert text is not None
    (tmp_path / "p.yaml").write_text(text[1])
    assert compile_profile(load_profile(tmp_path / "p.yaml").document).name == "enterprise-crm"
