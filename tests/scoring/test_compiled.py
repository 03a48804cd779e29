"""The compiled core and its source are one: the same answers, and never an older compilation than the source."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from sysconfig import get_config_var

from ops.compile import has_compiler, sources
from stream.bench.load import make_load
from stream.compiled import behind, is_compiled
from tests.worker.processes import RUN

ROOT = Path(__file__).resolve().parents[2]
START_MS = 1_790_000_000_000
WALL_CLOCK = re.compile(rb'"(detected|rejected)_at":"[^"]*"')


def test_where_there_is_a_compiler_the_core_is_compiled() -> None:
    """All of the hot path, as the tests themselves use it."""
    assert is_compiled() is has_compiler(), "run `make compiled`"
    modules = [Path(source).with_suffix("").as_posix().replace("/", ".") for source in sources(ROOT)]
    files = [str(import_module(module).__file__) for module in modules]
    assert all(file.endswith(".py") is not is_compiled() for file in files), files


def test_the_source_and_what_was_compiled_give_the_same_bytes(tmp_path: Path) -> None:
    """A replay of a load with repeats and faults: changes, rejections and final scores, run as written and compiled."""
    as_written, signals = tmp_path / "as_written", tmp_path / "load.jsonl"
    for package in ("stream", "schemas"):
        without = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
        shutil.copytree(ROOT / package, as_written / package, ignore=without)
    signals.write_bytes(b"\n".join(entry.value for entry in make_load(6_000, 3, START_MS, accounts=700)))
    told = []
    for path in (as_written, ROOT):
        asks = "from stream.compiled import is_compiled; print(is_compiled())"
        where = {"env": os.environ | {"PYTHONPATH": str(path)}, "cwd": path, "capture_output": True}
        says = subprocess.run([sys.executable, "-c", asks], check=True, **where)
        assert says.stdout.strip() == str(path == ROOT and is_compiled()).encode()
        words = ["--profiles", str(ROOT / "examples" / "profiles"), "--signals", str(signals), "--scores"]
        done = subprocess.run([*RUN, "replay", *words], check=True, **where)
        told.append([WALL_CLOCK.sub(b"", out) for out in (done.stdout, done.stderr)])
    assert told[0] == told[1]
    assert told[0][0].count(b"\n") > 700


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    """What is not as it was when it was compiled is named, whatever its time; an installation is not looked at."""
    ending = str(get_config_var("EXT_SUFFIX"))
    (tmp_path / "stream").mkdir()
    source, group = tmp_path / "stream" / "engine.py", tmp_path / f"tierline__mypyc{ending}"
    source.write_text("one = 1")
    for path in (source.with_suffix(ending), source.with_suffix(".cpython-309-other.so"), group):
        path.touch()
    (tmp_path / "pyproject.toml").touch()
    assert behind(tmp_path) == ["stream/engine.py"], "nothing is known of it"
    record = tmp_path / "tierline__mypyc.json"
    record.write_text(json.dumps({"stream/engine.py": hashlib.sha256(b"one = 1").hexdigest()}))
    assert behind(tmp_path) == []
    group.unlink()
    assert behind(tmp_path) == ["stream/engine.py"], "its code would be another checkout's"
    group.touch()
    source.write_text("one = 2")
    os.utime(source, (1_000, 1_000))
    assert behind(tmp_path) == ["stream/engine.py"]
    source.unlink()
    assert behind(tmp_path) == ["stream/engine.py"], "it would be imported all the same"
    (tmp_path / "pyproject.toml").unlink()
    assert behind(tmp_path) == []
