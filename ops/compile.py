"""Compiles the hot path to machine code with mypyc: the same source, the same results, less than half the time.

    python ops/compile.py            # in place, beside the source; `make` does it when a source has changed
    python ops/compile.py --clean    # the source alone again

Without a C compiler nothing is done, and everything works as it is written (ADR 0011).
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOT = (
    "schemas/reading.py",
    "schemas/times.py",
    "schemas/validation.py",
    "stream/agents/memory.py",
    "stream/agents/refusals.py",
    "stream/agents/scores.py",
    "stream/agents/shard.py",
    "stream/agents/table.py",
    "stream/agents/whole.py",
    "stream/agents/work.py",
    "stream/agents/writing.py",
    "stream/encoding.py",
    "stream/events.py",
    "stream/identity/canonical.py",
    "stream/scoring/*.py",
    "stream/transports/records.py",
    "stream/wire.py",
)
"""What runs for every signal, and is pure: no framework, no models."""

ENDING = str(sysconfig.get_config_var("EXT_SUFFIX"))
GROUP = f"tierline__mypyc{ENDING}"
"""The library that has the code of all; the modules beside the sources only name it."""
RECORD = "tierline__mypyc.json"
"""What was compiled: the digest of each source."""


def sources(root: Path) -> list[str]:
    """The files to compile, relative to the root of the project."""
    found = (path for pattern in HOT for path in root.glob(pattern) if path.name != "__init__.py")
    return sorted(path.relative_to(root).as_posix() for path in found)


def has_compiler() -> bool:
    """Whether the compiler that this Python was made for, or another, is here."""
    named = shlex.split(os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "")) or ["cc"]
    return shutil.which(named[0]) is not None or shutil.which("cc") is not None


def compiled(root: Path, into: Path) -> list[Path]:
    """Compile the sources below ``root`` into an empty folder; the files made, relative to it.

    Nothing where there is no compiler, or it fails: then it was said.
    """
    if not has_compiler():
        print("No C compiler: Tierline runs as it is written, at half the speed or less. (Debian: apt install gcc)")
        return []
    for package in ("schemas", "stream"):
        unmade = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
        shutil.copytree(root / package, into / package, ignore=unmade)
    shutil.copy(root / "pyproject.toml", into)
    known = {source: hashlib.sha256((into / source).read_bytes()).hexdigest() for source in sources(into)}
    print("Compiling the scoring (a minute or less; again when it changes) …", flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--here"]
    done = subprocess.run(command, cwd=into, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if done.returncode:
        print(f"{done.stdout}\nThat did not compile. Tierline runs as it is written, at half the speed or less.")
        return []
    (into / RECORD).write_text(json.dumps(known, indent=1))
    # the library first: a module that names it must find it, whenever this is killed
    return [Path(GROUP), *(Path(source).with_suffix(ENDING) for source in known), Path(RECORD)]


def compile_in_place(root: Path) -> None:
    """Compile, and put what was made beside the sources, in the place of what an earlier run has left."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        made = compiled(root, scratch)
        clean(root)
        for path in made:
            shutil.copy(scratch / path, root / f"{path}.new")
            (root / f"{path}.new").replace(root / path)


def clean(root: Path) -> None:
    """The source alone again, whatever Python it was compiled for."""
    found = [path for package in ("schemas", "stream") for path in (root / package).rglob("*.*") if _is_made(path)]
    for path in (*found, *root.glob("tierline__mypyc.*")):
        path.unlink(missing_ok=True)


def _is_made(path: Path) -> bool:
    return path.suffix in {".so", ".pyd"} or path.name.endswith((".so.new", ".pyd.new"))


def _compile_here() -> None:
    """Run mypyc and the C compiler, with all that they print, in this folder."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    modules = mypycify(sources(Path()), opt_level="3", target_dir="build", group_name="tierline")
    command = build_ext(Distribution({"name": "tierline", "ext_modules": modules}))
    command.inplace, command.force, command.build_temp, command.build_lib = True, True, "build", "build"
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
