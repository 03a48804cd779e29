"""Why an account scores what it scores: contributions with their evidence, gaps, and sentences a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stream.scoring.book import Book
from stream.scoring.entries import Entry
from stream.scoring.place import Place
from stream.scoring.state import AccountState
from stream.scoring.values import DISQUALIFIED, TOLERANCE, Cause, Contribution, Direction, Gap, Signal, Trigger, Why

EVIDENCE = 10
"""Signals named as evidence of one contribution, the newest."""

UNSEEN = 5e-7
"""Points that round to nothing where they are published."""

NEGLIGIBLE = 0.005
"""What is missing of a criterion below this is no gap worth telling: a signal of a minute ago has hardly faded."""

AGES = 1 << 48
"""Milliseconds after which whatever fades has faded."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def contributions(
    state: AccountState, place: Place, now: int, values: Sequence[float], before: Mapping[str, float] | None
) -> list[Contribution]:
    """Every criterion that gives points or changed.

    ``before``: points by criterion to compare with, where absent is 0; ``None``: nothing has changed.
    """
    found = []
    for number, points in enumerate(values):
        if before is None and abs(points) < UNSEEN:  # most
            continue
        criterion = place.profile.criteria[number]
        change = 0.0 if before is None else points - before.get(criterion.id, 0.0)
        if abs(points) < UNSEEN and abs(change) < UNSEEN:
            continue
        evidence = _evidence(state, place, number, now)
        found.append(Contribution(criterion.id, criterion.group, points, criterion.most, change, evidence))
    return found


def gaps(place: Place, now: int, values: Sequence[float]) -> list[Gap]:
    """What is missing to the most each criterion can give, in the order of the profile."""
    found = []
    missing, verdicts = place.profile.missing, place.said.criteria
    for number, criterion in enumerate(place.profile.criteria):
        most, points = criterion.most, values[number]
        if most is None or most <= 0 or most - points < NEGLIGIBLE:
            continue
        why: Why
        if criterion.when is not None:
            why = "unknown" if verdicts[number] is None else "not met"
        else:
            why = _why(place.books.get(number), points, now)
        gap = missing[number][why] if points == 0.0 else Gap(criterion.id, criterion.group, most - points, most, why)
        found.append(gap)
    return found


def _why(book: Book | None, points: float, now: int) -> Why:
    """Of a criterion that reads signals."""
    if book is None or not (book.folded is not None or book.counted.upto(now)):
        return "no signal"
    if book.rule.surge is not None:
        return "not met"
    if book.rule.cap is not None and points > TOLERANCE:
        return "below the cap"
    return "faded" if _has_faded(book, now) else "not met"


def _has_faded(book: Book, now: int) -> bool:
    """Whether its signals give less than they did, and not what is of less worth from the start."""
    strongest = book.strongest(now) if book.rule.cap is None else None
    age = AGES if strongest is None else now - strongest[0]
    return book.rule.decay.share(age) < 1.0


def _evidence(state: AccountState, place: Place, number: int, now: int) -> list[str]:
    criterion = place.profile.criteria[number]
    if criterion.when is not None:
        keys = [fact.key for member in criterion.reads if (fact := state.facts.get(member)) is not None]
        if len(keys) > 1:
            keys = sorted(set(keys))
        return [f"{source}/{id_}" for _, source, id_ in keys]
    book = place.books.get(number)
    if book is None:
        return []
    names: list[str] = []
    for entry in _standing(book, now):
        names.append(entry.name)
        names += [other.name for other in state.ledger.repeats(entry) if other.time <= now]
    return names[-EVIDENCE:]


def _standing(book: Book, now: int) -> list[Entry]:
    """The signals a criterion stands on now, oldest first."""
    rule = book.rule
    if rule.surge is not None:
        until = book.counted.upto(now)
        return book.counted.between(max(book.counted.upto(now - rule.surge.recent), until - EVIDENCE), until)
    if rule.cap is None:
        strongest = book.strongest(now)
        if strongest is None:
            return []
        time, points = strongest
        return [entry for entry in book.at(time) if rule.worth(entry.data) == points][-1:]
    found: list[Entry] = []
    for entry in reversed(book.counted):
        if len(found) == EVIDENCE or (rule.decay.ends is not None and now - entry.time >= rule.decay.ends):
            break
        if rule.worth(entry.data) * rule.decay.share(now - entry.time) != 0.0:
            found.append(entry)
    return found[::-1]


