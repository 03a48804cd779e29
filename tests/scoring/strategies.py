"""Hypothesis strategies for profiles and for histories of accounts.

Everything comes from small pools, so that identities, moments, values and thresholds collide: there the bugs are.
Durations are in `unit` ("d", or "ms" where a test looks at every millisecond); times lie on a grid of `step_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .pools import CONDITIONS, DATA, WHERE
from .reference import PlainSignal

ACCOUNTS = ("acme.com", "acme.com", "beta.io")
SCORED_TYPES = tuple(DATA)
POINTS = (10, 20, 40, 5, 20, 7.5, -10, -20)
LINES = (5, 10, 20, 40, 15, 30, 2.5, 25, 50, 60)

Doc = dict[str, Any]


def spans(unit: str, *amounts: int) -> SearchStrategy[str]:
    """A short duration."""
    return st.sampled_from(amounts or (1, 2, 5, 10, 30)).map(lambda amount: f"{amount}{unit}")


def conditions(depth: int = 2) -> SearchStrategy[Doc]:
    """A condition on facts: one test, several side by side, or all, any, not around some."""
    leaf = st.sampled_from(CONDITIONS)
    if depth == 0:
        return leaf
    inner = st.lists(conditions(depth - 1), min_size=1, max_size=2)
    return st.one_of(
        leaf,
        leaf,
        inner.map(lambda them: {"all": them}),
        inner.map(lambda them: {"any": them}),
        conditions(depth - 1).map(lambda it: {"not": it}),
        st.tuples(leaf, inner).map(lambda both: {**both[0], "any": both[1]}),
    )


def decays(unit: str = "d") -> SearchStrategy[Any]:
    """Any decay but none, sometimes after a grace."""
    steps = st.lists(st.sampled_from((1, 3, 8, 20)), min_size=1, max_size=3, unique=True).map(
        lambda afters: [
            {"after": f"{after}{unit}", "keep": keep}
            for after, keep in zip(sorted(afters), (0.75, 0.5, 0.1), strict=False)
        ]
    )
    kinds = st.one_of(
        st.fixed_dictionaries({"half_life": spans(unit)}),
        st.fixed_dictionaries({"linear": spans(unit)}),
        st.fixed_dictionaries({"window": spans(unit)}),
        st.fixed_dictionaries({"steps": steps}),
    )
    graces: SearchStrategy[Doc] = st.one_of(
        st.just({}), st.just({}), st.fixed_dictionaries({"grace": spans(unit, 1, 3)})
    )
    return st.tuples(kinds, graces).map(lambda both: {**both[0], **both[1]})


@st.composite
def signal_rules(draw: st.DrawFn) -> Doc:
    """What a criterion is about: a type, and sometimes `where`."""
    kind = draw(st.sampled_from(SCORED_TYPES))
    rule: Doc = {"signal": kind}
    if draw(st.integers(0, 4)) == 4:
        rule["where"] = draw(st.sampled_from(WHERE[kind]))
    return rule


@st.composite
def criteria(draw: st.DrawFn, name: str, unit: str = "d", *, lifts: bool = False) -> Doc:
    """A criterion: on facts, on signals, or a surge. `lifts`: one on signals that can reach a tier."""
    points = draw(st.sampled_from((20, 40, 10) if lifts else POINTS))
    kind = "signal" if lifts else draw(st.sampled_from(("signal", "signal", "fact", "signal", "signal", "surge")))
    if kind == "fact":
        return {"id": name, "points": points, "when": draw(conditions())}
    rule: Doc = {"id": name, "points": points, **draw(signal_rules())}
    if draw(st.integers(0, 4)) == 4:
        rule["limit"] = {"count": draw(st.integers(1, 2)), "per": draw(spans(unit, 1, 7))}
    if kind == "surge":
        rule["surge"] = {
            "recent": draw(spans(unit, 1, 3, 7)),
            "baseline": draw(spans(unit, 3, 10)),
            "at_least": draw(st.sampled_from((1.0, 1.5, 2.0))),
            "min_count": draw(st.integers(1, 2)),
        }
        return rule
    if draw(st.integers(0, 7)) < 7:
        rule["decay"] = draw(decays(unit))
    cap = draw(st.sampled_from((None, None, "none", 15, 30, -15)))
    if cap is not None:
        rule["cap"] = cap
    factor = draw(st.sampled_from((None, None, "multiply", "points_by")))
    if factor == "multiply" and rule["signal"] == "content_consumption":
        rule["multiply"] = "weight"
    if factor == "points_by" and rule["signal"] == "funding_round":
        del rule["points"]
        rule["points_by"] = {"series": {"A": 10, "b": -20}}
    return rule


@st.composite
def gates(draw: st.DrawFn, name: str, unit: str = "d", *, requires: bool = False) -> Doc:
    """An exclusion or a requirement, on facts or on signals within a window."""
    rule: Doc = {"id": name}
    if draw(st.booleans()):
        rule["when"] = draw(conditions(1))
        if requires:
            rule["unknown"] = draw(st.sampled_from(("pass", "fail")))
        return rule
    rule |= draw(signal_rules())
    if draw(st.integers(0, 3)):
        rule["decay"] = {"window": draw(spans(unit, 1, 5, 20))}
    return rule


@st.composite
def tiers(draw: st.DrawFn, unit: str = "d") -> list[Doc]:
    """One to four tiers, highest first, entries and leaves descending, some with a dwell."""
    low = draw(st.sampled_from(((10,), (5,), (15,), (2.5,), (20,), ())))
    drawn = draw(st.lists(st.sampled_from(LINES), max_size=2, unique=True))
    entries = sorted({*low, *drawn}, reverse=True)
    count = len(entries)
    told: list[Doc] = []
    for place, entry in enumerate(entries):
        tier: Doc = {"name": f"t{place + 1}", draw(st.sampled_from(("enter", "enter", "enter_above"))): entry}
        below = entries[place + 1] if place + 1 < count else 0
        how = draw(st.integers(0, 3))
        if how == 0:
            tier["leave"] = (entry + below) / 2
        elif how == 1 and place + 1 == count:
            tier["leave"] = entry / 4
        if draw(st.integers(0, 2)) == 0:
            tier["dwell"] = draw(spans(unit, 1, 4))
        told.append(tier)
    return [*told, {"name": "rest"}]


@st.composite
def profiles(draw: st.DrawFn, name: str = "p", unit: str = "d") -> Doc:
    """A valid profile document of one to three groups with one to five criteria in all."""
    doc: Doc = {"profile": name, "version": 1, "groups": [], "tiers": draw(tiers(unit))}
    numbers = list(range(draw(st.integers(1, 5))))
    for place in range(draw(st.integers(1, min(3, len(numbers))))):
        own = [number for number in numbers if number % 3 == place] or [len(numbers) + place]
        group: Doc = {
            "name": f"g{place}",
            "criteria": [draw(criteria(f"c{number}", unit, lifts=number == 0)) for number in own],
        }
        if draw(st.integers(0, 4)) == 4:
            group["cap"] = draw(st.sampled_from((15, 30)))
        if draw(st.integers(0, 4)) == 4:
            group |= {"weight": draw(st.sampled_from((20, 60))), "out_of": draw(st.sampled_from((20, 40)))}
        doc["groups"].append(group)
    if draw(st.integers(0, 6)) == 6:
        doc["exclude"] = [draw(gates("x0", unit))]
    if draw(st.integers(0, 6)) == 6:
        doc["require"] = [draw(gates("r0", unit, requires=True))]
    if draw(st.integers(0, 5)) == 5:
        doc["score"] = draw(st.sampled_from(({"min": -50}, {"max": 45}, {"min": -10, "max": 200})))
    return doc


@st.composite
def signals(
    draw: st.DrawFn,
    accounts: Sequence[str] = ACCOUNTS,
    times: SearchStrategy[int] | None = None,
    kinds: Sequence[str] = SCORED_TYPES,
) -> PlainSignal:
    """One signal of a type that criteria look at, its identity and data from small pools."""
    kind = draw(st.sampled_from(kinds))
    return PlainSignal(
        account=draw(st.sampled_from(accounts)),
        source=draw(st.sampled_from(("x", "y"))),
        id=f"s{draw(st.integers(0, 40))}",
        type=kind,
        time=draw(times if times is not None else st.integers(0, 40).map(lambda days: days * 86_400_000)),
        data=draw(data_of(kind)),
    )


def data_of(kind: str) -> SearchStrategy[Doc]:
    """The data of a signal: each member one of its pool, left out where the pool says None."""
    members: Mapping[str, Sequence[Any]] = DATA[kind]
    drawn = st.fixed_dictionaries({member: st.sampled_from(pool) for member, pool in members.items()})
    return drawn.map(lambda data: {member: value for member, value in data.items() if value is not None})
