"""The committed examples are held against the models and, as a stranger would, against the published schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import BaseModel, ValidationError

import schemas
from schemas.faults import ContractError, render
from schemas.publish import OUTPUTS, PUBLISHED
from schemas.reading import read_signal
from schemas.signals import DATA_MODELS
from stream.profiles import ProfileErrors, load_profile
from stream.profiles.document import read_document
from tests.shared_data import shared_data

EXAMPLES = Path(schemas.__file__).parent / "examples"
MODELS: dict[str, type[BaseModel]] = OUTPUTS


def files(kind: str, *contracts: str) -> list[Any]:
    found = [path for contract in contracts for path in sorted((EXAMPLES / contract / kind).iterdir())]
    return [pytest.param(path, id=f"{path.parent.parent.name}/{path.stem}") for path in found]


def published(contract: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((PUBLISHED / f"{contract}.json").read_text("utf-8")))


def complaint(contract: str, document: Any) -> str:
    """What the models say against a document, empty where they take it."""
    try:
        if contract == "signal":
            read_signal(document)
        else:
            MODELS[contract].model_validate(document)
    except ContractError as error:
        return error.message
    except ValidationError as error:
        return render(error.errors(include_url=False), "", "bad member")
    return ""


@pytest.mark.parametrize("path", files("valid", "signal", *MODELS))
def test_valid_example_passes_model_and_published_schema(path: Path) -> None:
    """What the examples call valid is taken by the code and by the published schema alike."""
    contract, document = path.parent.parent.name, json.loads(path.read_text("utf-8"))
    assert complaint(contract, document) == ""
    published(contract).validate(document)
    if contract == "signal":
        suffix = document["type"].removeprefix("tierline.signal.").removesuffix(".v1")
        published(f"data.{suffix}.v1").validate(document["data"])


@pytest.mark.parametrize("path", files("invalid", "signal", *MODELS))
def test_invalid_example_is_refused_with_the_words_it_expects(path: Path) -> None:
    """Every invalid example is refused, and the message names the member and the mend."""
    contract, example = path.parent.parent.name, json.loads(path.read_text("utf-8"))
    assert example["expect"] in complaint(contract, example["document"])
    if example["schema_says_so"]:
        assert not published(contract).is_valid(example["document"])


@pytest.mark.parametrize("path", files("valid", "signal", *(name for name in MODELS if name != "rejected")))
def test_valid_event_is_a_cloudevent(path: Path) -> None:
    """What we call valid is valid by CloudEvents' own schema too, of what we read and of what we publish."""
    official = json.loads((shared_data("cloudevents") / "cloudevents.json").read_text("utf-8"))
    document = json.loads(path.read_text("utf-8"))
    Draft7Validator(official, format_checker=Draft7Validator.FORMAT_CHECKER).validate(document)


def test_every_type_has_a_valid_example() -> None:
    """No signal type is published without an example of it."""
    assert {suffix for suffix, _ in DATA_MODELS} <= {path.stem for path in (EXAMPLES / "signal" / "valid").iterdir()}


@pytest.mark.parametrize("path", files("valid", "profile"))
def test_valid_profile_loads_and_passes_the_published_schema(path: Path) -> None:
    """A valid profile loads from its file, and an editor that knows the published schema marks nothing in it."""
    published("profile").validate(load_profile(path).document)


@pytest.mark.parametrize("path", files("invalid", "profile"))
def test_invalid_profile_is_refused_with_line_and_mend(path: Path) -> None:
    """Every invalid profile is refused with the line, the member and what to write instead."""
    first, second = path.read_text("utf-8").splitlines()[:2]
    with pytest.raises(ProfileErrors) as refused:
        load_profile(path)
    assert first.removeprefix("# expect: ") in str(refused.value)
    if second.endswith("yes"):
        assert not published("profile").is_valid(read_document(path.name, path.read_bytes()).value)
