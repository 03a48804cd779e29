"""What a message can say of an alert, as plain values: bounded, one-line, in words. Templates see nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from schemas.times import parse_time
from stream.delivery.message import Alert
from stream.delivery.rendering.text import one_line, safe_url
from stream.delivery.rendering.words import about, headline, number, reason, signed, when, why, words_of

STRONGEST = 3
GAPS = 3
LISTED = 20
"""Changes that a digest lists."""
EVIDENCE = 3
DAY = 86_400_000

View = dict[str, Any]


def view_of(alert: Alert, links: Mapping[str, str]) -> View:
    """The names that templates know (docs/alert-channels.md lists them). ``links``: URL templates by source."""
    changes = [change_view(document, alert, links) for document in alert.changes[:LISTED]]
    count = max(alert.count, len(alert.changes))
    view: View = {
        "kind": alert.kind,
        "count": count,
        "more": count - len(changes),
        "changes": changes,
        "link": safe_url(alert.link),
        "route": one_line(alert.route, 100),
    }
    title = one_line(alert.title or "", 100)
    if alert.kind == "single" and changes:
        view |= changes[0]
    else:
        view["headline"] = _many(alert, count) + (f": {title[:1].lower()}{title[1:]}" if title else "")
    return view


def change_view(document: Mapping[str, Any], alert: Alert, links: Mapping[str, str]) -> View:
    """One tier change. What is missing or of another shape is left out: a message is better than none."""
    data = _mapping(document.get("data")) or document
    account = one_line(data.get("account") or "an account", 120)
    facts = _mapping(alert.facts.get(str(data.get("account")))) or {}
    profile = one_line(data.get("profile") or "", 100)
    labels = alert.labels
    effective, ends = _moment(data.get("effective_at")), _moment(data.get("next_transition_at"))
    happened = _moment((_mapping(data.get("trigger")) or {}).get("occurred_at"))
    contributions = [
        _contribution(line, profile, labels, links) for line in _list(data.get("contributions")) if _mapping(line)
    ]
    view: View = {
        "account": account,
        "name": one_line(facts.get("name") or account, 120),
        "company": _company(facts, account),
        "profile": one_line(labels.get(profile, profile), 100),
        "version": number(data.get("profile_version")),
        "from_tier": _tier(data.get("from_tier")),
        "to_tier": _tier(data.get("to_tier")),
        "direction": one_line(data.get("direction") or "", 20),
        "cause": one_line(data.get("cause") or "", 20),
        "score": number(data.get("score")),
        "previous": number(data.get("previous_score")),
        "grade": one_line(data["grade"], 20) if data.get("grade") else None,
        "day": when(happened if happened is not None else effective),
        "summary": one_line(data.get("summary") or ""),
        "reasons": [reason(text, profile, labels) for text in _list(data.get("reasons"))[:3]],
        "strongest": _strongest(contributions),
        "lost": sorted((line for line in contributions if line["lost"]), key=lambda line: -line["lost"])[:STRONGEST],
        "gaps": _gaps(data, profile, labels),
        "until": when(ends),
        "days": round((ends - effective) / DAY) if ends is not None and effective is not None else None,
        "next_tier": _tier(data.get("next_tier")),
    }
    view["why"] = why(data)
    view["headline"] = headline(view)
    return view


def _contribution(
    line: Mapping[str, Any], profile: str, labels: Mapping[str, str], links: Mapping[str, str]
) -> dict[str, Any]:
    points, change = _float(line.get("points")), _float(line.get("change"))
    evidence = [_evidence(str(name), links) for name in _list(line.get("evidence"))[-EVIDENCE:]]
    return {
        "words": words_of(line.get("criterion")),
        "about": about(line.get("criterion"), profile, labels),
        "points": number(points),
        "of": number(line.get("of")) if line.get("of") is not None else None,
        "change": signed(change) if abs(change) >= 0.05 else None,
        "new": change >= 0.05 and points > 0,
        "lost": -change if change <= -0.05 else 0.0,
        "was": number(points - change),
        "evidence": evidence[::-1],  # the newest first
        "value": points,
    }


def _strongest(contributions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The three that give most, what is new among them: it is the reason for the call."""
    giving = [line for line in contributions if line["value"] >= 0.05]
    giving.sort(key=lambda line: -line["value"])
    top = giving[:STRONGEST]
    fresh = [line for line in giving if line["new"]]
    if fresh and len(giving) > STRONGEST and not any(line["new"] for line in top):
        top[-1] = fresh[0]
    return sorted(top, key=lambda line: (not line["new"], -line["value"]))


def _gaps(data: Mapping[str, Any], profile: str, labels: Mapping[str, str]) -> list[dict[str, str | None]]:
    found = [gap for gap in _list(data.get("gaps")) if _mapping(gap)]
    # what has faded or is below its cap is there already: a rep cannot act on it
    open_ = [gap for gap in found if gap.get("why") in ("unknown", "no signal", "not met")]
    open_.sort(key=lambda gap: -_float(gap.get("points")))
    return [
        {
            "words": words_of(gap.get("criterion")),
            "about": about(gap.get("criterion"), profile, labels),
            "points": number(gap.get("points")),
            "why": {"unknown": "not known", "no signal": "not seen", "not met": "not met"}[str(gap["why"])],
        }
        for gap in open_[:GAPS]
    ]


def _evidence(name: str, links: Mapping[str, str]) -> dict[str, str | None]:
    """Where a contribution comes from; linked where the configuration has a link for its source.

    An id that is a URL itself is not linked: whoever wrote the signal wrote it.
    """
    for source in sorted(links, key=len, reverse=True):
        if name.startswith(source + "/"):
            id_ = name[len(source) + 1 :]
            return {"name": one_line(source, 80), "link": safe_url(links[source].replace("{id}", quote(id_, safe="")))}
    return {"name": one_line(name, 80), "link": None}


def _many(alert: Alert, count: int) -> str:
    noun = "tier change" if count == 1 else "tier changes"
    return f"{count} more {noun}" if alert.kind == "overflow" else f"{count} {noun}"


def _company(facts: Mapping[str, Any], account: str) -> list[str]:
    """Who they are, in a few words each."""
    told = [account] if facts.get("name") else []
    told += [one_line(facts[name], 60) for name in ("industry",) if facts.get(name)]
    country = facts.get("country")
    if country:
        told.append(one_line(str(country).upper() if len(str(country)) == 2 else country, 60))
    if isinstance(facts.get("employees"), int | float):
        told.append("1 person" if facts["employees"] == 1 else f"{facts['employees']:,.0f} people")
    if facts.get("owner"):
        told.append(f"owner {one_line(facts['owner'], 60)}")
    return told


def _tier(value: Any) -> str | None:
    return one_line(value, 60) if value else None


def _moment(value: Any) -> int | None:
    try:
        return parse_time(value)
    except (TypeError, ValueError):
        return None


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e16 else 0.0


def _mapping(value: Any) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) and value else None


def _list(value: Any) -> list[Any]:
    return list(value[:1_000]) if isinstance(value, list | tuple) else []
