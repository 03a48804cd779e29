"""Bringing the profile directory into force at the start: what differs is appended to every partition, as a mark."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from schemas.times import format_time
from schemas.topics import PROFILES, SIGNALS
from stream.profiles import InForce, LoadedProfile, ProfileErrors, difference
from stream.settings import Settings
from stream.transports.records import Append
from stream.wire import encode_mark


def in_force(rows: Sequence[tuple[bytes, bytes]]) -> dict[tuple[str, str], InForce]:
    """What the compacted topic ``profiles`` says is in force: (profile, mode) → version and digest."""
    force: dict[tuple[str, str], InForce] = {}
    for key, value in rows:
        name, _, mode = key.decode().rpartition("/")
        row = orjson.loads(value)
        force[name, mode] = InForce(int(row["profile"]["version"]), row["digest"])
    return force


def activation(
    loaded: Sequence[LoadedProfile], force: dict[tuple[str, str], InForce], settings: Settings, now: int
) -> tuple[list[Append], list[str]]:
    """The records that bring a directory into force, and a sentence about each profile they change.

    Raises ProfileErrors where the directory cannot follow what is in force: then nothing is to be appended.
    """
    live = [profile for profile in loaded if profile.mode == "live"]
    change = difference(live, {key: value for key, value in force.items() if key[1] == "live"})
    if change.errors:
        raise ProfileErrors(change.errors)
    appends: list[Append] = []
    told: list[str] = []
    for profile in change.activate:
        row = {"profile": profile.document, "digest": profile.digest, "activated_at": format_time(now)}
        appends += _marks(settings, "profile_activated", {"profile": profile.document}, profile.name, now)
        appends.append(_force(settings, (profile.name, profile.mode), orjson.dumps(row)))
        told.append(f"profile {profile.name} version {profile.version} activated")
    for name, mode in change.retire:
        appends += _marks(settings, "profile_retired", {"profile": name}, name, now)
        appends.append(_force(settings, (name, mode), None))
        told.append(f"profile {name} retired: it is no longer in the directory")
    told += [f"profile {profile.name} is a shadow: checked, not run" for profile in loaded if profile.mode != "live"]
    return appends, told


def _marks(settings: Settings, kind: str, data: dict[str, object], name: str, now: int) -> list[Append]:
    value = encode_mark(kind, data, source=settings.source, time=now, id_=f"{kind}/{name}/{now}")  # type: ignore[arg-type]
    return [Append(settings.topic(SIGNALS), partition, None, value) for partition in range(settings.partitions)]


def _force(settings: Settings, key: tuple[str, str], value: bytes | None) -> Append:
    return Append(settings.topic(PROFILES), 0, f"{key[0]}/{key[1]}".encode(), value)
