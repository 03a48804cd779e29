"""What a conversion tells the person who ran it: seen, made, left out (and why), bad lines.

Nothing is dropped in silence: whatever a converter does not turn into a signal is counted here under a reason a
person can read, with a few examples.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLES_KEPT = 5
BAD_LINES_KEPT = 200
BAD_LINES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be used. `line` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(slots=True)
class Report:
    """Counts of one conversion. Converters add to it while they run; it is complete once they are exhausted."""

    seen: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)
    bad_line_count: int = 0
    line: int = 0
    """The line that the record given last stands on; 0 where records are not a line each."""

    def saw(self, what: str, count: int = 1) -> None:
        """Something was read: lines, companies, filings."""
        self.seen[what] += count

    def outcome(self, label: str, count: int = 1) -> None:
        """What became of one thing read, for formats where each thing has exactly one fate."""
        self.outcomes[label] += count

    def leave_out(self, reason: str, example: str = "") -> None:
        """One thing was not turned into a signal; the first few examples of each reason are kept."""
        self.left_out[reason] += 1
        kept = self.examples.setdefault(reason, [])
        example = example[:120]
        if example and len(kept) < EXAMPLES_KEPT and example not in kept:
            kept.append(example)

    def note(self, sentence: str) -> None:
        """A sentence the reader should see once."""
        self.notes.append(sentence)

    def bad_line(self, file: str, line: int, message: str) -> None:
        """A line of the input is broken. All are counted, the first 200 are kept."""
        self.bad_line_count += 1
        if len(self.bad_lines) < BAD_LINES_KEPT:
            self.bad_lines.append(BadLine(file, line, message[:300]))

    @property
    def ok(self) -> bool:
        """No line was bad: `send` exits 0."""
        return self.bad_line_count == 0

    def remarks(self) -> list[str]:
        """What was left out and what is worth knowing, a sentence each: all there is to say of a plain table."""
        out = []
        for reason, count in self.left_out.items():
            shown = "; ".join(self.examples.get(reason, [])) + ("; …" if count > EXAMPLES_KEPT else "")
            out.append(f"{reason} was left out of {count:,} {'row' if count == 1 else 'rows'} ({shown})")
        return out + self.notes

    def lines(self) -> list[str]:
        """The report as text, one line an entry."""
        out: list[str] = []
        for title, counter in (
            ("Read", self.seen),
            ("Signals made", self.made),
            ("What became of what was read", self.outcomes),
            ("Left out", self.left_out),
        ):
            if counter:
                out.append(f"{title}:")
                for label, count in sorted(counter.items(), key=lambda item: (-item[1], item[0])):
                    shown = self.examples.get(label, []) if counter is self.left_out else []
                    out.append(f"  {count:>8,}  {label}" + (f"  (e.g. {'; '.join(shown)})" if shown else ""))
        if self.notes:
            out += ["Notes:", *(f"  - {sentence}" for sentence in self.notes)]
        if self.bad_line_count:
            out.append(f"Bad lines: {self.bad_line_count:,}")
            out += [f"  {bad}" for bad in self.bad_lines[:BAD_LINES_SHOWN]]
            if self.bad_line_count > BAD_LINES_SHOWN:
                out.append(f"  … and {self.bad_line_count - BAD_LINES_SHOWN:,} more")
        return out

    def as_dict(self) -> dict[str, Any]:
        """The report for `--json`."""
        return {
            "seen": dict(self.seen),
            "made": dict(self.made),
            "outcomes": dict(self.outcomes),
            "left_out": {
                reason: {"count": count, "examples": self.examples.get(reason, [])}
                for reason, count in self.left_out.items()
            },
            "notes": list(self.notes),
            "bad_lines": [{"file": bad.file, "line": bad.line, "message": bad.message} for bad in self.bad_lines],
            "bad_line_count": self.bad_line_count,
        }
