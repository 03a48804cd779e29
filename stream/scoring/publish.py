"""From a score to what is told about it: run the tier machine, number the change, explain it, and look ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from stream.scoring import crossing, explain
from stream.scoring.entries import Entry
from stream.scoring.place import Place
from stream.scoring.state import AccountState
from stream.scoring.values import DISQUALIFIED, Cause, Direction, Signal, Standing, TierChange, Trigger


def settle(
    state: AccountState,
    place: Place,
    cause: Cause,
    signal: Signal | None,
    before: Sequence[float],
    score_before: float | None,
    changes: list[TierChange],
) -> None:
    """Run the tier machine after a record; emit a change, or keep a bound on the next transition.

    ``before``: points by criterion just before it. ``score_before``: ``None`` where it is what they add up to.
    """
    now = state.clock
    values, tier = _ask(place, now)
    if tier != place.tier:
        _move(state, place, tier, cause, signal, before, score_before, values, changes)
    elif crossing.still(place, now, values):
        place.exact = place.due is None  # the moment itself is looked for when it is asked for, or has come
    else:
        _look_ahead(state, place, values)


def lift(
    state: AccountState,
    place: Place,
    cause: Cause,
    signal: Signal,
    entry: Entry,
    gain: float,
    changes: list[TierChange],
) -> None:
    """Run the tier machine after one more signal counts, and nothing else; ``gain`` as ``Place.count`` told.

    Where time can only lessen the score, a gain leaves the bound on the next transition in force, and most are too
    small to reach a line.
    """
    now = state.clock
    if not place.holds(now):
        values, tier = _ask(place, now)
        if tier != place.tier:
            place.discount(entry)  # sums are exact: out and in again leaves no trace
            before = place.values(now)
            place.count(entry, state.folded)
            _move(state, place, tier, cause, signal, before, None, values, changes)
            return
        if (gain == inf or not place.steady(now)) and not crossing.still(place, now, values):
            _look_ahead(state, place, values)
            return
    place.exact = place.due is None


def _ask(place: Place, now: int) -> tuple[list[float], str]:
    """Points by criterion, and the tier that the machine gives."""
    values = place.values(now)
    score, _ = place.profile.total(values)
    tier = place.profile.ladder.next(place.tier, score, shut=place.shut(now), now=now, since=place.since)
    if tier == place.tier:
        place.seen(values, score, now)
    return values, tier


def _move(
    state: AccountState,
    place: Place,
    tier: str,
    cause: Cause,
    signal: Signal | None,
    before: Sequence[float],
    score_before: float | None,
    values: list[float],
    changes: list[TierChange],
) -> None:
    if _is_quiet(place, tier):
        place.tier, place.since = tier, state.clock
        _look_ahead(state, place, values)
        return
    trigger = explain.trigger_of(signal, cause) if signal is not None else None
    named = dict(zip((line.id for line in place.profile.criteria), before, strict=True))
    if score_before is None:
        score_before = 0.0 if place.tier is None else place.profile.total(before)[0]
    _enter(state, place, tier, cause, trigger, named, score_before, values, changes)


def passed(state: AccountState, place: Place, moment: int, changes: list[TierChange]) -> None:
    """Time alone moved the account at ``moment``, which is its clock now."""
    tier = crossing.tier_at(place, moment)
    started = sorted((entry for book in place.books.values() for entry in book.at(moment)), key=lambda entry: entry.key)
    cause: Cause = "signal" if started else "decay"
    trigger = explain.trigger_of(started[0], cause) if started else None
    _enter(state, place, tier, cause, trigger, place.points, place.score, place.values(moment), changes)


def ended(state: AccountState, place: Place, into: str, trigger: Trigger, changes: list[TierChange]) -> None:
    """The account is another name of one by now: a last change, with what it stood on."""
    now = state.clock
    values = place.values(now)
    total = place.profile.total(values)
    place.sequence += 1
    last = _standing(state, place, now, values, total, None)
    last.next_transition_at = last.next_tier = None
    changes.append(
        TierChange(
            account=state.account,
            born=state.born,
            sequence=place.sequence,
            from_tier=place.tier,
            direction="merged",
            cause="merge",
            previous_score=total[0],
            effective_at=now,
            trigger=trigger,
            standing=last,
            summary=f"Merged into {into}.",
        )
    )


def standing(state: AccountState, place: Place, now: int) -> Standing:
    """The account in one profile as of ``now``, explained."""
    values = place.values(now)
    return _standing(state, place, now, values, place.profile.total(values), None)


def standing_until(state: AccountState, place: Place, now: int, by: float) -> tuple[Standing, int | None]:
    """The same, and the moment at which time alone will have moved its score by ``by`` points; ``None``: never."""
    values = place.values(now)
    total = place.profile.total(values)
    found = _standing(state, place, now, values, total, None)
    return found, crossing.next_drift(place, now, by, values, total) if place.books else None


def _standing(
    state: AccountState,
    place: Place,
    now: int,
    values: list[float],
    total: tuple[float, list[float]],
    before: Mapping[str, float] | None,
) -> Standing:
    """``before``: what ``change`` compares with (default: now)."""
    score, groups = total
    if not place.exact and place.due is not None:
        _look_ahead(state, place, values if now == state.clock else None)
    return Standing(
        profile=place.profile.name,
        profile_version=place.profile.version,
        score=score,
        tier=place.tier or place.profile.ladder.lowest,
        grade=place.profile.grade(groups),
        coverage=place.said.coverage,
        since=place.since,
        sequence=place.sequence,
        contributions=explain.contributions(state, place, now, values, before),
        gaps=explain.gaps(place, now, values),
        reasons=place.reasons(now),
        next_transition_at=place.due if place.exact else None,
        next_tier=crossing.tier_at(place, place.due) if place.exact and place.due is not None else None,
    )


def _enter(
    state: AccountState,
    place: Place,
    tier: str,
    cause: Cause,
    trigger: Trigger | None,
    before: dict[str, float],
    score_before: float,
    values: list[float],
    changes: list[TierChange],
) -> None:
    now, previous, quiet = state.clock, place.tier, _is_quiet(place, tier)
    place.tier, place.since = tier, now
    _look_ahead(state, place, values)
    if quiet:
        return
    place.sequence += 1
    now_standing = _standing(state, place, now, values, place.profile.total(values), before)
    fading = {line.id for line in place.profile.criteria if line.signals is not None}
    direction = _direction(place, previous if _is_known(place, previous) else None, tier)
    place.score = now_standing.score
    place.points = {
        line.id: points for line, points in zip(place.profile.criteria, values, strict=True) if points != 0.0
    }
    changes.append(
        TierChange(
            account=state.account,
            born=state.born,
            sequence=place.sequence,
            from_tier=previous,
            direction=direction,
            cause=cause,
            previous_score=score_before,
            effective_at=now,
            trigger=trigger,
            standing=now_standing,
            summary=explain.sentence(
                cause=cause,
                direction=direction,
                trigger=trigger,
                previous=score_before,
                score=now_standing.score,
                tier=tier,
                reasons=now_standing.reasons,
                next_at=now_standing.next_transition_at,
                next_tier=now_standing.next_tier,
                moved=[line for line in now_standing.contributions if line.criterion in fading],
            ),
        )
    )


def _is_quiet(place: Place, tier: str) -> bool:
    """Whether entering ``tier`` is no news: an account that was nowhere yet is nobody's, at the bottom or shut out."""
    lowest = place.profile.ladder.lowest
    if place.tier is None:
        return tier in (lowest, DISQUALIFIED)
    return place.sequence == 0 and tier == lowest and not _is_known(place, place.tier)


def _is_known(place: Place, tier: str | None) -> bool:
    """Whether the profile has such a tier; an older version may have had others."""
    return tier is None or tier == DISQUALIFIED or tier in place.profile.ladder.index


def _direction(place: Place, previous: str | None, tier: str) -> Direction:
    if tier == DISQUALIFIED:
        return "disqualified"
    if previous is None:
        return "enter"
    if previous == DISQUALIFIED:
        return "requalified"
    index = place.profile.ladder.index
    return "up" if index[tier] < index[previous] else "down"


def _look_ahead(state: AccountState, place: Place, values: list[float] | None = None) -> None:
    place.due, place.exact = crossing.next_transition(place, state.clock, values)
