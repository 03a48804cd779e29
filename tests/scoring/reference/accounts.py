"""One account: what it accepted, its clock, and where it stands in each profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .counting import events, facts_of, matching
from .crossing import leeway_ms, next_transition
from .memory import FACTS, Memory
from .scoring import Prepared, prepare
from .tiers import DISQUALIFIED, direction, dwell_of, next_tier
from .values import AccountView, Identity, ProfileView, SignalLike, identity_of

ProfileDoc = Mapping[str, Any]


@dataclass
class Standing:
    """Where the account stands in one profile."""

    tier: str | None = None
    since: int = 0
    sequence: int = 0
    published: float = 0.0
    """The score of the last published change."""
    leeway: float = 2.0
    """How exactly `since` is known, in milliseconds."""


@dataclass
class Account:
    """Everything accepted about one account, and what came of it."""

    name: str
    memory: Memory
    clock: int
    accepted: list[SignalLike] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    facts_only: list[SignalLike] = field(default_factory=list)
    """Facts from before the floor: they hold, but count for no criterion, for they could be there twice."""
    _prepared: dict[str, tuple[ProfileDoc, Prepared]] = field(default_factory=dict)

    def accept(self, signal: SignalLike, clock: int) -> None:
        """Take in a record that was judged fit."""
        late = signal.type in FACTS and self.memory.before_floor((signal.time, signal.source, signal.id), clock)
        (self.facts_only if late else self.accepted).append(signal)
        self.memory.remember(signal, clock)
        self.clock = clock
        self._prepared.clear()

    def prepared(self, profile: ProfileDoc) -> Prepared:
        """The profile over what was accepted; kept until something is accepted or the profile changes."""
        known = self._prepared.get(profile["profile"])
        if known is None or known[0] is not profile:
            known = (profile, prepare(self.accepted, profile, self.facts_only))
            self._prepared[profile["profile"]] = known
        return known[1]

    def score(self, profile: ProfileDoc, now: int) -> float:
        """The score at a moment."""
        return self.prepared(profile).at(now).score

    def due(self, profile: ProfileDoc, until: int) -> tuple[int, str] | None:
        """The next transition in this profile up to a moment."""
        standing = self.standings.get(profile["profile"])
        if standing is None or standing.tier is None or until <= self.clock:
            return None
        return next_transition(self.prepared(profile), profile, (standing.tier, standing.since), self.clock, until)

    def starting(self, profile: ProfileDoc, now: int) -> Identity | None:
        """The signal that begins to count in the profile at this very moment (of several, the least identity)."""
        rules = [line for group in profile["groups"] for line in group["criteria"]]
        rules += [*(profile.get("exclude") or []), *(profile.get("require") or [])]
        counted = events(self.accepted)
        beginning = [
            one for rule in rules if "signal" in rule for one in matching(counted, rule) if one.time == now
        ]
        return min(map(identity_of, beginning), default=None)

    def settle(self, profile: ProfileDoc, *, cause: str, previous: float | None, trigger: Identity | None) -> Any:
        """Run the tier machine at the clock; the change if one is to be published, else None.

        `previous`: the score just before a record; None for what time alone did and where nothing was before.
        """
        name, tiers = profile["profile"], profile["tiers"]
        standing = self.standings.setdefault(name, Standing())
        now, result = self.clock, self.prepared(profile).at(self.clock)
        old = standing.tier
        new = next_tier(tiers, old, standing.since, result, now)
        if new == old:
            return None
        leeway = 2.0
        if cause in ("decay", "signal") and previous is None and old is not None:
            held = now == standing.since + dwell_of(tiers, old)
            leeway = standing.leeway if held else leeway_ms(self.prepared(profile), now)
        way = direction(tiers, old, new)
        standing.tier, standing.since, standing.leeway = new, now, leeway
        silent = new == tiers[-1]["name"] and way == "enter" and standing.sequence == 0
        if silent or (old is None and new == DISQUALIFIED):
            return None
        standing.sequence += 1
        before = standing.published if previous is None else previous
        standing.published = result.score
        return {
            "account": self.name,
            "profile": name,
            "profile_version": profile.get("version"),
            "sequence": standing.sequence,
            "from_tier": old,
            "to_tier": new,
            "direction": way,
            "cause": cause,
            "score": result.score,
            "previous_score": before,
            "effective_at": now,
            "trigger": trigger,
            "coverage": result.coverage,
            "leeway_ms": leeway,
        }

    def view(self, profiles: Mapping[str, ProfileDoc], now: int) -> AccountView:
        """The account as it stands at a moment."""
        shown: dict[str, ProfileView] = {}
        for name, profile in profiles.items():
            standing, result = self.standings[name], self.prepared(profile).at(now)
            shown[name] = ProfileView(
                tier=str(standing.tier),
                since=standing.since,
                sequence=standing.sequence,
                score=result.score,
                coverage=result.coverage,
                contributions=result.contributions,
                reasons=result.disqualified,
            )
        return AccountView(self.clock, facts_of([*self.accepted, *self.facts_only]), shown)
