"""``/metrics``, ``/healthz`` and ``/readyz`` tell the truth: while it starts, while it runs, and after a restart."""

from __future__ import annotations

import json
import time
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from stream.agents.work import Work
from stream.metrics import Metrics
from stream.transports.records import Append

from .breaking import boom, breakable
from .conftest import Install
from .desk import Desk, document
from .processes import Installation
from .telling import append, changes, event, facts, funding, latest, profile, send, until

Labels = tuple[tuple[str, str], ...]


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """(name, labels) → value, as a stranger's parser reads the page."""
    found: dict[tuple[str, Labels], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            place = (sample.name, tuple(sorted(sample.labels.items())))
            assert place not in found
            found[place] = sample.value
    return found


def _page(installation: Installation) -> dict[tuple[str, Labels], float]:
    status, body = installation.page("/metrics")
    assert status == 200
    return samples(body)


def _tiers(page: dict[tuple[str, Labels], float]) -> dict[tuple[str, str], float]:
    found = {(dict(labels)["profile"], dict(labels)["tier"]): value
             for (name, labels), value in page.items() if name == "tierline_accounts"}  # fmt: skip
    return {place: value for place, value in found.items() if value}


def _truth(installation: Installation) -> dict[tuple[str, str], float]:
    counts = Counter(
        (name, standing["tier"])
        for data in latest(installation).values()
        for name, standing in data["profiles"].items()
    )
    return {place: float(count) for place, count in counts.items()}


def test_metrics_say_what_happened_and_health_says_why(install: Install) -> None:  # noqa: PLR0915  (one start for all)
    """Every metric is there and agrees with the topics; readiness waits for recovery; a restart counts right."""
    profiles = profile(funding="{half_life: 2s}"), profile(name="other")
    installation = install(*profiles, partitions=2, scores_every="200ms")
    installation.start()
    names = [f"m{number}.com" for number in range(30)]
    send(installation, *(facts(f"f-{name}", name, employees=500 if at % 3 else 5) for at, name in enumerate(names)))
    send(installation, *(funding(f"r-{name}", name) for name in names[::2]))
    send(installation, *(funding(f"r-{name}", name) for name in names[::2]))  # once more: repeats
    send(installation, *(event(f"l-{name}", name, "layoff", {}) for name in names[:4]))
    send(installation, event("bad", names[0], "gossip", {}))
    family = installation.settings.topic("signals.jobs")
    reading = event("x", "www.m1.com", "content_consumption", {"topic": "crm"})
    append(installation, Append(family, 0, None, json.dumps(reading).encode()))
    installation.drain()
    decays = until(lambda: [one for one in changes(installation) if one["cause"] == "decay"][12:], 15)
    assert decays
    time.sleep(0.6)

    page = _page(installation)
    exposed = {name for name, _ in page}
    for family_ in Metrics().registry.collect():
        if family_.name == "tierline_source_rejected_ratio":  # only of a source that sends mostly what is rejected
            continue
        if family_.name.startswith("tierline_alert"):  # tests/delivery looks at these, where something is alerted
            continue
        suffix = {"counter": "_total", "histogram": "_count"}.get(family_.type, "")
        assert family_.name + suffix in exposed, family_.name

    def value(name: str, **labels: str) -> float:
        return sum(v for (n, have), v in page.items() if n == name and labels.items() <= dict(have).items())

    assert value("tierline_signals_total", type="account_update", outcome="fact") == 30
    assert value("tierline_signals_total", type="funding_round", outcome="counted") == 15
    assert value("tierline_signals_total", type="funding_round", outcome="duplicate") == 15
    assert value("tierline_signals_total", type="layoff") == 4
    assert value("tierline_signals_total", type="content_consumption", outcome="counted") == 1
    assert value("tierline_rejected_total") == value("tierline_rejected_total", reason="unknown_type") == 1
    assert value("tierline_forwarded_total") == value("tierline_forwarded_total", topic="signals.jobs") == 1
    told = changes(installation)
    for place, count in Counter((one["profile"], one["to_tier"], one["cause"]) for one in told).items():
        labels = dict(zip(("profile", "tier", "cause"), place, strict=True))
        assert value("tierline_tier_changes_total", **labels) == count, place
    assert value("tierline_tier_changes_total") == len(told)
    by_time = sum(one["cause"] == "decay" for one in told)
    assert value("tierline_due_transitions_total") == value("tierline_due_late_seconds_count") == by_time
    assert 0 < value("tierline_due_late_seconds_sum") < by_time
    assert value("tierline_append_to_change_seconds_count") == len(told) - by_time
    assert 0 < value("tierline_append_to_change_seconds_sum") / (len(told) - by_time) < 5
    assert value("tierline_batch_records_sum", agent="score") == sum(1 for _ in installation.documents("signals"))
    assert value("tierline_batch_records_sum", agent="intake") == 1
    assert 0 < value("tierline_batch_seconds_sum", agent="score") < 20
    assert value("tierline_state_accounts") == 30
    assert 30 * 200 < value("tierline_state_bytes") < 30 * 5_000
    assert value("tierline_scores_published_total") >= 30
    assert value("tierline_accounts_to_rescore") == value("tierline_importing_partitions") == 0
    assert value("tierline_commit_retries_total") == 0
    lags = {labels: v for (name, labels), v in page.items() if name == "tierline_lag_records"}
    assert set(lags.values()) == {0}
    assert len(lags) == 2 + 5 * 2 + 1, "signals, five families, accounts: every partition"
    assert _tiers(page) == _truth(installation)
    assert sum(_tiers(page).values()) == 60
    before = page

    installation.kill()
    installation.start(wait=False)
    reasons = []
    for _ in range(200):
        try:
            status, body = installation.page("/readyz")
        except OSError:
            time.sleep(0.02)
            continue
        answer = json.loads(body)
        assert (status == 200) == answer["ready"] == (not answer["reasons"])
        if status == 200:
            break
        assert installation.page("/healthz") == (200, '{"status":"ok"}')
        reasons += answer["reasons"]
        time.sleep(0.02)
    assert reasons
    assert set(reasons) == {"recovering: the account table is being read back from its changelog"}
    until(lambda: ("tierline_lag_records", (("partition", "1"), ("topic", "signals"))) in _page(installation), 3)
    page = _page(installation)
    assert _tiers(page) == _tiers(before) == _truth(installation)
    for name in ("tierline_state_accounts", "tierline_state_bytes"):
        assert page[name, ()] == before[name, ()], name
    send(installation, *(facts(f"g-{name}", name, employees=5) for name in names))
    until(lambda: _tiers(_page(installation)).get(("quick", "hot")) is None, 5)
    installation.drain()
    time.sleep(0.5)
    assert _tiers(_page(installation)) == _truth(installation)
    assert installation.stop() == 0


def test_the_count_by_tier_survives_whatever_a_shard_goes_through() -> None:
    """Restarts, parked records, versions, retirement: accounts by tier are what a count over the states gives."""
    desk = Desk(breakable(document(profile())))
    names = [f"t{number}.com" for number in range(12)]
    for at, name in enumerate(names):
        desk.now += 1_000
        told = boom if at == 5 else facts
        size = told(f"f{at}", name, desk.now, employees=500 if at % 2 else 5)
        desk.tell(funding(f"r{at}", name, desk.now), size)
        _agree(desk)
    desk.restart()
    _agree(desk)
    desk.activate(document(profile(2, big=0)))
    while desk.shard.partition.behind:
        desk.done(desk.shard.rescore(5, desk.now) or _fail())
        _agree(desk)
    desk.mark("profile_retired", {"profile": "quick"})
    desk.beat()
    _agree(desk)
    assert desk.metric("tierline_accounts", profile="quick", tier="warm") == 0
    desk.shard.close()
    assert desk.metric("tierline_state_accounts") == 0
    assert desk.metric("tierline_state_bytes") == 0


def _fail() -> Work:
    raise AssertionError("nothing to rescore")


def _agree(desk: Desk) -> None:
    """What the gauges say is what the stored states say."""
    truth: Counter[tuple[str, str]] = Counter()
    sizes = accounts = 0
    for key, value in desk.stored.items():
        if key.startswith(b"\x00"):
            continue
        sizes += len(key) + len(value)
        if b"\x00" in key:
            continue
        accounts += 1
        for name, place in json.loads(value)["places"].items():
            truth[name, place[1]] += 1
    for sample in next(iter(desk.metrics.accounts.collect())).samples:
        assert sample.value == truth[sample.labels["profile"], sample.labels["tier"]], sample
    assert desk.metric("tierline_state_accounts") == accounts
    assert desk.metric("tierline_state_bytes") == sizes
