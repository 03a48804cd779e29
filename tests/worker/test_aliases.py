"""A name that stands for another account: what is told under it later goes there, whichever way it comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stream.agents.start import learn_aliases
from stream.settings import load_settings
from stream.topology import open_log
from stream.transports.records import Append, partition_for

from .conftest import Install
from .processes import Installation, records
from .telling import append, changes, event, keyed, latest, profile, send, until

ON_KAFKA = True

def _alias(old: str, canonical: str) -> dict[str, Any]:
    return event(f"{old}>{canonical}", old, "account_alias", {"canonical": canonical})


def _reading(id_: str, account: str) -> dict[str, Any]:
    return event(id_, account, "content_consumption", {"topic": "crm"})


def _to(installation: Installation, topic: str, document: dict[str, Any], partition: int = 0) -> Append:
    name = installation.settings.topic(topic)
    return Append(name, partition, document["subject"].encode(), json.dumps(document).encode())


def _evidence(installation: Installation, account: str) -> list[str]:
    data = latest(installation).get(account)
    lines = data["profiles"]["quick"]["contributions"] if data else []
    return [one for line in lines for one in line["evidence"]]


def _newest(installation: Installation, account: str, count: int) -> list[str]:
    return sorted(_evidence(installation, account)[-count:])


def _known(installation: Installation) -> dict[str, str]:
    with installation.log() as log:
        found = log.scan_latest(installation.settings.topic("aliases"))
        return {record.key.decode(): json.loads(record.value)["canonical"] for record in found}  # type: ignore[union-attr,arg-type]


def test_rows_that_no_worker_can_have_written_say_nothing(tmp_path: Path) -> None:
    """Whoever may write the topic of aliases cannot keep a worker from starting: those that are right hold."""
    settings = load_settings({}, broker=f"sqlite:///{tmp_path / 'x.db'}")
    right = json.dumps({"canonical": "new.com", "told": [1, "crm", "1"]}).encode()
    rows = {b"a.com": b"{", b"b.com": b"[]", b"c.com": b"{}", b"old.com": right, b"new.com": right, b"\xff": right}
    with open_log(settings) as log:
        log.append([Append(settings.topic("aliases"), 0, key, value) for key, value in rows.items()])
    assert learn_aliases(settings).snapshot() == {"old.com": "new.com"}


def test_records_under_an_old_name_go_to_the_canonical_account(install: Install) -> None:
    """After an alias, told on any topic, every way in ends at the end of the chain, once, also after a restart."""
    installation = install(profile(), partitions=3, scores_every="200ms")
    installation.start()
    send(installation, _reading("before", "first.com"))
    until(lambda: _evidence(installation, "first.com") == ["test/before"], 10)

    # three ways to tell an alias: on its topic, on signals, through a family
    append(
        installation,
        _to(installation, "accounts", _alias("www.first.com", "second.com")),
        keyed(installation, _alias("other.com", "second.com")),
        _to(installation, "signals.company", _alias("third.com", "https://second.com/about"), 1),
    )
    wanted = dict.fromkeys(("first.com", "other.com", "third.com"), "second.com")
    until(lambda: _known(installation) == wanted, 10)
    installation.drain()

    def tell(prefix: str) -> list[str]:
        somewhere = (partition_for(b"first.com", 3) + 1) % 3
        append(
            installation,
            keyed(installation, _reading(f"{prefix}-keyed", "first.com")),
            _to(installation, "signals", _reading(f"{prefix}-elsewhere", "first.com"), somewhere),
            keyed(installation, _reading(f"{prefix}-other", "other.com")),
            _to(installation, "signals.content", _reading(f"{prefix}-family", "dana@third.com"), 2),
            keyed(installation, _reading(f"{prefix}-twice", "first.com")),
            _to(installation, "signals.content", _reading(f"{prefix}-twice", "first.com")),
        )
        return sorted(f"test/{prefix}-{way}" for way in ("keyed", "elsewhere", "other", "family", "twice"))

    first = tell("a")
    until(lambda: _newest(installation, "second.com", 5) == first, 10)
    assert _evidence(installation, "second.com")[0] == "test/before", "what was told before goes with the name"

    # the chain grows at its end, and all goes there
    append(installation, _to(installation, "accounts", _alias("second.com", "last.com")))
    until(lambda: len(_known(installation)) == 4, 10)
    installation.drain()
    second = tell("b")
    until(lambda: _newest(installation, "last.com", 5) == second, 10)
    assert _newest(installation, "last.com", 10) == sorted(first + second)

    installation.kill()
    installation.start()
    third = tell("c")
    until(lambda: _newest(installation, "last.com", 5) == third, 10)
    assert set(latest(installation)) == {"last.com"}, "the others have ended, or never were accounts"
    ended = [(one["account"], one["to_tier"]) for one in changes(installation) if one["direction"] == "merged"]
    assert sorted(ended) == [("first.com", None), ("second.com", None)]

    # a loop is refused, also after the restart, and changes nothing; the command line follows aliases as well
    append(installation, _to(installation, "accounts", _alias("last.com", "first.com")))
    sent = installation.command("send", "-", input=json.dumps(_reading("cli", "first.com")))
    assert sent.returncode == 0, sent.stderr
    until(lambda: _newest(installation, "last.com", 1) == ["test/cli"], 10)
    (loop,) = installation.documents("rejected")
    assert (loop["reason"], loop["origin"]["topic"]) == ("alias_loop", installation.settings.topic("accounts"))
    assert len(_known(installation)) == 4
    with installation.log() as log:
        keys = [record.key for record in records(log, installation.settings.topic("signals")) if record.key]
    assert len(keys) < 60, "no record goes round and round"
    assert installation.stop() == 0
