"""The kinds a member of `data` can be, each strict, bounded, and with the words that say how to mend it.

Everything here runs inside pydantic-core except dates and times: no Python call a member on the hot path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from schemas.times import check_date, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 1e15  # no amount, count or weight of this trade is larger, and a product of two stays finite


class Number:
    """An integer or a float as it came (120 stays 120), finite, between two bounds; neither text nor a boolean."""

    def __init__(self, ge: float = -LARGEST, le: float = LARGEST) -> None:
        self.ge, self.le = ge, le

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        shown = f"{self.le:.0f}" if self.le >= 1e6 else f"{self.le:g}"
        bounds = " of 0 or more" if self.ge == 0 else "" if self.le >= 1e6 else f" from {self.ge:g} to {self.le:g}"
        if 0 < self.le < 1e6 and self.ge == 0:
            bounds = f" from 0 to {shown}"
        return core_schema.union_schema(
            [
                core_schema.int_schema(strict=True, ge=int(self.ge), le=int(self.le)),
                core_schema.float_schema(strict=True, ge=self.ge, le=self.le, allow_inf_nan=False),
            ],
            mode="left_to_right",
            custom_error_type="number",
            custom_error_message="number",
            custom_error_context={
                "says": f"is not a number{bounds}",
                "mend": f"write a finite number without quotes, at most {shown}",
            },
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "number", "minimum": self.ge, "maximum": self.le}


class OneOf:
    """One of a closed list of words, read without regard to case, kept in lower case."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.custom_error_schema(
            core_schema.chain_schema(
                [core_schema.str_schema(strict=True, to_lower=True), core_schema.literal_schema(list(self.words))]
            ),
            custom_error_type="one_of",
            custom_error_message="one_of",
            custom_error_context={"says": "is not one of " + ", ".join(self.words)},
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # JSON Schema has no case-blind enum: the list is for people and generators, the pattern for validators
        return {"type": "string", "anyOf": [{"enum": list(self.words)}, {"pattern": _any_case(self.words)}]}


def _any_case(words: tuple[str, ...]) -> str:
    spelled = ("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word) for word in words)
    return "^(" + "|".join(spelled) + ")$"


def _telling(check: Callable[[str], Any]) -> Callable[[str], str]:
    """The value as it came, when `check` has nothing against it."""

    def run(value: str) -> str:
        try:
            check(value)
        except ValueError as error:
            raise PydanticCustomError("form", "form", {"says": str(error)}) from None
        return value

    return run


Text = Annotated[str, Field(max_length=1_024)]
Named = Annotated[str, Field(min_length=1, max_length=1_024, pattern=r"\S")]  # text that says something
Identifier = Annotated[str, Field(min_length=1, max_length=512, pattern=r"\S")]
Url = Annotated[str, Field(max_length=4_096)]
Texts = Annotated[list[Text], Field(max_length=10_000)]
Money = Annotated[float, Number(ge=0)]
Amount = Annotated[float, Number()]
Count = Annotated[float, Number(ge=0)]
Fraction = Annotated[float, Number(ge=0, le=1)]
Percent = Annotated[float, Number(ge=0, le=100)]
Stars = Annotated[float, Number(ge=0, le=5)]
Day = Annotated[str, AfterValidator(_telling(check_date)), WithJsonSchema({"type": "string", "format": "date"})]
Moment = Annotated[
    str,
    AfterValidator(_telling(parse_time)),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "maxLength": 64,
            "pattern": r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$",
        }
    ),
]
