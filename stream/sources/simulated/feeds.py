"""The feeds at work: from one company's life to the records about it, with twins, rumours and rubbish among them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from stream.sources.simulated import process, rates, telling
from stream.sources.simulated.delivery import Feed, Mailbag, Record, envelope, moment
from stream.sources.simulated.rates import DAY, HOUR, State

if TYPE_CHECKING:
    import random
    from collections import Counter

    from stream.sources.simulated.companies import Company

_RUMOURS: Final = ("funding", "data_hire", "surge", "pricing_view", "rival_drop")
_WEEKEND_WORKED: Final = 0.15
_MONDAY: Final = 4 * DAY  # the epoch was a Thursday


class Reporter:
    """Tells one company's life through the feeds."""

    def __init__(self, company: Company, rng: random.Random, start: int, end: int, faults: Counter[str]) -> None:
        """Report on `company` from `start` until `end` (epoch milliseconds), counting faults into `faults`."""
        self._company = company
        self._rng = rng
        self._start = start
        self._end = end
        self._faults = faults
        self._bag = Mailbag(company, rng, end, faults)
        self._stack = set(company.technologies)
        self._count = 0

    def report(self, life: process.Life) -> list[Record]:
        """Every record about the company, in no order."""
        if self._company.alias is not None:
            self._alias()
        refresh, facts = self._refreshes(), None
        for time, kind in life.happenings:
            while refresh and refresh[0] <= time:
                facts = self._facts(refresh.pop(0), facts)
            self._happening(time, kind)
        for time in refresh:
            facts = self._facts(time, facts)
        for _, end, state in life.spans:
            if state is State.BUYING and self._start < end < self._end:
                self._decision(end, life)
        return self._bag.records

    # -- events ---------------------------------------------------------------------------------------------------

    def _happening(self, time: int, kind: str) -> None:
        rng = self._rng
        self._count += 1
        mark = f"{self._company.index:05d}-{self._count}"
        time = max(self._start, _working_hours(rng, time))
        if kind == process.MALFORMED:
            self._rubbish(time)
        elif kind == process.RUMOUR:
            self._rumour(time, mark)
        else:
            feed, type_, data = telling.tell(kind, rng, self._company, self._stack, mark)
            told = self._bag.tell(feed, type_, time, data)
            if rng.random() < rates.TWIN.get(kind, 0.0):
                self._twin(telling.SECOND_SOURCE[feed], type_, time, data, told.recorded)
            if type_ == "job_posting":
                median, spread = rates.CLOSED_DAYS
                closed = time + int(rng.lognormvariate(math.log(median), spread) * DAY)
                self._bag.tell(feed, type_, closed, {**data, "state": "closed"})

    def _twin(self, feed: Feed, type_: str, time: int, data: dict[str, Any], first: int) -> None:
        """The same event from somebody else: another id, a date of its own, capitals where it likes them."""
        rng = self._rng
        again = {member: value for member, value in data.items() if member not in ("investors", "url", "technologies")}
        if "person" in again:
            again["person"] = again["person"].upper() if rng.random() < 0.3 else again["person"]
        when = time + int(rng.random() * rates.TWIN_DAYS * DAY)
        told = self._bag.tell(feed, type_, when, again)
        self._faults["twin"] += max(first, told.recorded) < self._end

    def _rumour(self, time: int, mark: str) -> None:
        """Something that never happened, and its retraction: after some days, or before it has even arrived."""
        rng = self._rng
        feed, type_, data = telling.tell(rng.choice(_RUMOURS), rng, self._company, self._stack, mark)
        first = rng.random() < rates.RETRACTED_FIRST
        arrives = time + int(rng.uniform(2.0, 12.0) * DAY) if first else None
        told = self._bag.tell(feed, type_, time, data, recorded=arrives)
        if first:
            taken_back = time + int(rng.uniform(0.1, 0.9) * (told.recorded - time))
        else:
            taken_back = told.recorded + int(rng.uniform(0.3, 12.0) * DAY)
        member = {"signal_id": told.id, "signal_source": told.source, "signal_time": moment(time)}
        self._bag.tell(feed, "retracted", taken_back, member, recorded=taken_back + HOUR // 60)
        if max(told.recorded, taken_back + HOUR // 60) < self._end:
            self._faults["retracted_first" if first else "retracted"] += 1

    def _rubbish(self, time: int) -> None:
        """A record that nobody can use, of one of the kinds that every intake meets."""
        rng, feed = self._rng, telling.WEB
        recorded = time + feed.delay(rng)
        kind = rng.choice(("not_json", "unknown_type", "bad_member", "free_mail", "future"))
        type_, subject, when = "intent_surge", self._company.domain, time
        data: dict[str, Any] = {"topic": "data quality", "score": 71}
        if kind == "unknown_type":
            type_ = "horoscope"
        elif kind == "bad_member":
            data["score"] = rng.choice((170, "high", None))
        elif kind == "free_mail":
            subject = f"{rng.choice(('dana', 'ola', 'priya'))}{rng.randrange(100)}@gmail.com"
        elif kind == "future":
            when = recorded + int(rng.uniform(1.0, 400.0) * DAY)
        value = envelope(feed, self._bag.next_id(feed), type_, subject, time=when, recorded=recorded, data=data)
        if kind == "not_json":
            value = value[: rng.randrange(20, len(value) - 20)]
        if self._bag.drop(recorded, self._company.domain.encode(), value):
            self._faults[kind] += 1

    # -- what changes facts ---------------------------------------------------------------------------------------

    def _alias(self) -> None:
        """A second domain, joined to the first some time in the first third."""
        company, time = self._company, self._start + int(self._rng.random() * (self._end - self._start) / 3)
        feed = telling.CRM
        recorded = time + feed.delay(self._rng)
        alias, data = str(company.alias), {"canonical": company.domain}
        value = envelope(feed, self._bag.next_id(feed), "account_alias", alias, time=time, recorded=recorded, data=data)
        if self._bag.drop(recorded, alias.encode(), value):
            self._bag.alias_since = recorded
            self._faults["alias"] += 1

    def _refreshes(self) -> list[int]:
        """When the firmographic vendor sends rows about the company: in the first hours, then now and then."""
        times = [self._start + int(self._rng.random() * 6 * HOUR)]
        while times[-1] < self._end:
            times.append(times[-1] + int((0.3 + self._rng.expovariate(1.0)) * rates.REFRESH_DAYS / 1.3 * DAY))
        rewrite = rewrite_time(self._start, self._end)
        if self._rng.random() < rates.REWRITE_SHARE:
            times.append(rewrite + int(self._rng.random() * 20 * HOUR))
        return sorted(time for time in times if time < self._end)

    def _facts(self, time: int, last: dict[str, Any] | None) -> dict[str, Any]:
        """Send the vendor's rows; on the day of the rewrite what it sent last, reformatted. Returns what holds now."""
        company, feed = self._company, telling.FIRMOGRAPHICS
        rewrite = rewrite_time(self._start, self._end)
        rewriting = last is not None and rewrite <= time < rewrite + DAY
        if last is None or not rewriting:
            facts = company.firmographics()
            if company.headcount_known:
                years = (time - self._start) / (365 * DAY)
                facts["employees"] = max(2, round(company.employees * (1 + company.growth_rate * years)))
            if company.technologies_known:
                facts["technologies"] = sorted(self._stack)
        else:
            facts = last
        sent = reformatted(facts) if rewriting else facts
        # the file comes in two parts, as such files do; nothing is recorded later than it is dated,
        # so that a rewrite never brings forward what an older row would have said
        technologies = {"technologies": sent["technologies"]} if "technologies" in sent else {}
        rest = {member: value for member, value in sent.items() if member != "technologies"}
        for part in (rest, technologies):
            if part:
                self._bag.tell(feed, "account_update", time, {"facts": part}, recorded=time)
                self._faults["rewrite"] += rewriting
        return facts

    def _decision(self, time: int, life: process.Life) -> None:
        """What became of the buying, where our own people were in it."""
        rng = self._rng
        if rng.random() < 0.5:
            decided = next((state for start, _, state in life.spans if start == time), State.DONE)
            stage = "won" if decided is State.DONE and rng.random() < 0.45 else "lost"
            data: dict[str, Any] = {"stage": stage, "amount_usd": 1_000 * rng.randrange(12, 160)}
            self._bag.tell(telling.CRM, "opportunity_outcome", time, data)


def rewrite_time(start: int, end: int) -> int:
    """When the firmographic vendor begins to send its whole file again: 02:00 UTC of some day, for all companies."""
    return (start + int((end - start) * rates.REWRITE_AT)) // DAY * DAY + 2 * HOUR


def reformatted(facts: dict[str, Any]) -> dict[str, Any]:
    """The same facts as a vendor writes them after a change of its software: no condition can tell the difference."""
    changed = dict(facts)
    changed["name"] = f"{facts['name']} Inc."
    changed["country"] = facts["country"].lower()
    changed["industry"] = facts["industry"].title()
    changed["stage"] = facts["stage"].upper()
    changed["region"] = facts["region"].upper()
    if "technologies" in facts:
        changed["technologies"] = [name.capitalize() for name in reversed(facts["technologies"])]
    return changed


def _working_hours(rng: random.Random, time: int) -> int:
    """The same event when people are at work: mostly not at the weekend, mostly in the afternoon by UTC."""
    day = time // DAY * DAY
    weekday = (day - _MONDAY) // DAY % 7
    if weekday >= 5 and rng.random() >= _WEEKEND_WORKED:
        day += (7 - weekday) * DAY
    hour = min(23.9, max(0.1, rng.gauss(16.0, 3.0)))
    return day + int(hour * HOUR)
