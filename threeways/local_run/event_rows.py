"""A task's events from rows: each field from the column of its name, the truth and the id from theirs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError, PermanentError
from threeways.local_run.event_files import Row, lines_of, paths
from threeways.local_run.event_schema import Field, id_path, replaced, value_at, value_fields_of
from threeways.scoring.events import Events, within
from threeways.scoring.outputs import Declared, ModelOutput, Scores, Value
from threeways.scoring.ranking import Ranking
from threeways.scoring.task import EventId, Task

_SHOWN = 24
"""How much of a value is shown as a label."""
_LABELS = 4


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Columns that the user names. actual: the truth, of several outputs a column each, separated by commas.

    id: the event's id.
    """

    actual: str | None = None
    id: str | None = None


def read(spec: str, count: int, task: Task[Any], named: ColumnNames, tell: Callable[[str], None]) -> Events:
    """Return `count` events (0: all) of the files in `spec`.

    A JSON object that is an event as it is stays as it is. A row that makes no valid event is counted and
    left out. tell: gets a line for people. Raises DataError where there is no event, or no such column.
    """
    made = _Rows(task, named)
    for path in paths(spec, tell):
        for line in lines_of(path):
            if count and len(made.payloads) == count:
                break
            made.add(line.row, line.data, line.why)
    made.check(spec)
    unread = [name for name in made.names if name not in made.found]
    if unread:
        tell(f"EVENTS={spec} has no column {', '.join(unread)}: its events go without")
    truth: NDArray[Any] = np.array(made.truth, dtype=object)
    if not any(isinstance(one, str | bool | dict) for one in made.truth):
        truth = truth.astype(np.float64)  # a missing one is NaN
    counted = np.ones(len(truth), dtype=np.bool_)
    if truth.dtype.kind == "f" and np.isfinite(truth).any():
        counted = within(task.truth, truth)
    elif truth.dtype.kind == "f" and named.actual:
        tell(f"ACTUAL={named.actual}: none of {len(truth):,} events has a value there: nothing is judged")
    return Events(
        name=spec,
        ids=made.ids,
        payloads=lambda: iter(made.payloads),
        truth=truth,
        counted=counted,
        skipped=made.skipped,
        skipped_because=made.because,
        labels=lambda position: labels_of(made.fields, made.payloads[position]),
    )


def labels_of(fields: Sequence[Field], payload: bytes) -> Mapping[str, str]:
    """Return the first few of an event's values by the names of their fields."""
    event, shown = msgspec.json.decode(payload), dict[str, str]()
    for one in fields:
        value = value_at(event, one.path)
        if value is not None and len(shown) < _LABELS:
            plain = f"{value:.6g}" if isinstance(value, float) else str(value)
            text = "".join(sign if sign.isprintable() else " " for sign in plain)
            shown[one.path[-1]] = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return shown


