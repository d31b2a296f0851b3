"""Record what a run's consumers said of the same events, for `threeways compare`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from threeways.atomic_files import replacing
from threeways.local_run.ledger import Received
from threeways.local_run.result import Result
from threeways.local_run.started import Consumer
from threeways.scoring.task import Task

PREDICTIONS, ACTUALS = "predictions.jsonl", "actuals.jsonl"
"""The ends of the files' names: of a consumer's predictions, and of a task's truth."""


def record(folder: Path, consumers: Sequence[Consumer], results: Mapping[str, Result]) -> None:
    """Write the predictions of consumers of one task, and what was really so, into the run's folder.

    Nothing is written of a run without a shadow.
    """
    shadowed = {one.task.name for one in consumers if one.shadow}
    for one in consumers:
        result = results.get(one.name)
        if result is None or one.task.name not in shadowed:
            continue
        said = ({"consumer": one.name, "task": one.task.name, **line} for line in _predictions(result))
        _write(folder / f"{one.name}-{PREDICTIONS}", said)
        if not one.shadow:
            _write(folder / f"{one.task.name}-{ACTUALS}", _actuals(result))


def _write(path: Path, lines: Iterator[Mapping[str, Any]]) -> None:
    with replacing(path) as part, part.open("wb") as file:
        for line in lines:
            file.write(msgspec.json.encode(line) + b"\n")


def _predictions(result: Result) -> Iterator[Mapping[str, Any]]:
    for source, received in result.account.predictions.items():
        yield {
            "version": result.version,
            "prediction": _fields(result.task, received),
            "source_event_id": source,
            "arrived": received.at,
        }


def _fields(task: Task[Any], received: Received) -> dict[str, Any]:
    value = received.value
    fields = value if isinstance(value, dict) else {task.output.name: value}
    return {**fields, task.id_name: received.entity}


def _actuals(result: Result) -> Iterator[Mapping[str, Any]]:
    """Yield what is known of each event: its truth, and its fields that the task's slices name."""
    named = {one.field for one in result.task.slices}
    events = result.events
    told = zip(events.ids, events.payloads(), events.truth.tolist(), events.counted.tolist(), strict=True)
    for key, payload, truth, counted in told:
        if counted and truth is not None and truth == truth:
            slices = {name: value for name, value in _leaves(msgspec.json.decode(payload)) if name in named}
            yield {result.task.id_name: key, "actual": truth, "slices": slices}


def _leaves(event: Any) -> Iterator[tuple[str, Any]]:
    for name, value in event.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, value
