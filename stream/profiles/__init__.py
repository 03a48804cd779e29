"""Profiles as files: loading, linting, and what differs from what is in force."""

from __future__ import annotations

from stream.profiles.errors import ProfileError, ProfileErrors
from stream.profiles.lint import Remark, lint, lint_all
from stream.profiles.load import LoadedProfile, digest_of, load_profile, load_profiles
from stream.profiles.versions import Difference, InForce, difference

__all__ = [
    "Difference",
    "InForce",
    "LoadedProfile",
    "ProfileError",
    "ProfileErrors",
    "Remark",
    "difference",
    "digest_of",
    "lint",
    "lint_all",
    "load_profile",
    "load_profiles",
]
