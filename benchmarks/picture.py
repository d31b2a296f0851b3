"""The stages of both sides as a picture: each bar is a whole, since the sides are a hundred times apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.stages import STAGES

COLOURS = ("#77aadd", "#99ddff", "#44bb99", "#eedd88", "#ffaabb")
"""Paul Tol's light scheme: told apart by the colour-blind, with black numbers on it."""
FEWEST = 0.05
"""A stage with a smaller share of its bar gets no number."""


def draw(found: Mapping[str, Mapping[str, Mapping[str, float]]], path: Path) -> None:
    """found: output -> side -> stage -> microseconds a ride. Writes a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.6 + 1.7 * len(found)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0]
    for place, (output, sides) in zip(axes, found.items(), strict=True):
        _bars(place, sides)
        place.set_title(f"The output answers {output}", loc="left", fontsize=10)
    axes[-1].set_xlabel("share of a side's own time; the numbers are microseconds a ride")
    axes[-1].xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(STAGES), frameon=False)
    figure.suptitle("Where the time of a ride goes: the usual way, and this handler on a batch of 1,000")
    figure.savefig(path, dpi=120)


def _bars(axes: Any, sides: Mapping[str, Mapping[str, float]]) -> None:
    names = list(sides)
    for stage, colour in zip(STAGES, COLOURS, strict=True):
        at = list(STAGES).index(stage)
        for row, side in enumerate(names):
            whole = sum(sides[side].values())
            left = sum(sides[side][before] for before in STAGES[:at]) / whole
            share = sides[side][stage] / whole
            axes.barh(row, share, left=left, color=colour, height=0.62, label=stage if row == 0 else None)
            if share >= FEWEST:
                text = (
                    f"{sides[side][stage]:,.0f}" if sides[side][stage] >= 10 else f"{sides[side][stage]:.1f}"
                )
                axes.text(left + share / 2, row, text, ha="center", va="center", fontsize=9)
    labels = [f"{side}\n{sum(sides[side].values()):,.0f} µs a ride" for side in names]
    axes.set_yticks(range(len(names)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
