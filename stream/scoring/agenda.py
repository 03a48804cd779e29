"""What is to come: a moment for each of many accounts, and always the next of them.

Only the days that have begun to matter are in order. Of the others it is known who has a moment in them: an account
that is heard of all the time changes its moment as often, mostly within the same day, and nothing has to be moved for
that. An account is a number in all of it, so that a moment far away takes twelve bytes.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable

from stream.scoring.names import Names

DAY = 86_400_000
NEVER = -(1 << 63)
"""In place of a moment: none."""
BEFORE = NEVER // DAY
"""A day before all others."""
FEW = 1_000
"""Entries that nobody minds: fewer are not put in order, and not looked through for void ones."""


class Agenda:
    """One moment (epoch milliseconds) at most for each account."""

    def __init__(self, names: Names) -> None:
        """``names``: of the accounts; those that are new here are added to it."""
        self._names = names
        self._moments = array("q")
        """By number. All that follows says only where to look: an entry that is not as it says here is void."""
        self._some = 0
        """Accounts that have a moment."""
        self._days: dict[int, array[int]] = {}
        """Day → numbers of accounts that had a moment in it when it was last asked."""
        self._filed = 0
        """Entries in all days."""
        self._opened = BEFORE
        """Moments in days up to this one are among those that follow."""
        self._line = array("I")
        """Numbers of accounts in order, the next last …"""
        self._line_moments = array("q")
        """… and the moments that they were put in order by."""
        self._added: list[tuple[int, str, int]] = []
        """Those that came later, as a heap: moment, name, number."""

    def set(self, name: str, moment: int | None) -> None:
        """The moment of an account is another; None: it has none."""
        self.put(self._names.add(name), moment)

    def put(self, number: int, moment: int | None) -> None:
        """The same, by the account's number among the names."""
        moments = self._moments
        missing = number + 1 - len(moments)
        if missing > 0:
            moments.extend(array("q", [NEVER]) * missing)
        before: int = moments[number]
        after = NEVER if moment is None else moment
        if after == before:
            return
        moments[number] = after
        if before == NEVER:
            self._some += 1
        if after == NEVER:
            self._some -= 1
            return
        day = after // DAY
        if day <= self._opened:
            heapq.heappush(self._added, (after, self._names[number], number))
            if len(self._added) > FEW + len(self._line) // 8:
                self._file({*self._line, *[entry[2] for entry in self._added]})
        elif before // DAY != day:
            self._enter(day, number)
            if self._filed > 2 * self._some + FEW:  # void ones would only go as their days come
                self._days, self._filed = {}, 0
                self._file(range(len(moments)))

    def fill(self, moments: array[int]) -> None:
        """The moments of all accounts, by number, at once; ``NEVER`` for those that have none. There were none yet."""
        self._moments = moments
        for number in range(len(moments)):
            moment: int = moments[number]
            if moment != NEVER:
                self._some += 1
                self._enter(moment // DAY, number)

    @property
    def next(self) -> int | None:
        """The first moment of all."""
        moments, line, added = self._moments, self._line, self._added
        while True:
            while line and moments[line[-1]] != self._line_moments[-1]:
                self._next_in_line()
            while added and moments[added[0][2]] != added[0][0]:
                heapq.heappop(added)
            if line or added:
                break
            if not self._days:
                return None
            self._open()
            line = self._line
        if not line:
            return added[0][0]
        first: int = self._line_moments[-1]
        return min(first, added[0][0]) if added else first

    def pop(self) -> str:
        """The account whose moment is ``next``, which it has no more; of several the first by name."""
        moment = self.next
        if moment is None:
            raise IndexError("pop from an empty agenda")
        added = self._added
        in_line = bool(self._line) and self._line_moments[-1] == moment
        if in_line and added and added[0][0] == moment:
            in_line = self._names[self._line[-1]] < added[0][1]
        number: int = self._next_in_line() if in_line else heapq.heappop(added)[2]
        self._moments[number] = NEVER
        self._some -= 1
        return self._names[number]

    def _next_in_line(self) -> int:
        self._line_moments.pop()
        number: int = self._line.pop()
        return number

    def _open(self) -> None:
        """Put the accounts of the first day in order."""
        self._opened = day = min(self._days)
        entries = self._days.pop(day)
        self._filed -= len(entries)
        moments, names = self._moments, self._names
        line = [(moments[number], names[number], number) for number in set(entries) if moments[number] // DAY == day]
        line.sort(reverse=True)
        self._line = array("I", [entry[2] for entry in line])
        self._line_moments = array("q", [entry[0] for entry in line])

    def _file(self, numbers: Iterable[int]) -> None:
        """Into their days with all that are in order by now, and with them these accounts."""
        self._opened, self._line, self._line_moments, self._added = BEFORE, array("I"), array("q"), []
        for number in numbers:
            moment: int = self._moments[number]
            if moment != NEVER:
                self._enter(moment // DAY, number)

    def _enter(self, day: int, number: int) -> None:
        entries = self._days.get(day)
        if entries is None:
            entries = self._days[day] = array("I")
        entries.append(number)
        self._filed += 1
