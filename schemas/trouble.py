"""Raising what our own profile rules find, at the place in the document where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Path = tuple[int | str, ...]


class Troubles:
    """Collects faults below one place of the document; `settle` raises them together."""

    def __init__(self) -> None:
        self._found: list[InitErrorDetails] = []

    def add(self, path: Path, says: str, mend: str) -> None:
        """One fault: where, what is wrong in words that follow the place, and what to write instead."""
        context = {"says": says, "mend": mend, "bare": True}
        self._found.append({"type": PydanticCustomError("rule", "rule", context), "loc": path, "input": None})

    def settle(self) -> None:
        """Raise pydantic's ValidationError when there is any fault."""
        if self._found:
            raise ValidationError.from_exception_data("profile", self._found)


def only_one(of: dict[str, Any], names: Sequence[str]) -> str | None:
    """The one of `names` that is there, None when there are none or several."""
    there = [name for name in names if of.get(name) is not None]
    return there[0] if len(there) == 1 else None
