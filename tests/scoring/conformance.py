"""The worked examples as cases any implementation of the scoring can be held against.

`load_cases` reads them; whoever runs an implementation gives `check` what it answered. Scores are compared within
1e-6; times within 2 ms or, where it is longer, what the tolerance of comparisons (1e-9) makes of the score's slope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from .reference import Item, PlainSignal, clamped, instant, milliseconds

HERE = Path(__file__).parent
FILES = (HERE / "conformance.yaml", HERE / "more_cases.yaml")

START_MS = instant("2026-01-01T00:00:00Z")
"""What `days` in an expectation count from."""

DAY_MS = 86_400_000

ACCOUNT = "acme.com"

LONG_AFTER_MS = START_MS + 3_650 * DAY_MS
"""To here a case is run for its changes: whatever time alone will do to these profiles it has done by then."""

Change = Mapping[str, Any]
"""With at least from_tier, to_tier, cause, score and effective_at (ms)."""


@dataclass(frozen=True)
class Case:
    """One worked example. `items` are signals in log order, record times already as an import reads them."""

    name: str
    profile_doc: dict[str, Any]
    items: list[Item]
    expectations: dict[str, Any]

    def log(self) -> list[Item]:
        """The items with the profile's activation before them."""
        first = min((item.record_time_ms for item in self.items), default=START_MS)
        return [Item("profile_activated", first, profile_doc=self.profile_doc), *self.items]

    def until(self, days: float) -> list[Item]:
        """The items with a record time not after that many days."""
        return [item for item in self.items if item.record_time_ms <= moment(days)]


def moment(days: float) -> int:
    """So many days after the beginning of 2026, in milliseconds since the epoch."""
    return START_MS + round(days * DAY_MS)


def load_cases(*paths: Path) -> list[Case]:
    """The cases of the files given, or of all files there are."""
    cases: list[Case] = []
    for path in paths or [path for path in FILES if path.exists()]:
        told = _plain(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
        cases += [_case(each) for each in told]
    return cases


def check(
    case: Case,
    changes: Sequence[Change],
    score_at: Callable[[float], float],
    tier_at: Callable[[float], str],
    coverage_at: Callable[[float], float],
) -> None:
    """Assert that the answers are the expected ones.

    `changes`: all that the case leads to, run until `LONG_AFTER_MS`. The functions take days after the beginning of
    2026 and answer for the case run until then (records later than that left out).
    """
    for name, wanted in case.expectations.items():
        if name == "changes":
            _check_changes(case, wanted, changes, score_at)
            continue
        what, _, when = name.removesuffix("_days").partition("_at_")
        days = float(when)
        if what == "score":
            assert abs(score_at(days) - wanted) <= 1e-6, f"{case.name}: {name}: {score_at(days)}, not {wanted}"
        elif what == "tier":
            assert tier_at(days) == wanted, f"{case.name}: {name}: {tier_at(days)}, not {wanted}"
        elif what == "coverage":
            assert abs(coverage_at(days) - wanted) <= 1e-6, f"{case.name}: {name}: {coverage_at(days)}, not {wanted}"
        else:
            raise ValueError(f"{case.name}: an expectation nobody knows: {name}")


def _check_changes(
    case: Case, wanted: Sequence[Mapping[str, Any]], changes: Sequence[Change], score_at: Callable[[float], float]
) -> None:
    assert len(changes) == len(wanted), f"{case.name}: {len(changes)} changes, not {len(wanted)}: {changes}"
    for place, (expected, change) in enumerate(zip(wanted, changes, strict=True), start=1):
        for name, value in expected.items():
            where = f"{case.name}: change {place}: {name}"
            if name in ("score", "previous_score", "coverage"):
                assert abs(change[name] - value) <= 1e-6, f"{where}: {change[name]}, not {value}"
            elif name == "days":
                apart = abs(change["effective_at"] - (START_MS + value * DAY_MS))
                leeway = _leeway_ms(value, score_at) if change["cause"] == "decay" else 2.0
                assert apart <= leeway, f"{where}: {apart} ms from {value}: {change}"
            elif name == "trigger":
                assert change[name] == (value if value is None else tuple(value)), f"{where}: {change[name]}"
            else:
                member = {"from": "from_tier", "to": "to_tier"}.get(name, name)
                assert change[member] == value, f"{where}: {change[member]}, not {value}"


def _leeway_ms(days: float, score_at: Callable[[float], float]) -> float:
    hour = 1 / 24
    speed = abs(score_at(days - 1e-7) - score_at(days - hour)) / (hour * DAY_MS)
    return max(2.0, 2e-9 / speed) if speed > 0 else 2.0


def _case(told: dict[str, Any]) -> Case:
    items: list[Item] = []
    if "facts" in told:
        update = {"id": "facts", "source": "case", "type": "account_update", "data": {"facts": told["facts"]}}
        items.append(_item({"at": START_MS, **update}))
    items += [_item(each) for each in told.get("signals", [])]
    repeat = told.get("signals_repeat")
    if repeat:
        for day in range(repeat["days"]):
            for place in range(repeat["count_per_day"]):
                at = instant(repeat["first_at"]) + day * DAY_MS + place * milliseconds(repeat["every"])
                items.append(_item({"id": f"{day}-{place}", "source": "repeat", "at": at, **repeat}))
    return Case(told["name"], told["profile"], clamped(items), told["expect"])


def _item(told: Mapping[str, Any]) -> Item:
    time = instant(told["at"])
    data = dict(told.get("data", {}))
    signal = PlainSignal(ACCOUNT, told["source"], told["id"], told["type"], time, data)
    return Item("signal", instant(told.get("recorded", time)), ACCOUNT, signal)


def _plain(value: Any) -> Any:
    """YAML's dates as the text JSON would carry."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z" if value.tzinfo is None else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
