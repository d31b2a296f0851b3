"""Draw a life: the error over the events' time, by who served, and the marks of what happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threeways.local_run.life.record import Record
from threeways.local_run.life.steps import Marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW = 600
"""Events of each point."""
_CHAMPION, _SHADOW, _PROMOTED, _MARK = "#1b6ca8", "#c77d2e", "#2f8f4e", "#555555"


def draw(
    record: Record,
    times: NDArray[np.datetime64],
    changes: np.datetime64,
    what: str,
    marks: Marks,
    unit: str,
    file: Path,
) -> None:
    """Write the picture as a PNG file."""
    from matplotlib.dates import DateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.4), dpi=100, layout="constrained")
    axes = figure.add_subplot(
        title="Live error of closed events",
        xlabel="time of the events",
        ylabel=f"RMSE of {WINDOW} events, {unit}",
    )
    closed = record.closed
    swap = closed if marks.swap is None else min(marks.swap, closed)
    places = np.arange(closed)
    lines = (
        ("the champion serves", _CHAMPION, "-", record.error, places[:swap]),
        ("challenger in shadow", _SHADOW, "--", record.shadow, places[marks.retrain or closed : swap]),
        ("the promoted one serves", _PROMOTED, "-", record.error, places[swap:]),
    )
    for label, colour, style, errors, rows in lines:
        known = rows[np.isfinite(errors[rows])]
        if len(known) >= WINDOW // 3:
            ends, values = _moving(errors[known])
            axes.plot(times[known[ends]], values, style, color=colour, label=label, linewidth=1.6)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.22)
    before = int(np.searchsorted(times, changes))
    steps = (
        (before, what), (marks.alarm, "alarm"), (marks.retrain, "retrain"), (marks.shadow, "shadow"),
        (marks.swap, "promoted"),
    )  # fmt: skip
    told = [(place, name) for place, name in steps if place is not None and place < len(times)]
    for number, (place, name) in enumerate(told):
        _mark(axes, times[place], name, number)
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
    axes.legend(loc="lower left", ncols=3, framealpha=1, edgecolor="white")
    axes.grid(axis="y", alpha=0.3)
    figure.savefig(file)


def _mark(axes: Axes, at: np.datetime64, name: str, number: int) -> None:
    axes.axvline(at, color=_MARK, linewidth=0.9, linestyle=":")  # type: ignore[arg-type]  # a time is taken, too
    top = axes.get_ylim()[1]
    axes.annotate(
        name,
        (at, top * (0.985 - 0.06 * (number % 3))),
        textcoords="offset points",
        xytext=(3, 0),
        va="top",
        fontsize=9,
        color=_MARK,
    )


def _moving(errors: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the places at which windows end, and each window's root mean square."""
    window = min(WINDOW, len(errors))
    total = np.concatenate([[0.0], np.cumsum(errors**2)])
    ends = np.arange(window, len(errors) + 1, max(1, window // 12))
    return ends - 1, np.sqrt((total[ends] - total[ends - window]) / window)
