"""Which account another name stands for: pure, in memory, built from the records of one point of order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Told = tuple[int, str, str]
"""Time (ms), source and id of the signal that told an alias."""

DEEPEST = 64  # names may be joined again and again; a chain longer than this is a feed gone wrong


def told_by(row: Mapping[str, Any]) -> Told | None:
    """Who told the alias of a row of the topic `aliases`, where it says so."""
    told = row.get("told")
    return (told[0], told[1], told[2]) if told else None


class AliasRefused(ValueError):
    """What would be done to aliases cannot be; nothing was changed."""

    reason: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AliasLoop(AliasRefused):
    """The alias would make a name stand for itself, or lengthen a chain past DEEPEST."""

    reason = "alias_loop"


class AliasHolds(AliasRefused):
    """An alias was to be taken back."""

    reason = "not_retractable"


class Aliases:
    """Old name → canonical name. Chains are kept as told and followed to their end."""

    __slots__ = ("_into", "_names", "_tellers", "_told")

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names: dict[str, str] = {}
        self._into: dict[str, set[str]] = {}  # the same pairs the other way round: joining must not search all names
        self._told: dict[str, Told] = {}
        self._tellers: set[tuple[str, str]] = set()  # source and id of those
        self.restore(names or {})

    def add(self, old: str, canonical: str, told: Told | None = None) -> bool:
        """`old` stands for `canonical` from now on. Whether that is news: the same alias again changes nothing.

        A name has one meaning: a newer alias of the same name replaces the older one, in order of `told`, the time,
        source and id of who says so; without it, the later one the earlier. Raises AliasLoop.
        """
        known = self._told.get(old)
        if told is not None and known is not None and told <= known:
            return False
        if self._names.get(old) == canonical:
            self._tell(old, told)
            return told is not None
        name, steps = canonical, 0
        while True:
            if name == old:
                raise AliasLoop(
                    f"alias {old} -> {canonical} would make {old} stand for itself "
                    f"({canonical} is already another name for it; send the alias the other way round, or not at all)"
                )
            following = self._names.get(name)
            if following is None:
                break
            name, steps = following, steps + 1
        if steps + 1 + self._chain_into(old) > DEEPEST:
            raise AliasLoop(
                f"alias {old} -> {canonical} makes a chain of more than {DEEPEST} names (send the last name of it)"
            )
        self.remove(old)
        self._tell(old, told)
        self._names[old] = canonical
        self._into.setdefault(canonical, set()).add(old)
        return True

    def remove(self, old: str) -> None:
        """`old` stands for itself again; nothing happens where it does already."""
        told = self._told.pop(old, None)
        if told is not None:
            self._tellers.discard(told[1:])
        canonical = self._names.pop(old, None)
        if canonical is not None:
            self._into[canonical].discard(old)
            if not self._into[canonical]:
                del self._into[canonical]

    def refuse_taking_back(self, source: str, id_: str) -> None:
        """Raise AliasHolds where that signal told an alias which is in force."""
        if (source, id_) in self._tellers:
            raise AliasHolds(
                f"{source}/{id_} is of type account_alias, which cannot be taken back; "
                "send a newer one that corrects it"
            )

    def resolve(self, name: str) -> str:
        """The account at the end of the chain; the name itself where it is no alias."""
        following = self._names.get(name)
        while following is not None:
            name, following = following, self._names.get(following)
        return name

    def names_of(self, canonical: str) -> list[str]:
        """Every other name that ends at this account, sorted."""
        found: set[str] = set()
        level = self._into.get(canonical, set())
        while level:
            found |= level
            level = {old for name in level for old in self._into.get(name, ())}
        return sorted(found)

    def become(self, other: Aliases) -> None:
        """Be as the other, which is of no use by itself any more."""
        self._names, self._into, self._told, self._tellers = other._names, other._into, other._told, other._tellers

    def snapshot(self) -> dict[str, str]:
        """A copy of all pairs, as told."""
        return dict(self._names)

    def restore(self, names: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Replace everything by a snapshot. Raises AliasLoop, and keeps what there was, when it has a loop."""
        before = self._names, self._into, self._told, self._tellers
        self._names, self._into, self._told, self._tellers = {}, {}, {}, set()
        try:
            for old, canonical in dict(names).items():
                self.add(old, canonical)
        except AliasLoop:
            self._names, self._into, self._told, self._tellers = before
            raise

    def __len__(self) -> int:
        return len(self._names)

    def _tell(self, old: str, told: Told | None) -> None:
        if told is not None:
            if (known := self._told.get(old)) is not None:
                self._tellers.discard(known[1:])
            self._told[old] = told
            self._tellers.add(told[1:])

    def _chain_into(self, name: str) -> int:
        """How many steps the longest chain that ends at `name` has."""
        depth, level = 0, self._into.get(name, set())
        while level and depth <= DEEPEST:
            level = {old for new in level for old in self._into.get(new, ())}
            depth += 1
        return depth
