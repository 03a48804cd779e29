"""An ideal customer profile (SPEC 4) as a contract: `validate_profile(document)`.

The document stays a plain mapping everywhere (files, the log, the engine); the models here say whether it is a
profile, and are what the JSON Schema for editors is made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from schemas.bounds import group_scale
from schemas.criteria import (
    PARTS,
    Criterion,
    Description,
    Duration,
    Name,
    Points,
    Positive,
    Reason,
    Requirement,
    Strict,
    members_meant,
)
from schemas.faults import describe, path_text
from schemas.members import Day
from schemas.trouble import Troubles

if TYPE_CHECKING:
    from schemas.trouble import Path

DISQUALIFIED = "disqualified"
DEFAULT_LINES: tuple[float, ...] = (75, 50, 25)
_PERCENT = 100


class Group(Strict):
    """Criteria whose sum is bounded by `cap`, then rescaled to `weight` at `out_of`."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"weight": ["out_of"], "out_of": ["weight"]}})

    name: Name
    description: Description | None = None
    criteria: Annotated[list[Criterion], Field(max_length=1_000)]
    cap: Points | None = None
    weight: Positive | None = None
    out_of: Positive | None = None

    @model_validator(mode="after")
    def _rescaled(self) -> Group:
        troubles = Troubles()
        if (self.weight is None) != (self.out_of is None):
            missing = "out_of" if self.out_of is None else "weight"
            troubles.add((), "has only one of weight and out_of", f"write {missing} too")
        troubles.settle()
        return self


class Tier(Strict):
    """A tier; `enter` is reached at its line, `enter_above` beyond it, `leave` lost below its line."""

    name: Name
    description: Description | None = None
    enter: Points | None = None
    enter_above: Points | None = None
    leave: Points | None = None
    dwell: Duration | None = None

    @property
    def line(self) -> float | None:
        """The score this tier begins at; None on the last tier."""
        return self.enter if self.enter is not None else self.enter_above


class Span(Strict):
    """The score is clamped to this."""

    min: Points = 0
    max: Points = 100

    @model_validator(mode="after")
    def _rising(self) -> Span:
        troubles = Troubles()
        if self.min >= self.max:
            troubles.add(("min",), "is not below max", "write the lower bound as min")
        troubles.settle()
        return self


Lines = Annotated[
    list[Annotated[Positive, Field(lt=_PERCENT)]], Field(min_length=1, max_length=25)
]  # 25 lines make the rows A to Z


class Grid(Strict):
    """Two axes, each a sum of groups; the lines are percents of the most those groups can give."""

    rows: Annotated[list[Name], Field(min_length=1)]
    columns: Annotated[list[Name], Field(min_length=1)]
    row_lines: Lines | None = None
    column_lines: Lines | None = None

    @model_validator(mode="after")
    def _descending(self) -> Grid:
        troubles = Troubles()
        for name in ("row_lines", "column_lines"):
            lines = getattr(self, name) or []
            for index in range(1, len(lines)):
                if lines[index] >= lines[index - 1]:
                    troubles.add((name, index), "is not below the line before it", "write descending percents")
        named = self.rows + self.columns
        for index, group in enumerate(named):
            if group in named[:index]:
                place = ("rows", index) if index < len(self.rows) else ("columns", index - len(self.rows))
                troubles.add(place, f"{group} is on the grid already", "name each group once")
        troubles.settle()
        return self


