"""The facts an account can have: the known ones typed, and whatever a team adds under `custom.`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.config import JsonDict
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from schemas.conditions import is_number
from schemas.members import Amount, Count, Money, Text, Texts

CUSTOM = "custom."
OUTCOME_FACTS = frozenset({"last_outcome", "last_outcome_at"})  # set by opportunity_outcome alone
MOST_CUSTOM = 1_000
LONGEST_NAME = 200
_LONGEST_VALUE = 8_192

_CUSTOM_VALUE: JsonDict = {
    "type": ["string", "number", "boolean", "null", "array"],
    "items": {"type": ["string", "number", "boolean", "null"]},
}


def _fault(loc: tuple[str, ...], value: Any, says: str, mend: str = "", *, bare: bool = False) -> InitErrorDetails:
    return {
        "type": PydanticCustomError("fact", "fact", {"says": says, "mend": mend, "bare": bare}),
        "loc": loc,
        "input": value,
    }


def _scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_VALUE
    return value is None or isinstance(value, bool) or is_number(value)


def flatten_custom(facts: dict[str, Any]) -> tuple[dict[str, Any], list[InitErrorDetails]]:
    """The facts with `{"custom": {"plan": …}}` written as `custom.plan`, and what is wrong with the custom ones."""
    flat = {name: value for name, value in facts.items() if name != "custom"}
    faults: list[InitErrorDetails] = []
    nested = facts.get("custom")
    if nested is not None and not isinstance(nested, dict):
        faults.append(_fault(("custom",), nested, "is not an object", 'write {"plan": "pro"}'))
    elif nested:
        for name, value in nested.items():
            key = f"{CUSTOM}{name}"
            if key in flat:
                faults.append(
                    _fault(
                        ("custom", str(name)), value, f"is given twice, here and as {key}", "leave one out", bare=True
                    )
                )
            flat[key] = value
    custom = {name: value for name, value in flat.items() if name.startswith(CUSTOM)}
    if len(custom) > MOST_CUSTOM:
        faults.append(_fault((), None, f"more than {MOST_CUSTOM} custom facts", "send them in parts", bare=True))
        return flat, faults
    for name, value in custom.items():
        if not len(CUSTOM) < len(name) <= LONGEST_NAME:
            faults.append(_fault((name[:40],), value, "a custom fact's name has 1 to 190 characters", bare=True))
        if isinstance(value, list):
            if len(value) > 10_000 or not all(map(_scalar, value)):
                faults.append(
                    _fault((name,), value, "is no list of text, finite numbers and booleans", "at most 10000 entries")
                )
        elif isinstance(value, dict):
            faults.append(
                _fault(
                    (name,), value, "is one level too deep for a fact", f"write {name}.<member> for each of its members"
                )
            )
        elif not _scalar(value):
            faults.append(_fault((name,), value, "is not text of a sensible length, a finite number or a boolean"))
    return flat, faults


class Facts(BaseModel):
    """Firmographic and technographic attributes; `null` makes one unknown again, an absent one stays as it was."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        json_schema_extra={"patternProperties": {r"^custom\..+$": _CUSTOM_VALUE}, "additionalProperties": False},
    )

    name: Text | None = None
    industry: Text | None = None
    sub_industry: Text | None = None
    employees: Count | None = None
    annual_revenue_usd: Money | None = None
    country: Text | None = None
    region: Text | None = None
    stage: Text | None = None
    growth_rate: Amount | None = None
    technologies: Texts | None = None
    departments: Texts | None = None
    owner: Text | None = None
    territory: Text | None = None
    parent: Text | None = None
    custom: Annotated[Any, WithJsonSchema({"type": ["object", "null"], "additionalProperties": _CUSTOM_VALUE})] = Field(
        default=None, exclude=True
    )

    @model_validator(mode="after")
    def _known_or_custom(self) -> Facts:
        check_names(self.model_extra or {})
        return self


KNOWN_FACTS = frozenset(Facts.model_fields) - {"custom"}


def check_names(extra: dict[str, Any]) -> None:
    """Raise ValidationError for a fact that is neither known nor under `custom.`."""
    faults = []
    for name, value in extra.items():
        if name in OUTCOME_FACTS:
            faults.append(_fault((name,), value, "is set by opportunity_outcome", "send that type", bare=True))
        elif not name.startswith(CUSTOM):
            faults.append(
                _fault(
                    (name[:LONGEST_NAME],), value, "is not a known fact", f"put it under custom.{name[:40]}", bare=True
                )
            )
    if faults:
        raise ValidationError.from_exception_data("facts", faults)


def _read(value: Any) -> Any:
    """Custom facts flat, then the known ones typed: what is wrong in either is told together."""
    if not isinstance(value, dict):
        return value
    flat, faults = flatten_custom(value)
    if faults:
        raise ValidationError.from_exception_data("facts", faults)
    return flat


FactsMember = Annotated[Facts, BeforeValidator(_read)]
