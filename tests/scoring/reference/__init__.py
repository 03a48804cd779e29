"""The slow reference of scoring: plain, from scratch, over the whole history. It shares no code with the engine."""

from __future__ import annotations

from .replay import clamped, replay
from .scoring import score
from .values import AccountView, Item, Outcome, PlainSignal, ProfileView, ScoreResult, instant, iso, milliseconds

__all__ = [
    "AccountView",
    "Item",
    "Outcome",
    "PlainSignal",
    "ProfileView",
    "ScoreResult",
    "clamped",
    "instant",
    "iso",
    "milliseconds",
    "replay",
    "score",
]
