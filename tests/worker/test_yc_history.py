"""Real companies: five years of a public directory, imported through the worker, replayed, and worked out slowly."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream.identity import Aliases, canonical_account
from stream.profiles import load_profiles
from stream.sources.formats import convert
from stream.sources.report import Report
from stream.wire import Incoming, decode
from tests.scoring.reference import Item, PlainSignal, clamped, replay
from tests.shared_data import shared_data

from .conftest import Install
from .processes import Installation
from .telling import latest

PROFILE = Path(__file__).parents[2] / "examples" / "profiles" / "yc" / "yc.yaml"
SAMPLE = 300


def without_detection(changes: list[dict[str, Any]], until: str) -> dict[str, dict[str, Any]]:
    """Changes by id up to a moment, without the one member that a replay changes."""
    kept = {}
    for change in changes:
        if change["data"]["effective_at"] <= until:
            assert change["id"] not in kept, "no change twice"
            data = {name: value for name, value in change["data"].items() if name != "detected_at"}
            kept[change["id"]] = {**change, "data": data}
    return kept


def reference_items(documents: list[dict[str, Any]]) -> dict[str, list[Item]]:
    """The same history, account by account, as the reference takes it."""
    aliases = Aliases()
    items: dict[str, list[Item]] = {}
    for document in documents:
        incoming = decode(orjson.dumps(document), resolve=aliases.resolve)
        assert isinstance(incoming, Incoming), incoming
        signal = incoming.signal
        if signal.type == "account_alias":
            aliases.add(signal.account, signal.data["canonical"])
            continue
        plain = PlainSignal(signal.account, signal.source, signal.id, signal.type, signal.time, signal.data)
        items.setdefault(signal.account, []).append(
            Item("signal", incoming.recorded or signal.time, signal.account, plain)
        )
    return items


def renamed(documents: list[dict[str, Any]]) -> set[str]:
    """Every name that is another of an account, and those of the accounts."""
    aliases = [one for one in documents if one["type"].endswith("account_alias")]
    told = {one["subject"] for one in aliases} | {one["data"]["canonical"] for one in aliases}
    return {canonical_account(name) for name in told}


def apart_from(names: set[str], changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The changes of all other accounts."""
    return {id_: change for id_, change in changes.items() if change["subject"] not in names}


def hard_facts(change: dict[str, Any]) -> tuple[Any, ...]:
    """What has to be equal between the engine and the reference."""
    names = ("profile", "sequence", "from_tier", "to_tier", "direction", "cause")
    return tuple(change[name] for name in names)


def imported(installation: Installation, folder: Path) -> dict[str, dict[str, Any]]:
    """The tier changes of the import through a running worker, by id."""
    installation.start()
    sent = installation.command("send", "--import", "--format", "yc-directory", str(folder))
    assert sent.returncode == 0, sent.stderr[-2_000:]
    installation.drain(240)
    assert installation.stop() == 0
    changes = installation.documents("tier-changes")
    assert all(change["data"]["import"] for change in changes)
    assert installation.documents("rejected") == []
    return {change["id"]: change for change in changes}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_whole_history_runs_alike_through_worker_replay_and_reference(install: Install, tmp_path: Path) -> None:
    """5,617 companies, 31,097 changes: the worker's tier changes are the replay's, of 300 accounts the reference's.

    Of companies that took another name it is what is known in the end: a worker comes to an alias in its own time, and
    what was remembered travels to another partition, behind what had been sent there.
    """
    folder = shared_data("yc_companies")
    documents = list(convert("yc-directory", folder, Report()))
    file = tmp_path / "yc.jsonl"
    file.write_bytes(b"".join(orjson.dumps(document) + b"\n" for document in documents))
    last = max(document["recordedtime"] for document in documents)

    installation = install(PROFILE.read_text())
    changes = imported(installation, folder).values()
    through_worker = without_detection(list(changes), last)

    replayed = installation.command("replay", "--profiles", str(PROFILE), "--signals", str(file), "--scores")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    lines = [json.loads(line) for line in replayed.stdout.splitlines()]
    through_replay = without_detection([line for line in lines if line["type"] == "tierline.tier.changed"], last)
    names = renamed(documents)
    assert apart_from(names, through_worker) == apart_from(names, through_replay)
    assert len(apart_from(names, through_replay)) > 4_000

    items = reference_items(documents)
    scores = {line["subject"]: line["data"] for line in lines if line["type"] == "tierline.account.scored"}
    ended = {change["subject"] for change in through_replay.values() if change["data"]["direction"] == "merged"}
    assert len(ended) > 1_000
    assert ended == {one["subject"] for one in changes if one["data"]["direction"] == "merged"}
    assert set(scores) == set(items) - ended
    published = latest(installation)
    assert {name: data["facts"] for name, data in published.items()} == {name: scores[name]["facts"] for name in scores}
    document = load_profiles(PROFILE)[0].document
    end = max(item.record_time_ms for history in items.values() for item in history)
    for account in random.Random(1).sample(sorted(items.keys() - names), SAMPLE):
        history = clamped(items[account])
        wanted = replay([Item("profile_activated", 0, profile_doc=document), *history], until=end)
        ours = sorted(
            (change["data"] for change in through_replay.values() if change["subject"] == account),
            key=lambda change: change["sequence"],
        )
        assert [hard_facts(change) for change in ours] == [hard_facts(change) for change in wanted.changes], account
        for one, other in zip(ours, wanted.changes, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=2e-6)
        standing, view = scores[account]["profiles"]["yc"], wanted.accounts[account].profiles["yc"]
        assert standing["tier"] == view.tier
        assert standing["score"] == pytest.approx(view.score, abs=2e-6)
