"""The report's pictures, as SVG that stands in the page itself."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from threeways.batch.record import Run
from threeways.batch.tally import MILES, MOST_MINUTES, Slices, Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1b6ca8", "#c77d2e", "#d9d9d9"
_ZONES = 15
_RUNS = 20


def durations(tally: Tally) -> str:
    """How long rides are predicted to be."""
    figure, axes = _figure("How long rides are predicted to take", "minutes", "rides")
    axes.bar(np.arange(MOST_MINUTES + 1), tally.minutes, width=0.9, color=BLUE)
    axes.set_xlim(-0.5, MOST_MINUTES + 0.5)
    return svg(figure)


def by_hour(tally: Tally) -> str:
    """The mean prediction by hour of pickup, over the number of rides."""
    figure, axes = _figure("By hour of pickup", "hour, New York time", "predicted minutes, mean")
    _over_rides(axes, tally.hours, np.arange(24))
    axes.set_xticks(range(0, 24, 3))
    return svg(figure)


def by_zone(tally: Tally) -> str:
    """The mean prediction in the pickup zones with the most rides."""
    top = [zone for zone in np.argsort(-tally.zones.rides, kind="stable")[:_ZONES] if tally.zones.rides[zone]]
    figure, axes = _figure(
        f"The {len(top)} pickup zones with the most rides", "zone: rides", "predicted minutes, mean"
    )
    axes.bar(range(len(top)), tally.zones.mean()[top], width=0.8, color=BLUE)
    names = [f"{zone or 'unknown'}: {tally.zones.rides[zone]:,.0f}" for zone in top]
    axes.set_xticks(range(len(top)), names, rotation=45, ha="right")
    return svg(figure)


def error_by_hour(tally: Tally) -> str:
    """The mean absolute error by hour of pickup."""
    figure, axes = _figure("Error by hour of pickup", "hour, New York time", "mean absolute error, minutes")
    axes.bar(np.arange(24), np.nan_to_num(tally.hours.mae()), width=0.8, color=ORANGE)
    axes.set_xticks(range(0, 24, 3))
    return svg(figure)


def error_by_miles(tally: Tally) -> str:
    """The mean absolute error by distance."""
    figure, axes = _figure("Error by distance", "miles", "mean absolute error, minutes")
    axes.bar(np.arange(len(MILES)), np.nan_to_num(tally.miles.mae()), width=0.8, color=ORANGE)
    ends = [f"-{end:g}" for end in MILES[1:]]
    names = [f"{low:g}{end}" for low, end in zip(MILES, [*ends, "+"], strict=True)]
    axes.set_xticks(range(len(MILES)), names)
    return svg(figure)


def runs(done: list[Run]) -> str:
    """The error of the last runs that know it, the newest last."""
    judged = [run for run in done if run.mae is not None][-_RUNS:]
    figure, axes = _figure("Against the last runs", "interval's end, model", "mean absolute error, minutes")
    colours = [GREY] * (len(judged) - 1) + [ORANGE]
    axes.bar(range(len(judged)), [run.mae or 0.0 for run in judged], width=0.8, color=colours)
    names = [f"{run.interval.end:%Y-%m-%d}\n{(run.model_version or '')[:7]}" for run in judged]
    axes.set_xticks(range(len(judged)), names, fontsize=8)
    axes.set_xlim(-1, max(len(judged), 6))
    return svg(figure)


def svg(figure: Figure) -> str:
    """The figure as an SVG element; its texts are texts, so that they can be read aloud and searched."""
    import matplotlib as mpl

    body = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report", "font.family": "sans-serif"}):
        figure.savefig(body, format="svg", metadata={"Date": None}, transparent=True)
    text = body.getvalue()
    return text[text.index("<svg") :]


def _over_rides(axes: Axes, slices: Slices, at: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    crowd = axes.twinx()
    crowd.bar(at, slices.rides, color=GREY, width=0.9)
    crowd.set_ylabel("rides (grey)", color="#757575")
    crowd.tick_params(colors="#757575")
    crowd.spines[:].set_visible(False)
    axes.set_zorder(crowd.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot(at, slices.mean(), color=BLUE, marker="o", markersize=4)
    axes.set_ylim(0)


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    # No pyplot: it keeps figures and picks a backend.
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
