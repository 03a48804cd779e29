"""Installations for the tests of the worker: on a file, and on Kafka where a test's module says that it holds there.

A module with ``ON_KAFKA = True`` has each of its tests run on both.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.kafka.conftest import kafka_cluster  # noqa: F401  (a fixture)
from tests.kafka.places import made

from .processes import Installation


class Install(Protocol):
    """Makes an installation that is ended with the test."""

    def __call__(self, *profiles: str, **settings: Any) -> Installation: ...


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has tests run on Kafka, too."""
    if "install" in metafunc.fixturenames and getattr(metafunc.module, "ON_KAFKA", False):
        metafunc.parametrize("install", ["file", "kafka"], indirect=True)


@pytest.fixture
def install(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Install]:
    """A function that makes an installation from the text of its profiles."""
    on_kafka = getattr(request, "param", "file") == "kafka"
    where = request.getfixturevalue("kafka_cluster").environment() if on_kafka else None
    installations: list[Installation] = []

    def make(*profiles: str, **settings: Any) -> Installation:
        folder = tmp_path / f"installation-{len(installations)}"
        directory = folder / "profiles"
        directory.mkdir(parents=True)
        for number, text in enumerate(profiles):
            (directory / f"p{number}.yaml").write_text(text)
        if on_kafka:
            settings = {"topic_prefix": f"w{uuid.uuid4().hex[:8]}.", "kafka_session": "3s", **settings}
        installations.append(Installation(folder, directory, where=where, **settings))
        if on_kafka:
            made(installations[-1].settings)
        return installations[-1]

    yield make
    for installation in installations:
        installation.close()
