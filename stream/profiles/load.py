"""Profiles from a file or a directory: the impure shell, which reads and otherwise only asks the pure parts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.profiles import ProfileInvalid, validate_profile
from stream.profiles.document import MOST_BYTES, Document, read_document
from stream.profiles.errors import ProfileError, ProfileErrors
from stream.profiles.patterns import pattern_faults

ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A valid profile and where it came from. `digest` is the SHA-256 of what it says, comments and order aside."""

    path: Path
    document: dict[str, Any]
    digest: str
    source: Document = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """The profile's own name, not the file's."""
        return str(self.document["profile"])

    @property
    def version(self) -> int:
        """Its version."""
        return int(self.document["version"])

    @property
    def mode(self) -> str:
        """`live` or `shadow`."""
        return str(self.document.get("mode", "live"))

    def line(self, path: tuple[int | str, ...]) -> int:
        """The line of the file, from 1, on which the member at `path` stands."""
        return self.source.place(path)[0]


def digest_of(document: dict[str, Any]) -> str:
    """SHA-256, in hexadecimal, of the document as canonical JSON: the same for the same content however written."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def load_profile(path: Path | str) -> LoadedProfile:
    """One file. Raises ProfileErrors with all its faults, each with its line."""
    path = Path(path)
    file = str(path)
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise ProfileErrors(
            [ProfileError(file, 0, 0, f"cannot be read: {error.strerror}", "check path and rights")]
        ) from None
    source = read_document(file, content)
    try:
        validate_profile(source.value)
        faults = pattern_faults(source.value)
    except ProfileInvalid as error:
        faults = error.faults
    if faults:
        errors = []
        for fault in faults:
            line, column = source.place(fault.path)
            where = ".".join(str(part) for part in fault.path)
            message = f"{where}: {fault.message}" if where else fault.message
            called, mend = _called(source.value, fault.path), fault.mend
            if mend:
                mend += called
            else:
                message += called
            errors.append(ProfileError(file, line, column, message, mend))
        raise ProfileErrors(errors)
    return LoadedProfile(path, source.value, digest_of(source.value), source)


_LINES = {"criteria": "criterion", "exclude": "exclusion", "require": "requirement", "groups": "group", "tiers": "tier"}


def _called(document: Any, path: tuple[int | str, ...]) -> str:
    """What the author calls the place: ` (criterion cro_hire)`; empty where it has no name."""
    called, node = "", document
    for above, part in zip(("", *path), path, strict=False):
        try:
            node = node[part]
        except (LookupError, TypeError):
            break
        if above in _LINES and isinstance(node, dict):
            name = node.get("name" if above in ("groups", "tiers") else "id")
            called = f" ({_LINES[str(above)]} {name[:60]})" if isinstance(name, str) and name else called
    return called


def load_profiles(path: Path | str) -> list[LoadedProfile]:
    """A file, or every profile in a directory (not below it), by file name. Raises ProfileErrors with all faults.

    A directory without any profile is an error: it is a wrong path far more often than it is meant.
    """
    path = Path(path)
    if not path.is_dir():
        return [load_profile(path)]
    loaded: list[LoadedProfile] = []
    errors: list[ProfileError] = []
    files = sorted(p for p in path.iterdir() if p.suffix in ENDINGS and not p.name.startswith(".") and p.is_file())
    if not files:
        raise ProfileErrors(
            [ProfileError(str(path), 0, 0, "has no profile", f"put files ending in {', '.join(ENDINGS)} there")]
        )
    for file in files:
        try:
            loaded.append(load_profile(file))
        except ProfileErrors as error:
            errors += error.errors
    first: dict[tuple[str, str], LoadedProfile] = {}
    for profile in loaded:
        other = first.setdefault((profile.name, profile.mode), profile)
        if other is not profile:
            message = f"profile: {profile.name} ({profile.mode}) is in {other.path.name} already"
            place = profile.source.place(("profile",))
            errors.append(
                ProfileError(str(profile.path), *place, message, "rename one, or move one out of the directory")
            )
    if errors:
        raise ProfileErrors(errors)
    return loaded
