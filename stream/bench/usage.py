"""What a process has used so far, as the system counts it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROC = Path("/proc")


def cpu_seconds(pid: int) -> float | None:
    """Processor time of a process, all threads; ``None`` where the system does not tell or the process is gone."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _from_ps(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int | None:
    """The most memory that a process has had at once; ``None`` where the system does not tell."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _from_ps(pid: int) -> float | None:
    """On systems without /proc; to the second or the hundredth, as they like."""
    try:
        told = subprocess.run(  # noqa: S603  (our own arguments)
            ["ps", "-o", "time=", "-p", str(pid)],  # noqa: S607  (part of every such system)
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    seconds = 0.0
    for part in told.strip().replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
