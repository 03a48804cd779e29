"""A profile's parts in words: conditions, decay, points, tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPERATORS = {
    "eq": "is",
    "ne": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "between": "is between",
    "has": "has",
    "has_any": "has any of",
    "has_all": "has all of",
    "matches": "matches",
}
UNITS = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


def condition(node: Any) -> str:
    """A condition, such as ``employees is at least 100 and country is one of US, CA``."""
    return " and ".join(_terms(node)) or "always"


def _terms(node: Mapping[str, Any]) -> list[str]:
    terms: list[str] = []
    for member, test in node.items():
        if member == "all":
            terms += [condition(part) for part in test]
        elif member == "any":
            terms.append("(" + " or ".join(condition(part) for part in test) + ")")
        elif member == "not":
            terms.append(f"not ({condition(test)})")
        else:
            terms += [_test(member, operator, operand) for operator, operand in test.items()]
    return terms


def _test(member: str, operator: str, operand: Any) -> str:
    if operator == "exists":
        return f"{member} is known" if operand else f"{member} is not known"
    if operator == "between":
        return f"{member} is between {value(operand[0])} and {value(operand[1])}"
    return f"{member} {OPERATORS.get(operator, operator)} {value(operand)}"


def value(operand: Any) -> str:
    """A value as a person writes it."""
    if isinstance(operand, bool):
        return "true" if operand else "false"
    if isinstance(operand, int):
        return f"{operand:,}"
    if isinstance(operand, float):
        return f"{operand:,g}"
    if isinstance(operand, list):
        return ", ".join(map(value, operand))
    return str(operand)


def duration(text: str) -> str:
    """``30d`` as ``30 days``."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = UNITS.get(text[len(number) :])
    return text if unit is None else f"{number} {unit}" + ("" if number == "1" else "s")


def decay(rule: Any) -> str:
    """How points fade, such as ``halves every 30 days, after 7 days of grace``."""
    if rule is None or rule == "none":
        return "for ever"
    grace = f", after {duration(rule['grace'])} of grace" if rule.get("grace") else ""
    if "half_life" in rule:
        return f"halves every {duration(rule['half_life'])}{grace}"
    if "linear" in rule:
        return f"fades evenly to nothing over {duration(rule['linear'])}{grace}"
    if "window" in rule:
        return f"whole for {duration(rule['window'])}, then nothing{grace}"
    if "steps" in rule:
        steps = ", ".join(f"{step['keep']:.0%} from {duration(step['after'])} on" for step in rule["steps"])
        return steps + grace
    return "for ever"


def worth(line: Mapping[str, Any]) -> str:
    """The points of a criterion, such as ``2 × weight, at most 22``."""
    if "points_by" in line:
        member, table = next(iter(line["points_by"].items()))
        text = f"by {member}: " + ", ".join(f"{name} {value(points)}" for name, points in table.items())
    else:
        text = "1 point" if line["points"] == 1 else f"{value(line['points'])} points"
        if line.get("multiply"):
            text += f" × {line['multiply']}"
    cap = line.get("cap")
    if cap == "none":
        text += " each"
    elif cap is not None:
        text += f" each, {'at most' if cap >= 0 else 'at least'} {value(cap)} in all"
    return text


def when(line: Mapping[str, Any]) -> str:
    """What a criterion asks for: a fact, or a signal and how it fades."""
    if "when" in line:
        return condition(line["when"])
    parts = [f"signal {line['signal']}" + (f" where {condition(line['where'])}" if line.get("where") else "")]
    if line.get("surge"):
        surge = line["surge"]
        parts.append(
            f"while the rate over {duration(surge['recent'])} is at least {value(surge['at_least'])} times that of the"
            f" {duration(surge['baseline'])} before, with {value(surge.get('min_count', 1))} or more"
        )
    else:
        parts.append(decay(line.get("decay")))
    if line.get("limit"):
        every = duration(line["limit"]["per"])
        each = f"a {every[2:]}" if every.startswith("1 ") else f"in {every}"
        parts.append(f"at most {line['limit']['count']} count {each}")
    return "; ".join(parts)


def tier(one: Mapping[str, Any]) -> str:
    """When an account is in a tier, such as ``from 60 points; stays down to 52; no demotion within 2 days``."""
    if "enter" in one:
        text = f"from {value(one['enter'])} points"
    elif "enter_above" in one:
        text = f"above {value(one['enter_above'])} points"
    else:
        return "everybody else"
    if "leave" in one:
        text += f"; stays down to {value(one['leave'])}"
    if one.get("dwell"):
        text += f"; no demotion within {duration(one['dwell'])}"
    return text


def gate(line: Mapping[str, Any]) -> str:
    """What an exclusion or a requirement asks for."""
    if "when" in line:
        text = condition(line["when"])
        return f"{text} (not known {'fails' if line['unknown'] == 'fail' else 'passes'})" if "unknown" in line else text
    text = f"signal {line['signal']}" + (f" where {condition(line['where'])}" if line.get("where") else "")
    rule = line.get("decay")
    if isinstance(rule, Mapping) and "window" in rule:
        return f"{text}, within the last {duration(rule['window'])}"
    return f"{text}, ever"
