"""`validate_data`: the contract of a type applied to one `data`, on the hot path."""

from __future__ import annotations

from typing import Any

from pydantic_core import CoreConfig, SchemaValidator, ValidationError, core_schema

from schemas.facts import Facts, check_names, flatten_custom
from schemas.faults import BadMember, UnknownType, quote, render
from schemas.signals import DATA_MODELS


def _dict_validator(model: Any) -> tuple[SchemaValidator, dict[str, Any], frozenset[str]]:
    """A validator that gives what was told as a dict, without the cost of an instance.

    With it the defaults that are not null, and the names of the members that are known.
    """
    schema: dict[str, Any] = model.__pydantic_core_schema__
    definitions = schema.get("definitions")
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    core: Any = core_schema.typed_dict_schema(
        {name: _member(field["schema"]) for name, field in schema["fields"].items()},
        extra_behavior="allow",
        extras_schema=schema.get("extras_schema"),
        config=CoreConfig(strict=True),
    )
    if definitions:
        core = core_schema.definitions_schema(core, definitions)
    defaults = {
        name: field.default
        for name, field in model.model_fields.items()
        if not field.is_required() and field.default is not None
    }
    return SchemaValidator(core, CoreConfig(strict=True)), defaults, frozenset(model.model_fields)


def _member(schema: Any) -> Any:
    if schema["type"] == "default":
        return core_schema.typed_dict_field(schema["schema"], required=False)
    return core_schema.typed_dict_field(schema)


_VALIDATORS = {key: _dict_validator(model) for key, model in DATA_MODELS.items() if key[0] != "account_update"}
_FACTS, _, _KNOWN = _dict_validator(Facts)


def validate_data(suffix: str, version: int, data: Any) -> dict[str, Any]:
    """`data` as the core wants it (see schemas.signals); `account_update.facts` comes with `custom.` names flat.

    Raises UnknownType for a type or version that is not in DATA_MODELS, BadMember with every fault named otherwise.
    Pure; the input is not changed; lists and objects in it are shared with the output.
    """
    entry = _VALIDATORS.get((suffix, version))
    if entry is None:
        if (suffix, version) == ("account_update", 1):
            return _account_update(data)
        raise unknown_type(suffix, version)
    validator, defaults, known = entry
    try:
        members: dict[str, Any] = validator.validate_python(data)
    except ValidationError as error:
        raise BadMember(render(error.errors(include_url=False), "data", "bad member")) from None
    if None in members.values():
        members = {name: value for name, value in members.items() if value is not None or name not in known}
    return defaults | members if defaults else members


def unknown_type(suffix: str, version: int) -> UnknownType:
    """The error for a type, or a version of one, that this release does not know."""
    versions = sorted(v for name, v in DATA_MODELS if name == suffix)
    if versions:
        return UnknownType(
            f"type {suffix} has no version {version} here (this release reads v{versions[-1]}: upgrade, or send that)"
        )
    return UnknownType(
        f"{quote(suffix)} is not a signal type (one of {', '.join(sorted({n for n, _ in DATA_MODELS}))})"
    )


def _account_update(data: Any) -> dict[str, Any]:
    facts = data.get("facts") if isinstance(data, dict) else None
    if not isinstance(facts, dict):
        raise BadMember(
            f"bad member data.facts: {'is missing' if facts is None else quote(facts) + ' is not an object'} "
            '(write {"facts": {"employees": 120}})'
        )
    flat, faults = flatten_custom(facts)
    try:
        if faults:
            raise ValidationError.from_exception_data("facts", faults)
        members = _FACTS.validate_python(flat)
        if extra := {name: value for name, value in members.items() if name not in _KNOWN}:
            check_names(extra)
    except ValidationError as error:
        raise BadMember(render(error.errors(include_url=False), "data.facts", "bad member")) from None
    # a null that was told makes the fact unknown again; one that was not told is silence
    return {**data, "facts": {name: members[name] for name in flat}}
