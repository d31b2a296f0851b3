"""Read a table of events: features, predictions and truths by column, with their times."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from threeways.artifact.reference import Reference
from threeways.artifact.reference.binning import counts_of, named_columns
from threeways.artifact.reference.building import build, errors_of
from threeways.aws.files import locations
from threeways.batch import layout, scoring
from threeways.batch.command import is_database, opened_source
from threeways.batch.layout import Naming
from threeways.errors import DataError
from threeways.lifecycle.drift import Outcomes, Window, windows_of
from threeways.lifecycle.drift.counts import whole_days
from threeways.monitor import watched
from threeways.scoring.events import unusable, within
from threeways.scoring.outputs import Value
from threeways.scoring.service import ModelService

_ROWS = 100_000
_FEW = 50
"""A day with fewer rows is passed over: files have stray ones."""

type Array = NDArray[Any]


@dataclass
class EventsTable:
    """n scored rows. at: (n,) datetime64[us], NaT where unknown. actual: (n,) NaN where unknown.

    slices: of the task, as texts. refused: reason -> rows that are no event. extra, extra_at: what else is
    watched, see `watched`.
    """

    name: str
    at: Array
    features: dict[str, Array]
    predictions: dict[str, Array]
    actual: Array
    slices: dict[str, Array] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    extra_at: Array = field(default_factory=lambda: np.empty(0, "datetime64[us]"))

    def windows(self, reference: Reference, length: timedelta) -> list[Window]:
        """Count the rows by windows in the reference's bins."""
        return _windows(reference, self.features | self.predictions, self.at, length)

    def extra_windows(self, reference: Reference, length: timedelta) -> list[Window]:
        """Count what else is watched."""
        lacking = np.ma.masked_all(len(self.extra_at))
        values = {one.name: self.extra.get(one.name, lacking) for one in reference.columns}
        return _windows(reference, values, self.extra_at, length)

    def left_out(self, reference: Reference) -> list[str]:
        """Return which rows are in no window, and why."""
        days = self.at.astype("datetime64[D]")
        dated = ~np.isnat(days)
        many, whole = _days(reference, self.at)
        few = int(np.count_nonzero(dated & ~np.isin(days, many)))
        cut = int(np.count_nonzero(np.isin(days, many) & ~np.isin(days, whole)))
        return [
            f"{count:,} of {len(days):,} events are in no window: {why}"
            for count, why in (
                (int(np.count_nonzero(~dated)), "they have no time; name its column, TIME="),
                (few, f"their days have fewer than {_FEW} events each"),
                (cut, "their days are not whole"),
            )
            if count
        ]

    def outcomes(self) -> Outcomes | None:
        """Return the rows whose truth is known; None where there is none, or it is no number."""
        predicted = next(iter(self.predictions.values()), None)
        if predicted is None or predicted.dtype.kind not in "iuf" or not np.isfinite(self.actual).any():
            return None
        return Outcomes(self.at, predicted.astype(np.float64), self.actual, self.slices)

    def reference(self, task: str) -> Reference | None:
        """Make a reference of the rows, for other tables to be compared with."""
        predicted = next(iter(self.predictions.values()), np.empty(0))
        errors = None
        if self.outcomes() is not None:
            known = np.isfinite(self.actual)
            errors = errors_of(predicted[known], self.actual[known], self.at[known])
        return build(task, self.name, self.features, self.predictions, self.at, errors)


def read(
    spec: str,
    table: str | None,
    service: ModelService[Any],
    naming: Naming,
    console: Console,
    variable: str = "EVENTS",
) -> EventsTable:
    """Read and score parquet, JSON lines, CSV, or a database's table. Raises DataError.

    variable: what the user gave it as, for messages.
    """
    made: dict[str, str] = {}
    try:
        return _read(spec, table, service, naming, console, made)
    except DataError as error:
        told = str(error)
        for scratch, given in made.items():
            told = told.replace(scratch, given)
        raise DataError(re.sub(r"^EVENTS\b", variable, told)) from None


def _read(
    spec: str,
    table: str | None,
    service: ModelService[Any],
    naming: Naming,
    console: Console,
    made: dict[str, str],
) -> EventsTable:
    ours = layout.of(service.declared, naming)
    with _as_parquet(spec, console, made) as place, opened_source(place, table, ours, console) as source:
        parts = [_Part(service, chunk) for chunk in source.chunks(None, _ROWS)]
    if not any(len(part.at) for part in parts):
        raise DataError(f"EVENTS={spec} has no row that is an event of TASK={service.task.name}")
    actual, limits = _joined(part.actual for part in parts), service.task.truth
    if naming.actual and isinstance(service.task.output, Value) and not within(limits, actual).any():
        beyond = int(np.isfinite(actual).sum())
        why = unusable(limits, len(actual), beyond, service.task.output.unit)
        raise DataError(
            f"ACTUAL={naming.actual}: no label of {spec} is usable: {why}; name the column with what really "
            "was so, or leave ACTUAL= out"
        )
    refused: dict[str, int] = {}
    for part in parts:
        for one in part.refused:
            refused[one] = refused.get(one, 0) + 1
    found = EventsTable(
        spec, _joined(part.at for part in parts), _by_name(part.features for part in parts),
        _by_name(part.predictions for part in parts), np.where(within(limits, actual), actual, np.nan),
        _by_name(part.slices for part in parts), refused,
    )  # fmt: skip
    if service.task.truth and service.task.truth.where and not is_database(spec):
        frame = pd.concat([_frame(one) for one in locations(spec, "EVENTS", lambda _: None)])
        found.extra, found.extra_at = watched.values_of(frame, service.task)
    return found


