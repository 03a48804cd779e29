"""What is wrong with a profile file, at a line somebody can go to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ProfileError:
    """One fault; `line` and `column` count from 1, 0 where the fault is the file's as a whole."""

    file: str
    line: int
    column: int
    message: str
    mend: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f"; {self.mend}" if self.mend else "")


class ProfileErrors(ValueError):
    """All the faults of one load, each once, in the order of file and line. Nothing of the load is used."""

    def __init__(self, errors: list[ProfileError]) -> None:
        self.errors = sorted(set(errors))
        super().__init__("\n".join(map(str, self.errors)))
