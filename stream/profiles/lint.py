"""What is allowed in a profile and yet probably not meant (SPEC 4, last point): pure, on valid documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from schemas.bounds import criterion_most, score_most
from stream.profiles.matching import cannot_match
from stream.profiles.patterns import conditions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stream.profiles.document import Path

MOST_CRITERIA = 10
MOST_ACTIVE = 3
STALE_AFTER = timedelta(days=183)  # two quarters
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Remark:
    """One warning: `code` for programs, the place in the document, what is odd, and what to do about it."""

    code: str
    path: Path
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.message}; {self.mend}"


def lint(document: dict[str, Any], today: date) -> list[Remark]:
    """Every warning about one valid profile, in the order of the document. `today` is for its age alone."""
    return [
        *_age(document, today),
        *_criteria(document),
        *_matching(document),
        *_decay(document),
        *_groups(document),
        *_tiers(document),
    ]


def lint_all(documents: Sequence[dict[str, Any]], today: date) -> list[tuple[str, list[Remark]]]:
    """(profile, its warnings) of each; where more than three are live the first of them says so."""
    result = [(str(document["profile"]), lint(document, today)) for document in documents]
    live = sorted({str(d["profile"]) for d in documents if d.get("mode", "live") == "live"})
    if len(live) > MOST_ACTIVE:
        message = f"{len(live)} profiles are active ({', '.join(live)}): nobody works from more than {MOST_ACTIVE}"
        result[0][1].insert(0, Remark("many_profiles", (), message, "merge some, or try them with mode: shadow"))
    return result


def _age(document: dict[str, Any], today: date) -> Iterator[Remark]:
    revised = document.get("revised")
    if revised is not None and today - date.fromisoformat(revised) > STALE_AFTER:
        yield Remark(
            "stale",
            ("revised",),
            f"last revised on {revised}, over two quarters ago",
            "hold it against recent wins and losses (tierline profile drift), then set revised",
        )


def _criteria(document: dict[str, Any]) -> Iterator[Remark]:
    count = sum(len(group["criteria"]) for group in document["groups"])
    if count == 0:
        yield Remark(
            "no_criteria", ("groups",), "no group has a criterion, so every account scores the same", "add criteria"
        )
    if count > MOST_CRITERIA:
        yield Remark(
            "many_criteria",
            ("groups",),
            f"{count} criteria: more than {MOST_CRITERIA} rarely tell more",
            "keep the 5 to 8 that tell won from lost (tierline profile learn)",
        )


def _matching(document: dict[str, Any]) -> Iterator[Remark]:
    for place, line in conditions_of(document):
        for path, why, mend in cannot_match(line):
            # below any or not the rest may still decide: the part is idle, the criterion is not
            what = "a part of {} has no effect" if {"any", "not"} & set(path) else "{} cannot match"
            yield Remark("cannot_match", (*place, *path), f"{what.format(line['id'])}: {why}", mend)


def _decay(document: dict[str, Any]) -> Iterator[Remark]:
    for at, group in enumerate(document["groups"]):
        for i, line in enumerate(group["criteria"]):
            path: Path = ("groups", at, "criteria", i)
            if "signal" in line and "decay" not in line and not line.get("surge"):
                yield Remark(
                    "no_decay",
                    path,
                    f"{line['id']} has no decay: such a signal counts for ever",
                    "write decay: {half_life: 30d}, or decay: none if that is meant",
                )
            steps = line["decay"].get("steps", []) if isinstance(line.get("decay"), dict) else []
            keeps = [1.0, *(step["keep"] for step in steps)]
            if any(later > earlier for earlier, later in pairwise(keeps)):
                yield Remark(
                    "rising_decay",
                    (*path, "decay"),
                    f"{line['id']} gains points with age",
                    "let keep fall from step to step",
                )
            if criterion_most(line) == 0 and not _takes_points(line):
                yield Remark("no_points", path, f"{line['id']} can give no points", "give it points, or take it out")


def _takes_points(line: dict[str, Any]) -> bool:
    table = line.get("points_by")
    values = list(next(iter(table.values())).values()) if table else [line["points"]]
    return any(value < 0 for value in values) or (bool(line.get("multiply")) and any(values))


def _groups(document: dict[str, Any]) -> Iterator[Remark]:
    for at, group in enumerate(document["groups"]):
        if group.get("weight") is None:
            continue
        parts = [criterion_most(criterion) for criterion in group["criteria"]]
        most = None if None in parts else sum(part for part in parts if part is not None)
        if most is None or (group.get("cap") is not None and group["cap"] < most):
            most = group.get("cap")
        if most is not None and most < group["out_of"] - _TOLERANCE:
            yield Remark(
                "out_of_reach",
                ("groups", at, "out_of"),
                f"{group['name']} can reach {most:g} points of {group['out_of']:g}, so never its full weight",
                f"write out_of: {most:g}, or add points",
            )


def _tiers(document: dict[str, Any]) -> Iterator[Remark]:
    most = score_most(document)
    least = float((document.get("score") or {}).get("min", 0))
    decaying = [
        str(line["id"])
        for group in document["groups"]
        for line in group["criteria"]
        if isinstance(line.get("decay"), dict)
    ]
    tiers = document["tiers"]
    full: str | None = None  # the tier that takes everybody, if one does
    for at, tier in enumerate(tiers):
        name, last = tier["name"], at == len(tiers) - 1
        line = tier.get("enter", tier.get("enter_above"))
        strict = "enter_above" in tier
        if full is not None:
            yield Remark(
                "unreachable_tier",
                ("tiers", at),
                f"no account can reach {name}: {full} takes every score",
                f"raise the line of {full}",
            )
        elif line is not None:
            if most < line - _TOLERANCE or (strict and most <= line + _TOLERANCE):
                yield Remark(
                    "unreachable_tier",
                    ("tiers", at),
                    f"no account can reach {name}: the most it can score is {most:g}",
                    "lower its line, or give more points",
                )
            elif line < least - _TOLERANCE or (not strict and line <= least + _TOLERANCE):
                full = name
            elif decaying and "leave" not in tier and "dwell" not in tier:
                yield Remark(
                    "hovering",
                    ("tiers", at),
                    f"accounts can hover on the line of {name}: "
                    f"points of {', '.join(decaying[:3])} fade across it and come back",
                    f"write leave: {line - max(1.0, (most - least) * 0.02):g}, or dwell: 1d",
                )
        if last and "dwell" in tier:
            yield Remark(
                "idle_dwell",
                ("tiers", at, "dwell"),
                f"dwell does nothing on {name}: nothing is below it",
                "leave it out",
            )
