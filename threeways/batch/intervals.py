"""The columns of intervals, which a task's predictions have by one model and lack by another."""

from __future__ import annotations

from dataclasses import replace

from threeways.batch.layout import Layout, require_columns, written_of
from threeways.scoring.interval import ValueInterval, bounds_of
from threeways.scoring.outputs import Declared, Value


def layout_of(layout: Layout, output: Declared) -> Layout:
    """Return the layout with the intervals of a model's output, where it has some.

    Raises SettingsError where no table can hold them.
    """
    if not isinstance(output, ValueInterval) or layout.bounds:
        return layout
    task = replace(layout.task, output=output)
    times = [layout.time_name] if layout.time else []
    require_columns(task, [layout.id.name, *times, *written_of(task)])
    return replace(layout, task=task)


def possible(layout: Layout) -> set[str]:
    """Return the columns of intervals that predictions by another model of the task may have."""
    output = layout.task.output
    return set(bounds_of(output.name)) if isinstance(output, Value) else set()
