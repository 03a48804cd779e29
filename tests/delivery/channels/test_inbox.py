"""The inbox: readable, complete, and no trouble to anybody when its disk is full."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from stream.delivery.channels import build_channels
from stream.delivery.channels.inbox import MOST_BYTES
from stream.delivery.message import Channel, Delivered, TryAgain
from stream.delivery.rendering.sample import samples


def channel(folder: Path) -> Channel:
    return build_channels({"c": {"kind": "inbox", "folder": str(folder)}}, {}, clock=lambda: 1_767_225_600.0)["c"]


async def test_both_files_say_the_same(tmp_path: Path) -> None:
    """People read alerts.txt, programs a line of alerts.jsonl with key, route, accounts and the text."""
    inbox = channel(tmp_path / "deep" / "inbox")
    for number, name in enumerate(("up", "digest", "overflow")):
        assert isinstance(await inbox.deliver(replace(samples()[name], key=str(number))), Delivered)
    lines = [json.loads(line) for line in (tmp_path / "deep/inbox/alerts.jsonl").read_text().splitlines()]
    told = (tmp_path / "deep/inbox/alerts.txt").read_text()
    assert [line["key"] for line in lines] == ["0", "1", "2"]
    assert lines[0]["accounts"] == ["acme.com"]
    assert lines[0]["at"] == "2026-01-01T00:00:00Z"
    for line in lines:
        assert f"{line['title']}\n[hot-accounts, to c, 2026-01-01T00:00:00Z]\n\n{line['text']}" in told


async def test_a_line_that_a_crash_cut(tmp_path: Path) -> None:
    """It counts as not told, and the next line stands on its own."""
    await channel(tmp_path).deliver(replace(samples()["up"], key="one"))
    with (tmp_path / "alerts.jsonl").open("ab") as file:
        file.write(b'{"key": "two", "tit')
    again = channel(tmp_path)
    for key in ("one", "two"):
        assert isinstance(await again.deliver(replace(samples()["up"], key=key)), Delivered)
    whole = [line for line in (tmp_path / "alerts.jsonl").read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["key"] for line in whole] == ["one", "two"]


async def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    """A full disk and a folder that cannot be are worth another attempt; afterwards the message is there."""
    (tmp_path / "alerts.txt").symlink_to("/dev/full")
    inbox = channel(tmp_path)
    outcome = await inbox.deliver(samples()["up"])
    assert isinstance(outcome, TryAgain)
    assert "No space left on device" in outcome.reason
    (tmp_path / "alerts.txt").unlink()
    assert isinstance(await inbox.deliver(samples()["up"]), Delivered)
    assert "is hot now" in (tmp_path / "alerts.txt").read_text()
    (tmp_path / "file").touch()
    assert isinstance(await channel(tmp_path / "file" / "inbox").deliver(samples()["up"]), TryAgain)


async def test_an_inbox_nobody_empties(tmp_path: Path) -> None:
    """A file that has grown large is set aside, the one before it dropped."""
    (tmp_path / "alerts.txt").write_bytes(b"x" * (MOST_BYTES + 1))
    assert isinstance(await channel(tmp_path).deliver(samples()["up"]), Delivered)
    assert (tmp_path / "alerts.txt.1").stat().st_size == MOST_BYTES + 1
    assert (tmp_path / "alerts.txt").stat().st_size < 5_000
