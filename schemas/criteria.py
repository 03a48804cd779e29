"""The lines of a profile: criteria, and what excludes or is required (SPEC 4)."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, WithJsonSchema, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError, core_schema

from schemas.conditions import Condition, is_number
from schemas.durations import MEND, PATTERN, parse_duration
from schemas.members import Number
from schemas.signals import COUNTED_TYPES
from schemas.trouble import Troubles

if TYPE_CHECKING:
    from schemas.trouble import Path

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
MOST_POINTS = 1e9


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        raise PydanticCustomError("form", "form", {"says": str(error)}) from None
    return text


def _known_type(name: str) -> str:
    if name not in COUNTED_TYPES:
        close = difflib.get_close_matches(name.casefold(), sorted(COUNTED_TYPES), n=1)
        mend = "one of " + ", ".join(sorted(COUNTED_TYPES)) + (f"; did you mean {close[0]}?" if close else "")
        context = {"says": "is not a signal that can be counted", "mend": mend}
        raise PydanticCustomError("form", "form", context)
    return name


Name = Annotated[str, Field(min_length=1, max_length=100, pattern=NAME)]
Points = Annotated[float, Number(-MOST_POINTS, MOST_POINTS)]
Positive = Annotated[float, Number(-MOST_POINTS, MOST_POINTS), Field(gt=0)]
Duration = Annotated[
    str, AfterValidator(_duration), WithJsonSchema({"type": "string", "pattern": PATTERN, "description": MEND})
]
SignalType = Annotated[
    str, AfterValidator(_known_type), WithJsonSchema({"type": "string", "enum": sorted(COUNTED_TYPES)})
]
Description = Annotated[str, Field(max_length=4_096)]


class Strict(BaseModel):
    """A part of a profile: a member nobody knows is a mistake, not an extension."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _told(cls, value: Any) -> Any:
        """A member without a value is a line half written: whoever reads the document need not think of null."""
        troubles = Troubles()
        if isinstance(value, dict):
            for name, part in value.items():
                if part is None:
                    troubles.add((str(name),), "has no value", "write one, or leave the member out")
        troubles.settle()
        return value


class HalfLife(Strict):
    """Half after each half-life."""

    half_life: Duration
    grace: Duration | None = None


class Linear(Strict):
    """In a straight line to nothing at this age."""

    linear: Duration
    grace: Duration | None = None


class Window(Strict):
    """Whole while younger than this, then nothing."""

    window: Duration
    grace: Duration | None = None


class Step(Strict):
    """From the age `after` on, the share `keep` (0 to 1) is left."""

    after: Duration
    keep: Annotated[float, Number(0, 1)]


class Steps(Strict):
    """Whole before the first step, then what the last step reached keeps."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=100)]
    grace: Duration | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Steps:
        troubles = Troubles()
        ages = [parse_duration(step.after) for step in self.steps]
        for index in range(1, len(ages)):
            if ages[index] <= ages[index - 1]:
                troubles.add(
                    ("steps", index, "after"), "does not come after the step before it", "write ascending ages"
                )
        troubles.settle()
        return self


class Either:
    """One of several forms, told apart by the member that only it has, or by being the word `none`.

    Pydantic's own tagged union cannot be used: its error takes a mapping, which a type alias cannot hash.
    """

    def __init__(self, forms: dict[str, Any], says: str, mend: str) -> None:
        self.forms, self.says, self.mend = forms, says, mend

    def _kind(self, value: Any) -> str | None:
        if isinstance(value, dict):
            return next((name for name in self.forms if name in value), None)
        if isinstance(value, str):
            return "none" if value == "none" else None
        return "number" if "number" in self.forms and is_number(value) else None

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.tagged_union_schema(
            {name: handler.generate_schema(form) for name, form in self.forms.items()},
            discriminator=self._kind,
            custom_error_type="form",
            custom_error_message="form",
            custom_error_context={"says": self.says, "mend": self.mend},
        )


_NONE = {"none": Literal["none"]}
_WINDOW = {"window": Window}
Decay = Annotated[
    Any,
    Either(
        _NONE | {"half_life": HalfLife, "linear": Linear, **_WINDOW, "steps": Steps},
        "is not a decay",
        "write none, {half_life: 30d}, {linear: 90d}, {window: 30d} or {steps: […]}",
    ),
]
WindowOnly = Annotated[Any, Either(_NONE | _WINDOW, "is not a window", "write none or {window: 90d}")]
Cap = Annotated[Any, Either(_NONE | {"number": Points}, "is not a cap", "write a number of points, or none")]


class Limit(Strict):
    """At most `count` signals count in each tumbling window of `per`, aligned to the epoch."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    per: Duration


