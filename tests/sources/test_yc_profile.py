"""The profile for the YC directory is a good profile, and the history moves accounts through its tiers."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from schemas.profiles import validate_profile
from schemas.reading import read_signal
from stream.profiles.lint import lint
from stream.scoring.engine import Engine, Timeline
from stream.scoring.profile import Profiles, compile_profile
from stream.scoring.values import Signal, TierChange
from stream.sources.report import Report
from stream.sources.yc.convert import convert
from tests.shared_data import shared_data

if TYPE_CHECKING:
    from stream.scoring.state import AccountState

PROFILE = Path(__file__).parents[2] / "examples" / "profiles" / "yc" / "yc.yaml"
ONE_IN = 4  # of the accounts: enough to see it, quick enough to run


@pytest.fixture(name="document", scope="module")
def _document() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(PROFILE.read_text(encoding="utf-8")))


def test_it_is_a_profile_of_a_sensible_length(document: dict[str, Any]) -> None:
    """It satisfies the contract, with ten criteria at most and a reason to leave each tier but the last."""
    profile = validate_profile(document)
    assert sum(len(group.criteria) for group in profile.groups) <= 10
    assert all("leave" in tier for tier in document["tiers"][:-1])


def test_the_linter_has_nothing_to_say(document: dict[str, Any]) -> None:
    """A shipped example is one that the linter has no remark on."""
    assert lint(document, date(2026, 1, 1)) == []


def _changes(document: dict[str, Any]) -> list[TierChange]:
    timeline, engine = Timeline(base=Profiles((compile_profile(document),))), Engine()
    states: dict[str, AccountState | None] = {}
    now_called: dict[str, str] = {}
    records = list(convert(shared_data("yc_companies"), report=Report()))
    for record in records:
        if record["type"].endswith("account_alias"):
            now_called[record["subject"]] = record["data"]["canonical"]
    changes: list[TierChange] = []
    for record in records:
        account = record["subject"]
        while account in now_called:
            account = now_called[account]
        if sum(account.encode()) % ONE_IN or record["type"].endswith("account_alias"):
            continue
        read = read_signal(record)
        signal = Signal(account, read.source, read.id, read.suffix, read.time, read.data)
        states[account], effects = engine.apply(states.get(account), signal, read.time, timeline)
        assert effects.refused is None
        changes += effects.changes
    return changes


def test_the_history_moves_accounts(document: dict[str, Any]) -> None:
    """Accounts become hot and cool again; on the days of the vendor's rewriting no more move than on others."""
    changes = _changes(document)
    moves = Counter((change.direction, change.standing.tier) for change in changes)
    assert moves["up", "hot"] > 50
    assert moves["down", "cold"] > 200
    caused = Counter(change.effective_at // 86_400_000 for change in changes if change.cause != "decay")
    for day in (19_613, 19_643):  # 2023-09-13 and 2023-10-13
        assert 0 < caused[day] < 80
