"""What differs between the profiles somebody wrote and those in force: pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream.profiles.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stream.profiles.load import LoadedProfile

Key = tuple[str, str]
"""(profile, mode): a candidate in shadow stands beside the live one of the same name."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A version that is in force, and the digest of its document."""

    version: int
    digest: str


@dataclass(slots=True)
class Difference:
    """What to do to bring in force what was written; with `errors` nothing should be done."""

    activate: list[LoadedProfile] = field(default_factory=list)
    unchanged: list[LoadedProfile] = field(default_factory=list)
    retire: list[Key] = field(default_factory=list)
    errors: list[ProfileError] = field(default_factory=list)


def difference(written: Iterable[LoadedProfile], in_force: Mapping[Key, InForce]) -> Difference:
    """New and raised versions to activate, those of the same content to leave, and what is in force but not written.

    An error: other content under the version in force, or an older version: history would have two of one number.
    """
    result = Difference()
    seen: set[Key] = set()
    for profile in written:
        key = (profile.name, profile.mode)
        seen.add(key)
        now = in_force.get(key)
        if now is None or profile.version > now.version:
            result.activate.append(profile)
        elif profile.version == now.version and profile.digest == now.digest:
            result.unchanged.append(profile)
        else:
            message = (
                f"version: {profile.version} of {profile.name} is in force with other content"
                if profile.version == now.version
                else f"version: {profile.version} is older than {now.version}, which is in force"
            )
            place = profile.source.place(("version",))
            result.errors.append(
                ProfileError(str(profile.path), *place, message, f"raise version to {now.version + 1}")
            )
    result.retire = sorted(set(in_force) - seen)
    return result