def trigger_of(signal: Signal | Entry, cause: Cause) -> Trigger:
    """The signal that moved an account, with what it says in words."""
    summary = f"took back {signal.data.get('signal_source')}/{signal.data.get('signal_id')}"
    if cause != "retraction":
        summary = describe(signal.type, signal.data)
    return Trigger(signal.id, signal.source, signal.type, signal.time, summary)


def describe(type_: str, data: Mapping[str, Any]) -> str:
    """A signal in words, such as ``hired Dana Roe as Chief Revenue Officer``."""
    get = {name: _text(value) for name, value in data.items()}.get
    money = f" of ${_short(data['amount_usd'])}" if isinstance(data.get("amount_usd"), int | float) else ""
    match type_:
        case "funding_round":
            series = get("series", "unknown")
            named = {"pre_seed": "a pre-seed round", "seed": "a seed round", "e_plus": "a late-stage round"}
            named |= {"debt": "debt", "grant": "a grant", "private_equity": "private equity", "ipo": "an IPO"}
            plain = "a round" if series == "unknown" else f"Series {series.upper()}"
            return f"raised {named.get(series, plain)}{money}"
        case "executive_hire":
            return f"hired {get('person') or 'somebody'} as {get('title')}"
        case "executive_departure":
            return f"lost {get('person') or 'somebody'}, {get('title')}"
        case "job_posting":
            return f"{'closed' if data.get('state') == 'closed' else 'opened'} a job: {get('title') or 'untitled'}"
        case "content_consumption":
            return f"read about {get('topic')}"
        case "intent_surge":
            return f"surged on {get('topic')}"
        case "technology_change":
            return f"{get('change')} {get('technology')}"
        case "competitor_review":
            return f"reviewed {get('competitor')}"
        case "layoff":
            return "laid people off"
        case "expansion":
            return f"expanded ({get('kind') or 'unspecified'})"
        case "acquisition":
            return f"was part of an acquisition ({get('role')})"
        case "announcement":
            return f"announced: {get('title') or get('kind')}"
        case "website_change":
            return f"changed its website ({get('kind') or 'unspecified'})"
        case "conference_attendance":
            return f"took part in {get('event')}"
        case "account_update":
            facts = data.get("facts")
            names = sorted(map(_text, facts)) if isinstance(facts, Mapping) else []
            more = f" and {len(names) - 3} more" if len(names) > 4 else ""
            return f"facts updated: {', '.join(names[:3] if more else names)}{more}"
        case "account_alias":
            return f"known as {get('old')}, too"
        case "opportunity_outcome":
            return f"opportunity {get('stage')}"
        case _:
            return type_.replace("_", " ")


def sentence(
    *,
    cause: Cause,
    direction: Direction,
    trigger: Trigger | None,
    previous: float,
    score: float,
    tier: str,
    reasons: Sequence[str],
    next_at: int | None,
    next_tier: str | None,
    moved: Sequence[Contribution],
) -> str:
    """The change in one or two sentences: why, from what to what, and when it ends by itself."""
    if trigger is not None:
        why = trigger.summary[:1].upper() + trigger.summary[1:]
    elif cause == "profile":
        why = "The profile changed"
    else:
        fading = (c for c in moved if abs(c.points) < abs(c.points - c.change) - TOLERANCE)
        faded = sorted(fading, key=lambda c: (-abs(c.change), c.criterion))
        why = "Time passed" + (f" ({', '.join(c.criterion for c in faded[:2])} faded)" if faded else "")
    to = f"{'out: ' + ', '.join(reasons)}" if tier == DISQUALIFIED else f"now {tier}"
    before, after = _points(previous), _points(score)
    text = f"{why}: {f'at {after}' if before == after else f'{before} → {after}'}, {to}."
    if direction == "requalified":
        text = text[:-1] + " (qualified again)."
    if next_at is not None and next_tier is not None:
        text += f" {_verb(tier, next_tier)} {next_tier} on {day(next_at)} if nothing else happens."
    return text


def _verb(tier: str, next_tier: str) -> str:
    if next_tier == DISQUALIFIED:
        return "Becomes"
    return "Returns to" if tier == DISQUALIFIED else "Cools to"


def day(moment: int) -> str:
    """``18 Feb 2027``, UTC."""
    when = datetime.fromtimestamp(moment // 1000, UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def _points(value: float) -> str:
    rounded = round(value, 1)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)


def _short(amount: float) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g}{unit}"
    return f"{amount:.0f}"


def _text(value: Any) -> str:
    """A member for a sentence: one line, bounded."""
    return " ".join(str(value).split())[:120]
