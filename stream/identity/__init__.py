"""Domain → account: which company a signal is about."""

from __future__ import annotations

from stream.identity.aliases import Aliases, AliasLoop, AliasRefused, Told, told_by
from stream.identity.canonical import Unidentifiable, canonical_account

__all__ = ["AliasLoop", "AliasRefused", "Aliases", "Told", "Unidentifiable", "canonical_account", "told_by"]
