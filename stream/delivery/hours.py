"""Quiet hours and times of day where a recipient lives: pure, and right when clocks are put forward or back.

Moments are milliseconds since the epoch. Whether a moment is quiet is a matter of the clock on the recipient's wall
alone: an hour that comes twice is quiet twice, and one that never comes disturbs nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = 60_000
_GRID = 15
"""Minutes between two looks for the end of quiet hours, which leave at least an hour of each day."""
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody may be disturbed. `quiet`: from, until, in minutes since midnight; until may be the next day."""

    zone: ZoneInfo
    quiet: tuple[int, int] | None = None
    quiet_weekends: bool = False

    def is_quiet(self, moment: int) -> bool:
        """Whether the recipient is not to be disturbed now."""
        if self.quiet is None:
            return False
        wall = self._wall(moment)
        if self.quiet_weekends and wall.weekday() >= _SATURDAY:
            return True
        minute, (begin, end) = wall.hour * 60 + wall.minute, self.quiet
        return begin <= minute < end if begin < end else minute >= begin or minute < end

    def opens(self, moment: int) -> int:
        """The first moment, not before this one, that is not quiet. Whole minutes, but for `moment` itself."""
        if not self.is_quiet(moment):
            return moment
        at = moment - moment % MINUTE
        while self.is_quiet(at):
            at += _GRID * MINUTE
        while not self.is_quiet(at - MINUTE):
            at -= MINUTE
        return at

    def next_at(self, moment: int, minute: int) -> int:
        """The first moment after this one at which it is `minute` minutes past midnight there.

        Where that is quiet, the end of the quiet; on a day that skips this time, an hour later by the clock.
        """
        wall = self._wall(moment)
        for ahead in range(3):
            day = (wall + timedelta(days=ahead)).date()
            at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone)
            found = self.opens(int(at.timestamp()) * 1_000)
            if found > moment:
                return found
        raise AssertionError("a time of day comes every day")

    def _wall(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment / 1_000, UTC).astimezone(self.zone)
