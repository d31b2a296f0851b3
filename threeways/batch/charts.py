"""Draw the report's pictures, as SVG that stands in the page itself."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.batch.parts import Part
from threeways.batch.record import Run
from threeways.batch.tally import Slices, Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = "#1b6ca8", "#c77d2e", "#d9d9d9"
_RUNS, _SHORT, _LABELS, _LONGEST = 20, 6, 15, 60
_TURNED: dict[str, Any] = {"rotation": 45, "ha": "right"}


def unit_of(tally: Tally) -> str:
    """Return what the output is in, or its name where the task names no unit."""
    output = tally.layout.task.output
    return output.unit or output.name


def predictions(tally: Tally) -> str:
    """Draw how many events have which prediction."""
    axes = _axes(f"What is predicted: {tally.layout.task.output.name}", unit_of(tally), "events")
    width = tally.edges[1] - tally.edges[0]
    axes.bar(np.array(tally.edges), tally.bars, width=0.9 * width, color=BLUE)
    axes.set_xlim(tally.edges[0] - width / 2, tally.edges[-1] + width / 2)
    return svg(axes)


def labels(column: str, counts: Counter[str]) -> str:
    """Draw how many events have each label, the most first."""
    top = counts.most_common(_LABELS)
    more = f": the {len(top)} with the most events" if len(top) < len(counts) else ""
    axes = _axes(_plain(f"What is predicted: {column}{more}"), "", "events")
    _bars(axes, [count for _, count in top], BLUE, [_plain(name) for name, _ in top], **_TURNED)
    return svg(axes)


def by_hour(tally: Tally) -> str:
    """Draw the mean prediction by hour of the event's time, over the number of events."""
    layout = tally.layout
    y = f"predicted {unit_of(tally)}, mean"
    axes = _axes(f"By hour of {layout.time_name}", f"hour, {layout.zone}", y)
    crowd = axes.twinx()
    crowd.bar(range(24), tally.hours.events, color=GREY, width=0.9)
    crowd.set_ylabel("events (grey)", color="#757575")
    crowd.tick_params(colors="#757575")
    crowd.spines[:].set_visible(False)
    axes.set_zorder(crowd.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot(range(24), tally.hours.mean(), color=BLUE, marker="o", markersize=4)
    axes.set_ylim(0)
    axes.set_xticks(range(0, 24, 3))
    return svg(axes)


def by_part(tally: Tally, part: Part, slices: Slices) -> str:
    """Draw the mean prediction in the parts of a slice: all ranges, or the whole numbers with most events."""
    order = range(part.count) if part.is_binned else np.argsort(-slices.events, kind="stable").tolist()
    top = [at for at in order if slices.events[at]][: part.slice.top]
    names, title = part.names(), part.slice.title
    heading = f"By {title}" if part.is_binned else f"{title}: the {len(top)} with the most events"
    axes = _axes(heading, f"{title}: events", f"predicted {unit_of(tally)}, mean")
    _bars(axes, slices.mean()[top], BLUE, [f"{names[at]}: {slices.events[at]:,.0f}" for at in top], **_TURNED)
    return svg(axes)


def error_by_hour(tally: Tally) -> str:
    """Draw the mean absolute error by hour of the event's time."""
    layout, y = tally.layout, f"mean absolute error, {unit_of(tally)}"
    axes = _axes(f"Error by hour of {layout.time_name}", f"hour, {layout.zone}", y)
    _bars(axes, tally.hours.mae(), ORANGE)
    axes.set_xticks(range(0, 24, 3))
    return svg(axes)


def error_by_part(tally: Tally, part: Part, slices: Slices) -> str:
    """Draw the mean absolute error in the ranges of a slice."""
    title, names = part.slice.title, part.names()
    axes = _axes(f"Error by {title}", title, f"mean absolute error, {unit_of(tally)}")
    _bars(axes, slices.mae(), ORANGE, names, **(_TURNED if max(map(len, names)) > _SHORT else {}))
    return svg(axes)


def runs(done: list[Run], unit: str) -> str:
    """Draw the error of the last runs that know it, the newest last."""
    judged = [run for run in done if run.mae is not None][-_RUNS:]
    axes = _axes("Against the last runs", "end, model", f"mean absolute error, {unit}")
    ends = [run.interval.end if run.interval else run.finished_at for run in judged]
    names = [
        f"{end:%Y-%m-%d}\n{(run.model_version or '')[:7]}" for run, end in zip(judged, ends, strict=True)
    ]
    colours = [GREY] * (len(judged) - 1) + [ORANGE]
    _bars(axes, [run.mae or 0.0 for run in judged], colours, names, fontsize=8)
    axes.set_xlim(-1, max(len(judged), 6))
    return svg(axes)


def svg(axes: Axes) -> str:
    """Return a figure of one pair of axes as an SVG element; its texts can be read aloud and searched."""
    import matplotlib as mpl

    body = io.StringIO()
    figure: Any = axes.get_figure(root=True)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report", "font.family": "sans-serif"}):
        figure.savefig(body, format="svg", metadata={"Date": None}, transparent=True)
    text = body.getvalue()
    return text[text.index("<svg") :]


def _plain(text: str) -> str:
    """Return a text of somebody else's as it is drawn: short, and without mathematics between dollars."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return (shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…").replace("$", r"\$")


def _bars(axes: Axes, heights: Any, colour: Any, names: list[str] | None = None, **texts: Any) -> None:
    axes.bar(range(len(heights)), np.nan_to_num(heights), width=0.8, color=colour)
    axes.set_xticks(range(len(heights)), names, **texts)


def _axes(title: str, x: str, y: str) -> Axes:
    from matplotlib.figure import Figure

    # No pyplot: it keeps figures and picks a backend.
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    return axes
