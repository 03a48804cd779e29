"""The README's commands, executed in order as a reader would, so that they cannot rot."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh( background)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[bool, str]]:
    """The README's shell blocks; whether each is to be left running."""
    return [(bool(found[1]), found[2]) for found in BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))]


def environment() -> dict[str, str]:
    """A new user's: the product on the path, no settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIERLINE_")}
    return clean | {"PATH": f"{Path(sys.executable).parent}:{clean['PATH']}", "TIERLINE_WEB_PORT": "0"}


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    """`make demo` and `make test` exist and would run the product and its tests."""
    _, first = blocks()[0]
    assert first.split("\n") == ["make demo", "make test", ""]
    for target, runs in (("demo", "tierline demo"), ("test", "pytest")):
        planned = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
        assert runs in planned.stdout


@pytest.mark.slow
def test_the_first_profile_and_signal(tmp_path: Path) -> None:
    """Every block after the first runs as written, and ends with a hot account that is explained."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    told, background = "", None
    try:
        for stays, block in blocks()[2:]:
            if stays:
                background = subprocess.Popen(
                    ["bash", "-euc", block.replace("tierline run", "exec tierline run")],
                    cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
                until = time.monotonic() + 30
                while not (tmp_path / "my" / "tierline.db").exists():
                    assert time.monotonic() < until
                    time.sleep(0.1)
                time.sleep(3)
                continue
            # what one block exports holds in those after it, as in one terminal
            done = subprocess.run(
                ["bash", "-euc", "export TIERLINE_BROKER=sqlite:///my/tierline.db\n" + block],
                cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
            told += done.stdout
    finally:
        if background is not None:
            background.send_signal(signal.SIGTERM)
            background.wait(15)
    assert re.search(r"acme\.com .*\bhot\b", told), told
    assert "Raised Series B of $25M" in told
    assert "Cools to warm" in told
    assert "new_sales_chief" in told, "what is missing is told, too"


def test_links_lead_somewhere() -> None:
    """Every file that the README links to exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text("utf-8")):
        assert (ROOT / target).exists(), target


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_small_demo_runs_through(tmp_path: Path) -> None:
    """The demo ends by itself, exit code 0: changes with their sentence, counts, the truth, what to try next."""
    done = subprocess.run(
        ["tierline", "demo", "--accounts", "150", "--days", "90"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    pieces = ("The last tier changes", "Accounts by tier", "Changes by cause", "Was hot", "tierline explain")
    for piece in pieces:
        assert piece in done.stdout, done.stdout
    assert "unexpected" not in done.stdout, "no record met a fault of ours"
