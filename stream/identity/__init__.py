"""Domain → account: which company a signal is about."""

from __future__ import annotations

from stream.identity.aliases import Aliases, AliasLoop
from stream.identity.canonical import Unidentifiable, canonical_account

__all__ = ["AliasLoop", "Aliases", "Unidentifiable", "canonical_account"]
