"""The contracts as JSON Schema files for editors, senders and consumers.

python -m schemas.publish            writes schemas/published
python -m schemas.publish --check    exit 1 where a file there is not what the models say
python -m schemas.publish --release  also makes them the baseline that later changes are held against
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.accounts import AccountScored
from schemas.alerts import AlertDecidedEvent, AlertDeliveryEvent
from schemas.asyncapi import document
from schemas.conditions import ITSELF
from schemas.envelope import TYPE_PREFIX, SignalEvent
from schemas.profiles import Profile
from schemas.rejected import Rejected
from schemas.routes import Routes
from schemas.signals import DATA_MODELS
from schemas.tiers import TierChanged

if TYPE_CHECKING:
    from pydantic import BaseModel

PUBLISHED = Path(__file__).parent / "published"
BASELINE = Path(__file__).parent / "baseline"
ASYNCAPI = "asyncapi.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
OUTPUTS: dict[str, type[BaseModel]] = {
    "tier-change": TierChanged,
    "account-score": AccountScored,
    "rejected": Rejected,
    "alert-decided": AlertDecidedEvent,
    "alert-delivery": AlertDeliveryEvent,
}
"""Contracts that others read; every other one is what others write."""


def schemas() -> dict[str, dict[str, Any]]:
    """Contract name → JSON Schema, every one self-contained."""
    result = {name: _schema(name, model) for name, model in OUTPUTS.items()}
    result["profile"] = _without_null(_schema("profile", Profile))
    result["routes"] = _without_null(_schema("routes", Routes))
    result["signal"] = _signal()
    for (suffix, version), model in DATA_MODELS.items():
        name = f"data.{suffix}.v{version}"
        result[name] = _schema(name, model)
    return dict(sorted(result.items()))


def _schema(name: str, model: type[BaseModel]) -> dict[str, Any]:
    schema: dict[str, Any] = _resolved(model.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, "$id": f"tierline:{name}", **schema}


def _resolved(node: Any) -> Any:
    if isinstance(node, dict):
        if ITSELF in node:
            return {"$ref": f"#/$defs/{node[ITSELF]}"}
        return {key: _resolved(value) for key, value in node.items()}
    return [_resolved(value) for value in node] if isinstance(node, list) else node


def _without_null(node: Any) -> Any:
    """A profile's members are written or left out, never null, though the models know the absent ones as None."""
    if isinstance(node, list):
        return [_without_null(value) for value in node]
    if not isinstance(node, dict):
        return node
    node = {key: _without_null(value) for key, value in node.items() if not (key == "default" and value is None)}
    forms = node.get("anyOf", [])
    if {"type": "null"} in forms:
        forms = [form for form in forms if form != {"type": "null"}]
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return {**forms[0], **rest} if len(forms) == 1 else {**rest, "anyOf": forms}
    return node


def _signal() -> dict[str, Any]:
    """The envelope, with `data` of the type that `type` says."""
    schema = _schema("signal", SignalEvent)
    definitions, rules, names = schema.setdefault("$defs", {}), [], []
    for (suffix, version), model in DATA_MODELS.items():
        data = model.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= data.pop("$defs", {})
        definitions[model.__name__] = data
        spelled = [f"{TYPE_PREFIX}{suffix}.v{version}"] + ([TYPE_PREFIX + suffix] if version == 1 else [])
        names += spelled
        rules.append(
            {
                "if": {"properties": {"type": {"enum": spelled}}, "required": ["type"]},
                "then": {"properties": {"data": {"$ref": f"#/$defs/{model.__name__}"}}},
            }
        )
    schema["properties"]["type"] = {"title": "Type", "type": "string", "enum": sorted(names)}
    return schema | {"allOf": rules}


def render(schema: dict[str, Any]) -> str:
    """The file's content: the same text for the same schema."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def contents() -> dict[str, str]:
    """File name → content of everything that is published: each contract, and the topics as AsyncAPI."""
    contracts = schemas()
    files = {f"{name}.json": render(schema) for name, schema in contracts.items()}
    return files | {ASYNCAPI: render(document(contracts))}


def drift(directory: Path = PUBLISHED) -> list[str]:
    """The names of files that are missing, stale or nobody's."""
    wanted = contents()
    there = {path.name: path.read_text("utf-8") for path in directory.glob("*.json")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def write(directory: Path) -> None:
    """Make the directory hold exactly the contracts."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = contents()
    for path in directory.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, "utf-8")


def main(arguments: list[str] | None = None) -> int:
    """The command line above; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m schemas.publish", description="The contracts as JSON Schema files."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is not up to date")
    parser.add_argument("--release", action="store_true", help="also make them the baseline for compatibility")
    options = parser.parse_args(arguments)
    if options.check:
        stale = drift()
        if stale:
            print(f"not up to date: {', '.join(stale)} (run python -m schemas.publish)", file=sys.stderr)
        return 1 if stale else 0
    write(PUBLISHED)
    if options.release:
        write(BASELINE)
    print(f"{len(schemas())} contracts in {PUBLISHED}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
