"""Whether the hot path runs compiled, and whether what was compiled is what stands in the source (ADR 0011)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_ENDINGS = (".so", ".pyd")


def is_compiled() -> bool:
    """Whether this process scores with machine code."""
    from stream.scoring import engine

    return str(engine.__file__).endswith(_ENDINGS)


def behind(root: Path = _ROOT) -> list[Path]:
    """Sources of a checkout that were changed since they were compiled: what runs is not what they say."""
    if not (root / "pyproject.toml").exists():
        return []  # installed: both came together
    return [source for made, source in _pairs(root) if source.stat().st_mtime > made.stat().st_mtime]


def _pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    for package in ("stream", "schemas"):
        for ending in _ENDINGS:
            for made in (root / package).rglob(f"*{ending}"):
                source = made.with_name(made.name.partition(".")[0] + ".py")
                if source.exists():
                    yield made, source