class Profile(Strict):
    """An ideal customer profile: what makes an account worth it, what rules it out, and where the lines are."""

    profile: Name
    version: Annotated[int, Field(ge=1, le=2_147_483_647)]
    name: Description | None = None
    description: Description | None = None
    mode: Literal["live", "shadow"] = "live"
    revised: Annotated[Day, Field(description="the day it was last gone over")] | None = None
    groups: Annotated[list[Group], Field(max_length=100)]
    exclude: Annotated[list[Reason], Field(max_length=1_000)] = Field(default_factory=list)
    require: Annotated[list[Requirement], Field(max_length=1_000)] = Field(default_factory=list)
    score: Span = Span()
    grid: Grid | None = None
    tiers: Annotated[list[Tier], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _whole(self) -> Profile:
        troubles = Troubles()
        _check_names(self, troubles)
        _check_tiers(self.tiers, troubles)
        if self.grid:
            _check_grid(self, self.grid, troubles)
        troubles.settle()
        return self


def _check_names(profile: Profile, troubles: Troubles) -> None:
    groups: set[str] = set()
    ids: dict[str, str] = {}
    lines: list[tuple[Path, str]] = []
    for at, group in enumerate(profile.groups):
        if group.name in groups:
            troubles.add(("groups", at, "name"), f"{group.name} is the name of another group", "rename one")
        groups.add(group.name)
        lines += [(("groups", at, "criteria", i, "id"), c.id) for i, c in enumerate(group.criteria)]
    lines += [(("exclude", i, "id"), reason.id) for i, reason in enumerate(profile.exclude)]
    lines += [(("require", i, "id"), reason.id) for i, reason in enumerate(profile.require)]
    for place, name in lines:
        if name in ids:
            troubles.add(place, f"{name} is used at {ids[name]} already", "give each line an id of its own")
        ids.setdefault(name, path_text(place[:-1]))


def _check_tiers(tiers: list[Tier], troubles: Troubles) -> None:
    seen: set[str] = set()
    above: Tier | None = None
    for at, tier in enumerate(tiers):
        last = at == len(tiers) - 1
        if tier.name.casefold() == DISQUALIFIED:
            troubles.add(("tiers", at, "name"), "is the tier of excluded accounts", "choose another name")
        elif tier.name in seen:
            troubles.add(("tiers", at, "name"), f"{tier.name} is the name of another tier", "rename one")
        seen.add(tier.name)
        if last:
            for name in ("enter", "enter_above", "leave"):
                if getattr(tier, name) is not None:
                    troubles.add(
                        ("tiers", at, name),
                        "is a line on the last tier, which takes whatever is left",
                        "leave it out, or add a tier below",
                    )
            continue
        if (tier.enter is None) == (tier.enter_above is None):
            troubles.add(
                ("tiers", at),
                "has not exactly one of enter and enter_above",
                "write enter: 70 (70 and more) or enter_above: 70 (more than 70)",
            )
            continue
        line = tier.line or 0.0
        if tier.leave is not None and tier.leave > line:
            troubles.add(("tiers", at, "leave"), "is above the line it is entered at", f"write {line:g} or less")
        if above is not None and above.line is not None and not _below(tier, above):
            name = "enter" if tier.enter is not None else "enter_above"
            troubles.add(
                ("tiers", at, name),
                f"is not below the line of {above.name}, the tier above it",
                "write the highest tier first",
            )
        above = tier


def _below(tier: Tier, above: Tier) -> bool:
    """Whether some score enters `tier` and not `above`: at the same line only `enter` under `enter_above`."""
    high, low = above.line or 0.0, tier.line or 0.0
    return low < high or (low == high and above.enter is None and tier.enter is not None)


def _check_grid(profile: Profile, grid: Grid, troubles: Troubles) -> None:
    groups = {group.name: group for group in profile.groups}
    for axis in ("rows", "columns"):
        for at, name in enumerate(getattr(grid, axis)):
            if name not in groups:
                troubles.add(("grid", axis, at), f"{name} is not a group", f"write one of {', '.join(groups)}")
                continue
            most = group_scale(_document(groups[name]))
            if most is None or most <= 0:
                troubles.add(
                    ("grid", axis, at),
                    f"nobody knows the most that {name} can give, so it has no percents",
                    "give the group a weight and out_of, or a cap, or each of its criteria a cap",
                )


def _document(group: Group) -> dict[str, Any]:
    """The group as its document said it, as far as schemas.bounds reads it."""
    told = {name: value for name, value in group if value is not None}
    told["criteria"] = [{n: value for n, value in criterion if value is not None} for criterion in group.criteria]
    return told


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a profile: where, what, and what to write instead (may be empty)."""

    path: Path
    message: str
    mend: str

    def __str__(self) -> str:
        where = f"{path_text(self.path)}: " if self.path else ""
        return f"{where}{self.message}" + (f"; {self.mend}" if self.mend else "")


class ProfileInvalid(ValueError):
    """A document that is no profile, with every fault found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def validate_profile(document: object) -> Profile:
    """The document as a Profile; raises ProfileInvalid. The document is neither changed nor kept."""
    try:
        return Profile.model_validate(document)
    except ValidationError as error:
        faults = []
        for detail in error.errors(include_url=False):
            says, mend = describe(detail)
            path = _plain_path(detail["loc"])
            if detail["type"] == "extra_forbidden":
                mend = members_meant(_PARTS, path)
            faults.append(Fault(path, says, mend))
        raise ProfileInvalid(list(dict.fromkeys(faults))) from None


_PARTS = PARTS | {"": (Profile,), "groups": (Group,), "tiers": (Tier,), "score": (Span,), "grid": (Grid,)}
_TAGS = {"decay": {"none", "half_life", "linear", "window", "steps"}, "cap": {"none", "number"}}


def _plain_path(loc: Path) -> Path:
    """The place in the document: pydantic names the branch of a union too, which nobody has written."""
    return tuple(
        part
        for at, part in enumerate(loc)
        if not (at and isinstance(part, str) and part in _TAGS.get(str(loc[at - 1]), ()))
    )
