"""Describe the answers of a service: their types with the fields of its task's output."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from threeways.artifact.interval import KEY
from threeways.scoring.interval import ValueInterval
from threeways.scoring.outcomes import ExplainedPrediction, Prediction
from threeways.scoring.task import Task
from threeways.web.batch import BatchAnswer, Result


def answers(task: Task[Any]) -> tuple[type, type]:
    """Return the types of the answers for one event and for a batch, with the fields of the task's output.

    task: a service's, whose output is bound to its model.
    """
    names = [*task.output.fields, task.id_name]  # type: ignore[attr-defined]  # bound
    columns = task.output.columns
    others: dict[str, Any] = {"score": float, "ranked": list[dict[str, str | float]]}
    if isinstance(task.output, ValueInterval):
        end: Any = columns[names[0]]
        others[KEY] = Annotated[list[end], msgspec.Meta(min_length=2, max_length=2, description="low, high")]
    types: list[Any] = [columns.get(name, others.get(name, dict[str, float])) for name in names]
    types[-1] = int | str
    fields = [(f"field_{place}", kind) for place, kind in enumerate(types)]
    renamed = {f"field_{place}": name for place, name in enumerate(names)}
    made = msgspec.defstruct("Predicted", fields, rename=renamed)
    result: Any = _with(Result, prediction=made | None)
    one = ExplainedPrediction if task.because else Prediction
    return _with(one, prediction=made), _with(BatchAnswer, results=list[result])


def _with(kind: type[msgspec.Struct], **types: Any) -> type:
    """Return a struct like this one, described with other types for some of its fields."""
    fields: list[Any] = [
        (one.name, types.get(one.name, one.type), *([] if one.required else [one.default]))
        for one in msgspec.structs.fields(kind)
    ]
    made = msgspec.defstruct(kind.__name__, fields)
    made.__doc__ = kind.__doc__
    return made
