"""The plain form, made without any template: what a preview shows, and what is sent where a template fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain_parts(view: Mapping[str, Any]) -> dict[str, list[str]]:
    """Lines by part (title, body, footer), without markup."""
    body = _single(view) if view.get("kind") == "single" and "why" in view else _several(view)
    footer = [f"More: {view['link']}"] if view.get("link") else []
    return {"title": [str(view.get("headline") or "A tier change")], "body": body, "text": body, "footer": footer}


def change_line(change: Mapping[str, Any]) -> str:
    """A change as one line of a list."""
    moved = f"{change['from_tier']} → {change['to_tier']}" if change["from_tier"] else f"{change['to_tier']}"
    if change["direction"] == "merged":
        moved = "merged"
    return f"{change['name']}: {moved}, {_score(change, 'at ')}. {change['why']}"


def forecast(view: Mapping[str, Any]) -> str | None:
    """How long the tier lasts by itself."""
    if not view.get("until") or not view.get("next_tier"):
        return None
    span = f" ({view['days']} days)" if view.get("days") else ""
    return f"{view['to_tier']} until {view['until']}{span} if nothing else happens, then {view['next_tier']}"


def _score(view: Mapping[str, Any], still: str = "") -> str:
    """From what to what, as rounded; one number after `still` where that is the same."""
    if view["previous"] == view["score"]:
        return f"{still}{view['score']}"
    return f"{view['previous']} → {view['score']}"


def _single(view: Mapping[str, Any]) -> list[str]:
    lines = [f"{view['why']}" + (f", {view['day']}" if view["day"] else "") + "."]
    moved = f"{view['from_tier']} → {view['to_tier']}" if view["from_tier"] else f"first tier: {view['to_tier']}"
    if view["direction"] != "merged":
        lines.append(f"Score {_score(view)}, {moved}.")
    if view["reasons"]:
        lines.append("Out because of: " + "; ".join(view["reasons"]) + ".")
    told = forecast(view)
    if told:
        lines.append(told[:1].upper() + told[1:] + ".")
    for line in view["strongest"]:
        change = f" ({line['change']})" if line["change"] else ""
        evidence = ", ".join(item["link"] or item["name"] for item in line["evidence"][:1])
        lines.append(f"  {line['points']:>4} {line['words']}{change}" + (f" [{evidence}]" if evidence else ""))
    if view["gaps"]:
        gaps = ", ".join(f"{gap['words']} ({gap['points']})" for gap in view["gaps"])
        lines.append(f"Missing: {gaps}.")
    if view["company"]:
        lines.append(" · ".join(view["company"]))
    return lines


def _several(view: Mapping[str, Any]) -> list[str]:
    lines = ["They were not sent one by one, so that this place stays readable."] if view["kind"] == "overflow" else []
    lines += [change_line(change) for change in view.get("changes", ())]
    if view.get("more") and lines:
        lines.append(f"… and {view['more']} more")
    return lines