@dataclass
class _Rows:
    """Rows that become events. found: the names of fields that a column was found for in any row."""

    task: Task[Any]
    named: ColumnNames
    payloads: list[bytes] = field(default_factory=list)
    ids: list[EventId] = field(default_factory=list)
    truth: list[Any] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    columns: dict[str, None] = field(default_factory=dict)
    skipped: int = 0
    because: str = ""

    def __post_init__(self) -> None:
        self.fields = value_fields_of(self.task.event)
        self.names = [one.name for one in self.fields]
        self._id = id_path(self.task)
        last = [one.path[-1] for one in self.fields]
        self._columns = {  # by field: its own name and, where no other field has it, its last one
            name: [name, short] if last.count(short) == 1 else [name]
            for name, short in zip(self.names, last, strict=True)
        }
        self._columns[self._id[0]] = [self.named.id or self._id[0]]
        self._truths = _truths(self.named.actual, self.task.output)

    def add(self, row: Row | None, data: bytes | None, why: str) -> None:
        """Make an event of a row, or count it as none."""
        if row is None:
            self._skip(why)
            return
        self.columns |= dict.fromkeys(row)
        try:
            payload = self._payload(row, data)
            event = self.task.decode(payload)
        except PermanentError as error:
            self._skip(str(error))
            return
        self.truth.append(self._actual(row))
        self.payloads.append(payload)
        self.ids.append(self.task.event_id(event))

    def check(self, name: str) -> None:
        """Raise DataError for a column that no row has, or where no row is an event."""
        has = ", ".join(self.columns) or "no column"
        truths = [("ACTUAL", column) for column in self._truths.values() or [self.named.actual]]
        for variable, column in (*truths, ("ID", self.named.id)):
            if column is not None and column not in self.columns:
                raise DataError(f"{variable}={column}: EVENTS={name} has no such column (it has {has})")
        if not self.payloads:
            why = f": the first is none because {self.because}" if self.because else ""
            raise DataError(
                f"EVENTS={name}: none of its {self.skipped:,} rows is a valid event of TASK={self.task.name}"
                f"{why} (it has {has}); name its columns as the event's fields: {', '.join(self.names)}"
            )

    def _skip(self, why: str) -> None:
        self.skipped += 1
        self.because = self.because or why

    def _payload(self, row: Row, data: bytes | None) -> bytes:
        """Return the event's JSON: the row's own where that is one, else its values by the fields' names."""
        self.found |= {one.name for one in self.fields if self._column(one, row) is not None}
        if data is not None and self.named.id is None:
            try:
                self.task.decode(data)
            except PermanentError:
                pass
            else:
                return data
        event: dict[str, Any] = {}
        for one in self.fields:
            column = self._column(one, row)
            value = None if column is None else _as_kind(row[column], one.kinds)
            if value is None and one.path == self._id:
                value = len(self.payloads) + self.skipped
                value = value if "int" in one.kinds else str(value)
            if value is not None:
                event = replaced(event, one.path, value)
        return msgspec.json.encode(event)

    def _column(self, one: Field, row: Row) -> str | None:
        """Return the name of the column that a field's values are in."""
        return next((name for name in self._columns[one.name] if name in row), None)

    def _actual(self, row: Row) -> Any:
        """Return what the output really was, by ACTUAL= or by the task's truth; None or NaN where none tells.

        It is a number for a task that predicts one, of several outputs the values by their names, else
        whatever the column holds.
        """
        if self._truths:
            return {name: row.get(column) for name, column in self._truths.items()}
        if self.named.actual and not isinstance(self.task.output, Value):
            return row.get(self.named.actual)
        if self.named.actual:
            return _number(row.get(self.named.actual), self.named.actual, len(self.payloads) + self.skipped)
        truth = self.task.truth
        if truth is None or truth.column not in row:
            return math.nan
        if any(_as_kind(row.get(name), frozenset({"float"})) != value for name, value in truth.where.items()):
            return math.nan
        if truth.since:
            return _minutes(row.get(self.task.time.field) if self.task.time else None, row[truth.column])
        return _number(row[truth.column], truth.column, len(self.payloads) + self.skipped)


def _truths(actual: str | None, output: Declared) -> dict[str, str]:
    """Return the columns with the truth by the names of several outputs; {} for one. Raises DataError."""
    if actual is not None and isinstance(output, Ranking):
        raise DataError(f"ACTUAL={actual}: the task ranks names, which are not judged yet; leave ACTUAL= out")
    numbers = output.numbers if isinstance(output, ModelOutput) else output
    if actual is None or not isinstance(numbers, Scores) or len(numbers.names) < 2:
        return {}
    columns = [one.strip() for one in actual.split(",")]
    twice = next((one for one in columns if columns.count(one) > 1), None)
    if twice is not None:
        raise DataError(f"ACTUAL={actual} names {twice} twice: give a column for each output once")
    if set(columns) <= set(numbers.names):
        return dict(zip(columns, columns, strict=True))
    if len(columns) == len(numbers.names):
        return dict(zip(numbers.names, columns, strict=True))
    raise DataError(f"ACTUAL={actual}: the model answers {', '.join(numbers.names)}; name a column for each")


def _as_kind(value: Any, kinds: frozenset[str]) -> Any:
    """Return a value as the kind of JSON value that a field takes; what is none of them stays as it is."""
    if isinstance(value, float) and value.is_integer() and "int" in kinds and "float" not in kinds:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not {"int", "float", "bool"} & kinds:
        return str(value) if "str" in kinds else value  # codes, which a table has as integers
    if not isinstance(value, str):
        return value
    if "int" in kinds and value.removeprefix("-").isdecimal() and str(int(value)) == value:
        return int(value)
    if "str" in kinds:
        return value
    if "bool" in kinds and value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        number = float(value)
    except ValueError:
        return value
    if "float" in kinds and math.isfinite(number):
        return number
    return int(number) if "int" in kinds and number.is_integer() else value


def _number(value: Any, column: str, row: int) -> float:
    if value is None:
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"EVENTS: row {row + 1} has {value!r} in {column}, where what was really so belongs, a number"
        ) from None
    return number if math.isfinite(number) else math.nan


def _minutes(first: Any, last: Any) -> float:
    try:
        return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / 60
    except (TypeError, ValueError):
        return math.nan
