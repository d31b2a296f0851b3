"""Score a chunk: by columns where the task takes them, else event by event, as the stream does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Chunk
from threeways.errors import ModelFailed
from threeways.scoring.outcomes import ColumnScores, Term
from threeways.scoring.outputs import Output, text_of
from threeways.scoring.service import ModelService

type Array = NDArray[Any]

_LEAST, _MOST = -(2**63), 2**63 - 1


def scored(service: ModelService[Any], chunk: Chunk) -> ColumnScores:
    """Return what became of the chunk's events, from one `predict`. Raises ModelFailed."""
    if chunk.columns is not None:
        return service.score_columns({**chunk.columns, **chunk.id_column()})
    events = chunk.events or []
    if (
        service.task.event is not chunk.layout.task.event
    ):  # a model that takes dicts reads a part of the event
        events = [service.task.decode(msgspec.json.encode(one)) for one in events]
    return service.score_rows(events, _arrivals(chunk))


def _arrivals(chunk: Chunk) -> list[datetime]:
    """When each event happened, which stands in for its arrival; now, where the task has no time."""
    now, zone = datetime.now(UTC), chunk.layout.zone
    return [now if time is None else time.replace(tzinfo=zone) for time in chunk.time.tolist()]


def columns_of(output: Output, answers: Array) -> dict[str, Array]:
    """Return the (n,) columns of a table of predictions, each of the type that the output declares.

    Texts are arrays of objects. Raises ModelFailed where an answer is of another type.
    """
    declared = output.columns
    return {name: _typed(values, declared[name], name) for name, values in output.table(answers).items()}


def _typed(values: Array, kind: type, name: str) -> Array:
    """Return a column's values as one type."""
    if kind is float and values.dtype.kind in "fiu":
        return values.astype(np.float64, copy=False)
    if kind is int and values.dtype.kind in "iu" and values.dtype != np.uint64:
        return values.astype(np.int64, copy=False)
    if kind is bool and values.dtype.kind == "b":
        return values
    given = values.tolist()
    try:
        found = [_value(one, kind) for one in given]
    except (TypeError, ValueError) as error:
        raise ModelFailed(
            f"the model answers {error} for {name}, which its signature has as {kind.__name__}; log it again "
            "with a signature of what it answers"
        ) from None
    if kind is not str:
        return np.array(found, {float: np.float64, int: np.int64, bool: np.bool_}[kind])
    texts = np.empty(len(found), dtype=object)
    texts[:] = found
    return texts


def _value(given: Any, kind: type) -> Any:
    """Return one answer as a type that holds it exactly. Raises ValueError, which tells the answer."""
    if kind is str and given is not None:
        return text_of(given)
    if kind is bool and isinstance(given, bool):
        return given
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if kind is float and is_number:
        return float(given)
    if kind is int and is_number and int(given) == given and _LEAST <= given <= _MOST:
        return int(given)
    raise ValueError(repr(given))


def because_of(because: Sequence[list[Term] | None], rows: NDArray[np.int64]) -> Array:
    """Return the terms of each event at `rows` as JSON, in ASCII as any database holds it."""
    found = np.empty(len(rows), dtype=object)
    found[:] = [json.dumps(msgspec.to_builtins(because[row] or [])) for row in rows.tolist()]
    return found


def flags_of(scored: ColumnScores, rows: NDArray[np.int64]) -> list[str]:
    """Return the flags of each event at `rows`, joined by commas."""
    told = [""] * len(rows)
    for flag, mask in scored.flags.items():
        for position in np.flatnonzero(mask[rows]).tolist():
            told[position] = f"{told[position]},{flag}" if told[position] else flag
    return told
