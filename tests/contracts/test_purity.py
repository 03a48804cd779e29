"""The contracts stand on their own: pydantic and the standard library, nothing of ours around them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import schemas

FOLDER = Path(schemas.__file__).parent


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_contract_imports_nothing_of_ours(path: Path) -> None:
    """Anybody can take the schemas package alone: it imports pydantic, the standard library and itself."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    roots = {name.partition(".")[0] for name in imported}
    assert roots <= {"schemas", "pydantic", "pydantic_core"} | sys.stdlib_module_names


def test_every_file_stays_readable() -> None:
    """One idea a file, under three hundred lines."""
    assert [path.name for path in FOLDER.glob("*.py") if len(path.read_text("utf-8").splitlines()) >= 300] == []
