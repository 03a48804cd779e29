"""Whether the hot path runs compiled, and whether what was compiled is what stands in the source (ADR 0011)."""

from __future__ import annotations

import hashlib
import json
import sysconfig
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def is_compiled() -> bool:
    """Whether this process scores with machine code."""
    from stream.scoring import engine

    return not str(engine.__file__).endswith(".py")


def behind(root: Path = _ROOT) -> list[str]:
    """Sources of a checkout that are not what was compiled of them: what runs is not what they say."""
    ending = str(sysconfig.get_config_var("EXT_SUFFIX"))
    if not (root / "pyproject.toml").exists():
        return []  # installed: both came together
    made = [path for package in ("schemas", "stream") for path in (root / package).rglob(f"*{ending}")]
    if not made:
        return []
    try:
        known = json.loads((root / "tierline__mypyc.json").read_text())
    except (OSError, ValueError):
        known = {}
    if not (root / f"tierline__mypyc{ending}").exists():
        known = {}  # the modules would take that of another checkout
    sources = (path.with_name(path.name.removesuffix(ending) + ".py") for path in made)
    return [path.relative_to(root).as_posix() for path in sources if not _is_known(path, root, known)]


def _is_known(source: Path, root: Path, known: dict[str, str]) -> bool:
    digest = hashlib.sha256(source.read_bytes()).hexdigest() if source.exists() else None
    return digest is not None and known.get(source.relative_to(root).as_posix()) == digest
