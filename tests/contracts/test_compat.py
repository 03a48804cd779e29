"""The compatibility check bites: every kind of breaking change is told, and harmless ones are not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.compat import breaking_changes
from schemas.publish import schemas

Change = Callable[[dict[str, Any]], object]

BASE: dict[str, Any] = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "string", "enum": ["x", "y"], "maxLength": 10},
        "b": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 10}, {"type": "null"}]},
        "c": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "maxItems": 5},
    },
    "$defs": {"Item": {"type": "object", "properties": {"n": {"type": "integer"}, "again": {"$ref": "#/$defs/Item"}}}},
}

INPUT_BREAKS: dict[str, tuple[Change, str]] = {
    "member removed": (lambda s: s["properties"].pop("b"), "b: is gone"),
    "newly required": (lambda s: s["required"].append("b"), "b: is now required"),
    "word removed": (lambda s: s["properties"]["a"]["enum"].remove("y"), "a: no longer takes 'y'"),
    "words introduced": (lambda s: s["$defs"]["Item"]["properties"]["n"].update(enum=[1]), "c[].n: takes 1 alone"),
    "null no longer taken": (lambda s: s["properties"]["b"]["anyOf"].pop(), "b: no longer takes null"),
    "number to integer": (
        lambda s: s["properties"]["b"]["anyOf"][0].update(type="integer"), "b: no longer takes number",
    ),
    "type changed": (
        lambda s: s["$defs"]["Item"]["properties"]["n"].update(type="string"), "c[].n: no longer takes integer",
    ),
    "lower bound raised": (lambda s: s["properties"]["b"]["anyOf"][0].update(minimum=1), "b: minimum is now 1, was 0"),
    "upper bound lowered": (lambda s: s["properties"]["c"].update(maxItems=4), "c: maxItems is now 4, was 5"),
    "bound introduced": (lambda s: s["properties"]["a"].update(minLength=1), "a: minLength is now 1, was None"),
    "pattern introduced": (lambda s: s["properties"]["a"].update(pattern="x"), "a: pattern is now 'x'"),
    "closed": (lambda s: s.update(additionalProperties=False), "(root): no longer takes members it does not know"),
}  # fmt: skip
OUTPUT_BREAKS: dict[str, tuple[Change, str]] = {
    "member removed": (lambda s: s["properties"].pop("b"), "b: is gone"),
    "no longer certain": (lambda s: s["required"].remove("a"), "a: is no longer always there"),
    "word added": (lambda s: s["properties"]["a"]["enum"].append("z"), "a: may now be 'z'"),
    "words dropped": (lambda s: s["properties"]["a"].pop("enum"), "a: may now be other than 'x', 'y'"),
    "type changed": (lambda s: s["properties"]["a"].update(type="integer"), "a: may now be integer"),
    "integer to number": (
        lambda s: s["$defs"]["Item"]["properties"]["n"].update(type="number"), "c[].n: may now be number",
    ),
    "null may come": (lambda s: s["properties"]["b"]["anyOf"].append({"type": "string"}), "b: may now be string"),
    "bound loosened": (lambda s: s["properties"]["b"]["anyOf"][0].update(maximum=11), "b: maximum is now 11, was 10"),
}  # fmt: skip
INPUT_HARMLESS: dict[str, Change] = {
    "member added": lambda s: s["properties"].update(d={"type": "string"}),
    "word added": lambda s: s["properties"]["a"]["enum"].append("z"),
    "no longer required": lambda s: s["required"].remove("a"),
    "bound loosened": lambda s: s["properties"]["c"].update(maxItems=6),
    "bound dropped": lambda s: s["properties"]["a"].pop("maxLength"),
    "integer to number": lambda s: s["$defs"]["Item"]["properties"]["n"].update(type="number"),
}
OUTPUT_HARMLESS: dict[str, Change] = {
    "member added": lambda s: s["properties"].update(d={"type": "string"}),
    "newly certain": lambda s: s["required"].append("b"),
    "word never sent any more": lambda s: s["properties"]["a"]["enum"].remove("y"),
    "null never sent any more": lambda s: s["properties"]["b"]["anyOf"].pop(),
    "bound tightened": lambda s: s["properties"]["b"]["anyOf"][0].update(maximum=9),
}


def changed(change: Change) -> dict[str, Any]:
    schema = copy.deepcopy(BASE)
    change(schema)
    return schema


@pytest.mark.parametrize("name", INPUT_BREAKS)
def test_what_breaks_a_sender_is_told(name: str) -> None:
    """A change after which something that was accepted no longer is, is told with its place."""
    change, told = INPUT_BREAKS[name]
    assert any(line.startswith(told) for line in breaking_changes(BASE, changed(change), "input"))


@pytest.mark.parametrize("name", OUTPUT_BREAKS)
def test_what_breaks_a_consumer_is_told(name: str) -> None:
    """A change after which something may come that never came, is told with its place."""
    change, told = OUTPUT_BREAKS[name]
    assert any(line.startswith(told) for line in breaking_changes(BASE, changed(change), "output"))


@pytest.mark.parametrize("name", INPUT_HARMLESS)
def test_what_breaks_no_sender_passes(name: str) -> None:
    """Accepting more is not a breaking change of what others send."""
    assert breaking_changes(BASE, changed(INPUT_HARMLESS[name]), "input") == []


@pytest.mark.parametrize("name", OUTPUT_HARMLESS)
def test_what_breaks_no_consumer_passes(name: str) -> None:
    """Promising more is not a breaking change of what others read."""
    assert breaking_changes(BASE, changed(OUTPUT_HARMLESS[name]), "output") == []


@pytest.mark.parametrize("name", sorted(schemas()))
def test_no_contract_breaks_itself(name: str) -> None:
    """The check finds nothing between a contract and itself, references to itself included."""
    schema = schemas()[name]
    assert breaking_changes(schema, copy.deepcopy(schema), "input") == []
    assert breaking_changes(schema, copy.deepcopy(schema), "output") == []


def test_it_bites_on_the_real_contracts() -> None:
    """A member, a word or an operator dropped from the real contracts is noticed."""
    new = copy.deepcopy(schemas())
    del new["tier-change"]["$defs"]["TierChange"]["properties"]["summary"]
    del new["signal"]["$defs"]["FundingRound"]["properties"]["amount_usd"]
    new["data.funding_round.v1"]["properties"]["series"]["anyOf"][0]["enum"].remove("a")
    del new["profile"]["$defs"]["Condition"]["additionalProperties"]["properties"]["has_any"]
    old = schemas()
    assert breaking_changes(old["tier-change"], new["tier-change"], "output") == ["data.summary: is gone"]
    assert breaking_changes(old["signal"], new["signal"], "input") == ["data.amount_usd: is gone"]
    assert breaking_changes(old["data.funding_round.v1"], new["data.funding_round.v1"], "input") == [
        "series: no longer takes 'a'"
    ]
    assert any("has_any: is gone" in line for line in breaking_changes(old["profile"], new["profile"], "input"))
