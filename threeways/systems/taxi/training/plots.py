"""Three pictures of a model's errors on the validation set."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block
from threeways.systems.taxi.rides import COLUMNS
from threeways.training.examples import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MODEL, _BASELINE, _RIDES = "#1b6ca8", "#c77d2e", "#d9d9d9"
_STEPS = 12  # of the median line
_MILES = np.array([0.0, 0.5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20])


@dataclass(frozen=True, slots=True)
class Scale:
    """What is predicted, in words, its unit, and the greatest value that is shown."""

    name: str
    unit: str
    most: float


def predicted_against_actual(predicted: Target, actual: Target, scale: Scale) -> Figure:
    """Draw where the predictions lie, as a density: on the line they are right."""
    most, width = scale.most, scale.most / _STEPS
    figure, axes = _figure(
        f"Predicted against actual {scale.name}",
        f"actual, {scale.unit}",
        f"predicted, {scale.unit}",
        (7, 6.2),
    )
    cells = axes.hexbin(
        actual,
        np.clip(predicted, 0, most),
        gridsize=60,
        extent=(0, most, 0, most),
        bins="log",
        mincnt=1,
    )
    figure.colorbar(cells, ax=axes, label="rides", shrink=0.9)
    axes.plot([0, most], [0, most], color="#d62728", linewidth=1, label="right")
    lows = [low for low in np.arange(0, most, width).tolist() if _between(actual, low, width).any()]
    medians = [float(np.median(predicted[_between(actual, low, width)])) for low in lows]
    middles = [low + width / 2 for low in lows]
    axes.plot(
        middles, medians, color="black", marker="o", markersize=3, linewidth=1, label="median prediction"
    )
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
    axes.legend(loc="upper left")
    return figure


def error_by_hour(block: Block, predicted: Target, baseline: Target, actual: Target, scale: Scale) -> Figure:
    """Draw the mean absolute error by hour of pickup, of model and baseline, over the number of rides."""
    hour = block[:, COLUMNS.index("minute_of_day")] // 60
    figure, axes = _figure(
        "Error by hour of pickup", "hour of pickup, New York time", f"mean absolute error, {scale.unit}"
    )
    edges = np.arange(25.0)
    _error_lines(axes, hour, edges, edges[:-1], (predicted, baseline, actual))
    axes.set_xticks(range(0, 24, 3))
    return figure


def error_by_distance(
    block: Block, predicted: Target, baseline: Target, actual: Target, scale: Scale
) -> Figure:
    """Draw the mean absolute error by distance, the model's and the baseline's, over the number of rides."""
    miles = block[:, COLUMNS.index("trip_distance")]
    figure, axes = _figure("Error by distance", "trip distance, miles", f"mean absolute error, {scale.unit}")
    edges = np.append(_MILES, np.inf)
    _error_lines(axes, miles, edges, np.arange(float(len(_MILES))), (predicted, baseline, actual))
    names = [f"{low:g}-{high:g}" for low, high in pairwise(_MILES.tolist())]
    axes.set_xticks(range(len(_MILES)), [*names, f"{_MILES[-1]:g}+"], rotation=45)
    return figure


def _error_lines(
    axes: Axes,
    value: NDArray[np.float64],
    edges: NDArray[np.float64],
    at: NDArray[np.float64],
    minutes: tuple[Target, Target, Target],
) -> None:
    predicted, baseline, actual = minutes
    within = np.digitize(value, edges) - 1
    rides = np.bincount(within, minlength=len(at))[: len(at)]
    crowd = axes.twinx()
    crowd.bar(at, rides, color=_RIDES, width=0.9, zorder=0)
    crowd.set_ylabel("rides", color="#8a8a8a")
    crowd.tick_params(colors="#8a8a8a")
    axes.set_zorder(crowd.get_zorder() + 1)
    axes.patch.set_visible(False)
    some = rides > 0
    for label, colour, guess in (("this model", _MODEL, predicted), ("linear baseline", _BASELINE, baseline)):
        total = np.bincount(within, weights=np.abs(guess - actual), minlength=len(at))[: len(at)]
        axes.plot(at[some], total[some] / rides[some], color=colour, marker="o", markersize=4, label=label)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.15)  # room for the legend
    axes.legend(loc="upper center", ncols=2)


def _between(actual: Target, low: float, width: float) -> NDArray[np.bool_]:
    return (actual >= low) & (actual < low + width)


def _figure(title: str, x: str, y: str, size: tuple[float, float] = (8, 4.6)) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=size, dpi=110, layout="constrained"
    )  # no pyplot: it keeps figures and picks a backend
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
    return figure, axes