class _Part:
    """One chunk, scored."""

    def __init__(self, service: ModelService[Any], chunk: Any) -> None:
        task = service.task
        told = scoring.scored(service, chunk)
        kept = np.ones(len(chunk.ids), bool)
        kept[list(told.faults)] = False
        if chunk.columns is not None and task.features_by_column:
            rows: Any = task.features_by_column({**chunk.columns, **chunk.id_column()}).block
        else:
            now = [datetime.now(UTC)] * len(chunk.ids)
            rows = getattr(task.features(chunk.events or [], now), "block", None)
        features = {} if service.model.input_kind == "dicts" else named_columns(rows, task.columns)
        self.at = chunk.time[kept].astype("datetime64[us]")
        self.features = {name: values[kept] for name, values in features.items()}
        values = told.values[kept]
        answers = service.output.table(values)
        self.predictions = {name: answers[name] for name in service.answered.columns if name in answers}
        actual = chunk.actual[kept]
        judged = actual.dtype.kind == "f" and actual.ndim == 1
        self.actual = actual if judged else np.full(len(values), np.nan)
        self.refused = [one.code for one in chunk.refused] + [fault.code for fault in _permanent(told)]
        self.slices = {one.field: _texts(chunk.numbers(one.field)[kept], one.edges) for one in task.slices}


def _permanent(told: Any) -> list[Any]:
    return [one for one in told.faults.values() if hasattr(one, "code")]


def _texts(values: Array, edges: tuple[float, ...]) -> Array:
    """Return the part of a slice that each value is in."""
    if not edges:
        return np.array([f"{one:g}" for one in values.tolist()], dtype=object)
    names = [f"from {one:g}" for one in edges]
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 1)
    return np.array(names, dtype=object)[places]


def _windows(reference: Reference, values: dict[str, Any], at: Array, length: timedelta) -> list[Window]:
    days = at.astype("datetime64[D]")
    counted = (
        (datetime.fromisoformat(str(day)), counts_of(reference.columns, values, days == day))
        for day in _days(reference, at)[1]
    )
    return windows_of(counted, length, reference.block_days)


def _days(reference: Reference, at: Array) -> tuple[Array, Array]:
    """Return the days with enough rows, and those of them that are whole where the reference has days."""
    days = at.astype("datetime64[D]")
    found, each = np.unique(days[~np.isnat(days)], return_counts=True)
    many = found[each >= _FEW]
    if not len(many) or not reference.block_days:
        return many, many
    near = at[(days >= many[0]) & (days <= many[-1])]
    begins, ends = whole_days(near.min().item(), near.max().item())
    return many, many[(many >= np.datetime64(begins)) & (many <= np.datetime64(ends))]


@contextmanager
def _as_parquet(spec: str, console: Console, made: dict[str, str]) -> Iterator[str]:
    """Yield a place that the batch job reads; of JSON lines and CSV it makes parquet in a scratch folder.

    made: gets scratch file -> the file that it was made of.
    """
    if is_database(spec) or not spec.lower().rstrip().endswith((".csv", ".json", ".jsonl", ".ndjson")):
        yield spec
        return
    with tempfile.TemporaryDirectory() as scratch:
        files = []
        for number, one in enumerate(locations(spec, "EVENTS", console.out)):
            files.append(f"{scratch}/{number:04}.parquet")
            made[files[-1]] = one
            frame = _frame(one)
            if frame.columns.empty:
                raise DataError(f"EVENTS: {one} has no row; give a file with events")
            frame.to_parquet(files[-1])
        yield " ".join(files)


def _frame(place: str) -> pd.DataFrame:
    """Read one file's rows; objects within a row's JSON by their own names. Raises DataError."""
    from threeways.aws.files import opened

    suffix = Path(place).suffix.lower()
    try:
        with opened(place, "EVENTS") as file:
            if suffix == ".csv":
                return pd.read_csv(file)
            if suffix == ".parquet":
                return pd.read_parquet(file)
            frame = pd.json_normalize(_objects(file.read()))
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"EVENTS: {place} cannot be read ({reason}); give parquet, JSON lines or CSV"
        ) from None
    return frame.rename(columns=lambda name: str(name).rpartition(".")[2])


def _joined(parts: Iterator[Array]) -> Array:
    return np.concatenate(list(parts))


def _by_name(parts: Iterator[dict[str, Array]]) -> dict[str, Array]:
    found = list(parts)
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def _objects(text: bytes) -> list[dict[str, Any]]:
    """Return the objects of JSON lines. Raises ValueError."""
    return msgspec.json.Decoder(dict[str, Any]).decode_lines(text)
