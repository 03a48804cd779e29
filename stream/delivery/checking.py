"""What is worth a word about routes that can be used: names that no profile has, and channels that nobody uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stream.profiles import LoadedProfile


def warnings_of(document: Mapping[str, Any], profiles: Sequence[LoadedProfile]) -> list[str]:
    """One sentence each. Without profiles, nothing is said of theirs."""
    said = []
    live = {profile.name: profile for profile in profiles if profile.mode == "live"}
    tiers = {str(tier["name"]) for profile in live.values() for tier in profile.document["tiers"]} | {"disqualified"}
    used = set()
    for route in document["routes"]:
        name = route["route"]
        used |= {entry if isinstance(entry, str) else entry["channel"] for entry in route["to"]}
        if not live:
            continue
        said += [
            f"route {name}: there is no profile {one}; there is {', '.join(sorted(live))}"
            for one in route.get("profiles") or ()
            if one not in live
        ]
        said += [
            f"route {name}: no profile has a tier {one}; there is {', '.join(sorted(tiers))}"
            for one in route.get("tiers") or ()
            if one not in tiers
        ]
    said += [f"channel {name}: no route tells anybody there" for name in document["channels"] if name not in used]
    return said
