"""The words of a message: what happened to an account, as a person would put it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stream.delivery.rendering.text import one_line
from stream.scoring.explain import day

_END = re.compile(r"[.;] ")
SHORT = 90
"""Characters of a criterion's description in a message."""


def number(value: Any) -> str:
    """At most one decimal, none where it is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return "0" if value is None else one_line(value, 20)
    rounded = round(float(value), 1) + 0.0
    return (str(int(rounded)) if rounded == int(rounded) else str(rounded)).replace("-", "−")


def signed(value: float) -> str:
    """With its sign: ``+14``, ``−5.2``."""
    return ("+" if value >= 0 else "−") + number(abs(value))


def when(moment: int | None) -> str | None:
    """A day, UTC."""
    try:
        return None if moment is None else day(moment)
    except (OverflowError, ValueError, OSError):
        return None


def words_of(criterion: object) -> str:
    """A criterion's id in words."""
    return one_line(str(criterion or "a criterion").replace("_", " "), 60)


def about(criterion: object, profile: str, labels: Mapping[str, str]) -> str | None:
    """What the profile's author says of a criterion, to the end of the first thought; None where nothing is known."""
    told = one_line(labels.get(f"{profile}/{criterion}", ""), 1_000)
    return one_line(_END.split(told, maxsplit=1)[0].rstrip("."), SHORT) or None


def reason(text: object, profile: str, labels: Mapping[str, str]) -> str:
    """Why an account is out, such as ``excluded by layoffs``, with what the profile's author says of it."""
    said = one_line(text, 150)
    for word in said.split():
        told = about(word.strip(",:;()"), profile, labels)
        if told:
            return f"{said.replace('_', ' ')} ({told})"
    return said.replace("_", " ")


def why(data: Mapping[str, Any]) -> str:
    """What happened, as a sentence without a full stop."""
    trigger, cause = data.get("trigger"), data.get("cause")
    gained = [words_of(line.get("criterion")) for line in _moved(data, 1)]
    lost = [words_of(line.get("criterion")) for line in _moved(data, -1)]
    if cause == "profile":
        return "The profile changed"
    if cause == "merge" and (data.get("direction") == "merged" or not trigger):
        return one_line(data.get("summary") or "Merged", 250).rstrip(".")
    if data.get("direction") == "requalified" and cause == "decay":
        return "What kept it out has ended"
    reasons = data.get("reasons")
    if data.get("direction") == "disqualified" and cause == "fact" and isinstance(reasons, list) and reasons:
        said = one_line(reasons[0], 150).replace("_", " ")
        return said[:1].upper() + said[1:]
    if cause == "fact" and (gained or lost):
        parts = [f"now fits {_and(gained)}"] if gained else []
        parts += [f"no longer fits {_and(lost)}"] if lost else []
        return "New facts: " + ", ".join(parts)
    if cause == "retraction":
        return f"Taken back: {_and(lost)}" if lost else "A signal was taken back"
    if isinstance(trigger, Mapping) and trigger.get("summary"):
        told = one_line(trigger["summary"], 250).replace(" (unspecified)", "")
        if trigger.get("type") in ("account_update", "website_change"):
            told = told.replace("_", " ").replace("custom.", "")
        if gained and len(told.split()) < 3:  # "expanded" says little; which line of the profile it met says more
            told += f" ({gained[0]})"
        return told[:1].upper() + told[1:]
    return f"Faded with time: {_and(lost)}" if lost else "Time passed"


def headline(view: Mapping[str, Any]) -> str:
    """The line that a person sees first: who, and what now."""
    name, to, direction = view["name"], view["to_tier"], view["direction"]
    match direction:
        case "disqualified":
            return f"✕ {name} is out" + (f" (was {view['from_tier']})" if view["from_tier"] else "")
        case "merged":
            return f"⇢ {name} merged into another account"
        case "requalified":
            return f"▲ {name} is back in, {to}"
        case "down":
            return f"▼ {name} " + ("cooled" if view["cause"] == "decay" else "went down") + f" to {to}"
        case _:
            return f"▲ {name} is {to} now"


def _moved(data: Mapping[str, Any], sign: int) -> list[Mapping[str, Any]]:
    """The contributions that rose (1) or fell (-1), the greatest first."""
    lines = data.get("contributions")
    found = []
    for line in lines[:1_000] if isinstance(lines, list) else []:
        change = line.get("change") if isinstance(line, Mapping) else None
        if isinstance(change, int | float) and change * sign > 0.05:
            found.append((-abs(change), line))
    return [line for _, line in sorted(found, key=lambda pair: pair[0])]


def _and(words: list[str]) -> str:
    """``a, b and 2 more``."""
    if len(words) <= 3:
        return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{', '.join(words[:2])} and {len(words) - 2} more"
