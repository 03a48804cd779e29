"""Compiles the hot path to machine code with mypyc: the same source, the same results, less than half the time.

    python ops/compile.py            # in place, beside the source; `make` does it when a source is newer
    python ops/compile.py --clean    # the source alone again

Without a C compiler nothing is done, and everything works as it is written (ADR 0011).
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parents[1]
HOT = (
    "schemas/reading.py",
    "schemas/times.py",
    "schemas/validation.py",
    "stream/events.py",
    "stream/identity/canonical.py",
    "stream/scoring/*.py",
    "stream/transports/records.py",
    "stream/wire.py",
)
"""What runs for every signal, and is pure: no framework, no models."""


def sources(root: Path) -> list[str]:
    """The files to compile, relative to the root of the project."""
    found = (path for pattern in HOT for path in root.glob(pattern) if path.name != "__init__.py")
    return sorted(str(path.relative_to(root)) for path in found)


def compiled(root: Path) -> list[Path]:
    """What an earlier run has left beside the source."""
    ending = sysconfig.get_config_var("EXT_SUFFIX")
    beside = (root / source.replace(".py", ending) for source in sources(root))
    return [path for path in (*beside, root / f"tierline__mypyc{ending}") if path.exists()]


def has_compiler() -> bool:
    """Whether the compiler that this Python was made for, or another, is here."""
    named = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return which(named) is not None or which("cc") is not None


def compile_in_place(root: Path) -> list[Path]:
    """Compile, and tell what was made: nothing where there is no compiler, or it fails, and then it was said."""
    clean(root)
    if not has_compiler():
        print("No C compiler: Tierline runs as it is written, at half the speed or less. (Debian: apt install gcc)")
        return []
    print("Compiling the scoring (half a minute; again when it changes) …", flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--here"]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if done.returncode:
        clean(root)
        print(f"{done.stdout}\nThat did not compile. Tierline runs as it is written, at half the speed or less.")
    return compiled(root)


def clean(root: Path) -> None:
    """The source alone again."""
    for path in compiled(root):
        path.unlink()


def _compile_here() -> None:
    """Run mypyc and the C compiler, with all that they print, in the folder of the project."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    with tempfile.TemporaryDirectory() as scratch:
        modules = mypycify(sources(Path()), opt_level="3", target_dir=scratch, group_name="tierline")
        command = build_ext(Distribution({"name": "tierline", "ext_modules": modules}))
        command.inplace, command.force, command.build_temp, command.build_lib = True, True, scratch, scratch
        command.ensure_finalized()
        command.run()


def main() -> None:
    """The command."""
    match sys.argv[1:]:
        case ["--clean"]:
            clean(ROOT)
        case ["--here"]:
            _compile_here()
        case ["--sources"]:
            print(*sources(ROOT))
        case []:
            compile_in_place(ROOT)
        case other:
            sys.exit(f"{' '.join(other)}: --clean, --sources, or nothing")


if __name__ == "__main__":
    main()
