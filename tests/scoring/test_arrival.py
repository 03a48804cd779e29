"""The score depends on the set of signals, not on the order they came in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .histories import HOUR_MS, START_MS
from .pools import FACTS
from .reference import Item, PlainSignal, iso, score
from .running import Restarting, Run, run
from .strategies import SCORED_TYPES, profiles, signals

NOW = START_MS + 150 * 24 * HOUR_MS
MOMENTS = (*(NOW + hours * HOUR_MS for hours in (0, 1, 24, 100, 1_000, 10_000)), NOW + 300_000)


def moments() -> st.SearchStrategy[int]:
    """When signals happen: on few moments of the last 150 days, and some within the next ten minutes."""
    hours = st.sampled_from((0, 0, 1, 24, 24, 25, 48, 72, 168, 240, 720, 1080, 1081, 3000))
    back = hours.map(lambda hour: NOW - hour * HOUR_MS)
    return st.one_of(back, back, st.sampled_from((NOW + 1, NOW + 300_000, NOW + 600_000)))


@st.composite
def told(draw: st.DrawFn) -> list[PlainSignal]:
    """Signals with identities of their own, facts, and retractions of some of the signals and of ones never told."""
    kinds = draw(st.lists(st.sampled_from(SCORED_TYPES), min_size=1, max_size=3))
    them = [
        PlainSignal(one.account, one.source, f"s{place}", one.type, one.time, one.data)
        for place, one in enumerate(draw(st.lists(signals(("acme.com",), moments(), kinds), min_size=2, max_size=14)))
    ]
    for place in range(draw(st.integers(0, 3))):
        member = draw(st.sampled_from(sorted(FACTS)))
        data: dict[str, Any] = {"facts": {member: draw(st.sampled_from(FACTS[member]))}}
        them.append(PlainSignal("acme.com", "crm", f"f{place}", "account_update", draw(moments()), data))
    for place in range(draw(st.integers(0, 3))):
        target = draw(st.sampled_from([one for one in them if one.type not in ("account_update", "retracted")]))
        never = draw(st.integers(0, 4)) == 0
        data = {"signal_source": target.source, "signal_id": "never" if never else target.id}
        data["signal_time"] = iso(target.time)
        them.append(PlainSignal("acme.com", "x", f"r{place}", "retracted", draw(moments()), data))
    return them


def arrived(doc: dict[str, Any], order: list[PlainSignal], accounts: Restarting | None = None) -> Run:
    """All of them, in this order, recorded at one moment."""
    log = [Item("profile_activated", NOW, profile_doc=doc)]
    outcome = run([*log, *(Item("signal", NOW, one.account, one) for one in order)], accounts=accounts)
    assert outcome.rejected == []
    return outcome


def worth(outcome: Run) -> list[tuple[list[float], float, list[str]]]:
    """Values of the criteria, score and reasons of disqualification at many moments, to the last bit."""
    state = outcome.partition.accounts.get("acme.com")
    assert state is not None
    state.build()
    place = state.places["p"]
    return [(place.values(at), place.profile.total(place.values(at))[0], place.reasons(at)) for at in MOMENTS]


def in_thirds(doc: dict[str, Any]) -> dict[str, Any]:
    """The profile with a third of its points: sums of such numbers are not the same in every order."""
    for criterion in (criterion for group in doc["groups"] for criterion in group["criteria"]):
        if "points" in criterion:
            criterion["points"] /= 3
    return doc


@given(doc=profiles().map(in_thirds), them=told(), data=st.data())
def test_any_order_gives_the_same_score(doc: dict[str, Any], them: list[PlainSignal], data: st.DataObject) -> None:
    """In any order, some of them told again, live or reloaded after each: the same values to the last bit, and the
    reference's score of the plain set.
    """
    again = data.draw(st.lists(st.sampled_from(them), max_size=4))
    order = data.draw(st.permutations([*them, *again]))
    first = arrived(doc, them)
    assert worth(arrived(doc, order)) == worth(first)
    assert worth(arrived(doc, order, Restarting())) == worth(first)
    for at, (_, ours, _) in zip(MOMENTS, worth(first), strict=True):
        assert ours == pytest.approx(score(them, doc, at).score, abs=1e-9)


def test_an_outcome_cannot_be_taken_back_ahead() -> None:
    """A retraction that came before an outcome takes nothing back, as one that comes after it is refused."""
    outcome = PlainSignal("acme.com", "crm", "o", "opportunity_outcome", NOW, {"stage": "won"})
    data = {"signal_source": "crm", "signal_id": "o", "signal_time": iso(NOW)}
    ahead = PlainSignal("acme.com", "x", "r", "retracted", NOW, data)
    doc = {"profile": "p", "version": 1, "tiers": [{"name": "all"}]}
    doc["groups"] = [{"name": "g", "criteria": [{"id": "won", "signal": "opportunity_outcome", "points": 7}]}]
    for accounts in (None, Restarting()):
        assert worth(arrived(doc, [ahead, outcome], accounts))[0][1] == 7.0


DIGEST = """
import hashlib
from tests.scoring.conformance import LONG_AFTER_MS, load_cases
from tests.scoring.running import run
from stream.wire import encode_change
told = hashlib.sha256()
for case in load_cases():
    for change, flag in run(case.log(), LONG_AFTER_MS).changes:
        told.update(encode_change(change, source="t", importing=flag, detected_at=0))
print(told.hexdigest())
"""


def test_replay_is_identical_in_another_process() -> None:
    """Processes that order their sets and hashes differently publish the worked examples alike, byte for byte."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