class Surge(Strict):
    """Holds while the recent rate is `at_least` times the baseline's, with `min_count` recent signals or more."""

    recent: Duration
    baseline: Duration
    at_least: Positive
    min_count: Annotated[int, Field(ge=1, le=1_000_000)] = 1


_SIGNAL_ONLY = ("where", "multiply", "points_by", "decay", "cap", "limit", "surge")
_EXACTLY_ONE: JsonDict = {"oneOf": [{"required": ["when"]}, {"required": ["signal"]}]}


class Criterion(Strict):
    """One line of a profile: a fact that holds (`when`), or signals that came (`signal`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [_EXACTLY_ONE, {"oneOf": [{"required": ["points"]}, {"required": ["points_by"]}]}],
        }
    )

    id: Name
    description: Description | None = None
    when: Condition | None = None
    signal: SignalType | None = None
    where: Condition | None = None
    points: Points | None = None
    points_by: Annotated[dict[str, dict[str, Points]], Field(min_length=1, max_length=1)] | None = None
    multiply: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    decay: Decay | None = None
    cap: Cap | None = None
    limit: Limit | None = None
    surge: Surge | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Criterion:
        troubles = Troubles()
        if (self.when is None) == (self.signal is None):
            troubles.add((), "has not exactly one of when and signal", "write when for a fact, signal for an event")
        if (self.points is None) == (self.points_by is None):
            troubles.add((), "has not exactly one of points and points_by", "write points: 10")
        if self.when is not None:
            for name in _SIGNAL_ONLY:
                if getattr(self, name) is not None:
                    troubles.add(
                        (name,), "is for criteria on signals", "leave it out, or write signal in place of when"
                    )
        if self.points_by is not None:
            self._check_points_by(troubles)
        if self.surge is not None:
            for name in ("multiply", "points_by", "cap"):
                if getattr(self, name) is not None:
                    troubles.add((name,), "has no meaning beside surge, which gives its points or not", "leave it out")
            if self.decay not in (None, "none"):
                troubles.add(("decay",), "has no meaning beside surge, which ends by itself", "leave it out")
        troubles.settle()
        return self

    def _check_points_by(self, troubles: Troubles) -> None:
        assert self.points_by is not None
        if self.multiply is not None:
            troubles.add(("multiply",), "cannot stand beside points_by", "leave one of them out")
        for member, table in self.points_by.items():
            seen: dict[str, str] = {}
            if not table:
                troubles.add(("points_by", member), "lists no value", "write {value: points}")
            for value in table:
                other = seen.setdefault(value.casefold(), value)
                if other != value:
                    troubles.add(
                        ("points_by", member, value), f"is {other} again: values are read without case", "leave one out"
                    )


class Reason(Strict):
    """What excludes an account, or is required of it; a signal counts while it is within `decay.window`."""

    model_config = ConfigDict(json_schema_extra=_EXACTLY_ONE)

    id: Name
    description: Description | None = None
    when: Condition | None = None
    signal: SignalType | None = None
    where: Condition | None = None
    decay: WindowOnly | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Reason:
        troubles = Troubles()
        if (self.when is None) == (self.signal is None):
            troubles.add((), "has not exactly one of when and signal", "write when for a fact, signal for an event")
        if self.when is not None:
            for name in ("where", "decay"):
                if getattr(self, name) is not None:
                    troubles.add((name,), "is for reasons by signals", "leave it out, or write signal in place of when")
        troubles.settle()
        return self


class Requirement(Reason):
    """A hard floor; `unknown` says what a condition nobody can decide yet means to it."""

    unknown: Literal["pass", "fail"] | None = None


PARTS: dict[str, tuple[type[Strict], ...]] = {
    "criteria": (Criterion,), "exclude": (Reason,), "require": (Requirement,), "limit": (Limit,), "surge": (Surge,),
    "decay": (HalfLife, Linear, Window, Steps), "steps": (Step,),
}  # fmt: skip
"""What stands under each member of a profile that holds others."""


def members_meant(parts: dict[str, tuple[type[Strict], ...]], path: Path) -> str:
    """What to do about the unknown member at `path`: the known one it is like, else all that may stand there."""
    part = next((name for name in reversed(path[:-1]) if isinstance(name, str)), "")
    known = list(dict.fromkeys(name for model in parts.get(part, ()) for name in model.model_fields))
    close = [name for name in difflib.get_close_matches(str(path[-1]).casefold(), known) if name != path[-1]]
    if close:
        return f"check the spelling: did you mean {close[0]}?"
    return f"check the spelling, or leave it out; known here: {', '.join(n for n in known if n != path[-1])}"
