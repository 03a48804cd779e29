"""What `tierline doctor` looks at in the file of an embedded log."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from stream.checks import Finding, Status, halves
from stream.settings import Settings
from stream.transports.errors import explained
from stream.transports.logfile import FORMAT_VERSION

GIB = 1 << 30
LITTLE, LEAST = GIB, 64 << 20
"""Free bytes below which the disk is worth a word, and below which nothing should be started."""


def log_file(settings: Settings) -> Iterator[Finding]:
    """The file of the log: there, ours, whole, and with room to grow."""
    path = settings.path.absolute()
    if not path.parent.is_dir():
        yield Finding(
            "log", "file", "fail", f"the folder {path.parent} is not there", "create it, or set TIERLINE_BROKER"
        )
        return
    if not path.exists():
        yield Finding("log", "file", "warn", f"{path} is not there yet", "`tierline run` or `tierline send` creates it")
    else:
        size = sum(file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists())
        yield _integrity(path, size)
    free = shutil.disk_usage(path.parent).free
    status: Status = "fail" if free < LEAST else "warn" if free < LITTLE else "ok"
    yield Finding("log", "disk", status, f"{_bytes(free)} free", "" if status == "ok" else "free space on this volume")


def _integrity(path: Path, size: int) -> Finding:
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=10)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            faults = [row[0] for row in db.execute("PRAGMA quick_check(3)")]
        finally:
            db.close()
    except sqlite3.Error as error:
        return Finding("log", "file", "fail", *halves(str(explained(error, path))))
    told = f"{path}, {_bytes(size)}, format {version}"
    if faults != ["ok"]:
        mend = f"keep a copy with its -wal and -shm files; restore a backup, or `sqlite3 {path} .recover`"
        return Finding("log", "file", "fail", f"{told}: damaged: {'; '.join(faults)[:300]}", mend)
    if version > FORMAT_VERSION:
        return Finding("log", "file", "fail", f"{told}: written by a newer release", "upgrade Tierline")
    return Finding("log", "file", "ok", f"{told}, whole")


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
