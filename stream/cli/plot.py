"""A small plot of a score over time, with the lines of the tiers, in characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotext

from schemas.times import format_time
from stream.cli.tables import clean, day
from stream.curve import Point

HEIGHT = 13
LEAST_WIDTH = 30


def plot(points: Sequence[Point], profile: Mapping[str, Any], width: int) -> list[str]:
    """The lines of the plot, without colour. The tiers of ``profile`` are drawn where an account enters them."""
    known = [(at, score) for at, score in points if score is not None]
    if not known:
        return ["nothing was known of the account then"]
    tiers = {tier["name"]: float(tier.get("enter", tier.get("enter_above", 0))) for tier in profile["tiers"][:-1]}
    bounds = profile.get("score") or {}
    low = min(float(bounds.get("min", 0)), *(score for _, score in known))
    high = max(*tiers.values(), *(score for _, score in known)) if tiers else max(score for _, score in known)
    high = max(high * 1.1, low + 1)
    figure = plotext.figure
    figure.clear()
    figure.plot_size(max(width, LEAST_WIDTH), HEIGHT)
    start, end = points[0][0], points[-1][0]
    for line in tiers.values():
        figure.draw(figure.signal([start, end], [line, line], marker="-").lines())
    figure.draw(figure.signal([at for at, _ in known], [score for _, score in known], marker="braille").lines())
    ticks = {low: f"{low:g}"} | {line: f"{clean(name)[:16]} {line:g}" for name, line in tiers.items()}
    figure.ruler("y").lim(low, high)
    figure.ruler("y").ticks(list(ticks), list(ticks.values()))
    figure.ruler("x").lim(start, end)
    moments = [start, (start + end) // 2, end]
    figure.ruler("x").ticks(moments, [day(format_time(at)) for at in moments])
    text = plotext.uncolorize(str(figure.build()))
    figure.clear()
    return [line.rstrip() for line in text.splitlines()]
