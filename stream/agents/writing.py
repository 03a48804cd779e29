"""The stored form of an account as bytes, of which what stays as it was is not made again.

A header is written with every batch that has a signal of the account. Most of its bytes are the newest signals, of
which all but one or a few were in it before, and the facts, which seldom change.
"""

from __future__ import annotations

from typing import Any

import orjson

from stream.encoding import encoded
from stream.scoring.state import AccountState

NO_FACTS = (orjson.Fragment(b"{}"), orjson.Fragment(b"[]"))
"""As most accounts have it."""


class Writing:
    """Writes one account."""

    __slots__ = ("_count", "_edits", "_facts", "_facts_edits", "_rows")

    def __init__(self) -> None:
        self._count, self._edits = 0, 0
        self._rows = b"["
        """The stored form of so many open entries, after so many of their edits; what closes it is left out."""
        self._facts, self._facts_edits = NO_FACTS, 0
        """The stored form of the facts and of the signals that told them, after so many changes."""

    def write(self, state: AccountState, beside: dict[str, Any]) -> tuple[bytes, dict[int, bytes | None]]:
        """The header, with what is stored beside the state, and the chunks that changed (``None``: delete it)."""
        if state.facts_edits != self._facts_edits:
            facts, told = state.stored_facts()
            self._facts = orjson.Fragment(encoded(facts)), orjson.Fragment(encoded(told))
            self._facts_edits = state.facts_edits
        since = self._count if state.edits == self._edits else 0
        header, chunks = state.to_stored(since, self._facts, beside)
        if header["signals"] or not since:
            came = orjson.dumps(header["signals"])
            self._rows = self._rows + b"," + came[1:-1] if since else came[:-1]
            self._count, self._edits = len(state.open), state.edits
        header["signals"] = orjson.Fragment(self._rows + b"]")
        rows = {number: None if rows is None else encoded(rows) for number, rows in chunks.items()}
        return encoded(header), rows
