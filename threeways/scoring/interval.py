"""Prediction intervals: a number with the range that holds what really happens, by an artifact's table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.answers import Answers
from threeways.artifact.inputs import Table
from threeways.artifact.interval import KEY, MEND, IntervalTable
from threeways.errors import ArtifactMismatch, ModelFailed
from threeways.scoring.output import Array, Ranged
from threeways.scoring.outputs import Output, Value
from threeways.scoring.predicting import Take

_FAR = 2**62
"""Integers up to this size are added to offsets as int64; sums of others may overflow it."""
_EXACT = 2**53
"""The limit on an offset of integers: IEEE 754-2019, binary64."""


@dataclass(frozen=True, slots=True)
class ValueInterval(Value):
    """One number and its interval. Answers are (n, 3): the number, the low end, the high end."""

    def bound(self, answers: Answers, task: str) -> Value:
        """Return the number alone: whether there is an interval is a matter of the model's table."""
        return Value(self.name, self.unit, self.whole).bound(answers, task)

    @property
    def fields(self) -> tuple[str, ...]:
        """Its name, and `interval`."""
        return (self.name, KEY)

    @property
    def bounds(self) -> tuple[str, str]:
        """The columns of a table of predictions that hold the ends."""
        return bounds_of(self.name)

    @property
    def columns(self) -> dict[str, type]:
        """Three columns of numbers."""
        return dict.fromkeys((self.name, *self.bounds), int if self.whole else float)

    def none(self, rows: int) -> Array:
        """Return what stands in for the answers of rows that have none."""
        return np.zeros((rows, 3), np.int64) if self.whole else np.full((rows, 3), np.nan)

    def values(self, answers: Array) -> list[Any]:
        """Return each number and the two ends of its interval."""
        return list(map(Ranged, *answers.T.tolist()))

    def table(self, answers: Array) -> dict[str, Array]:
        """Return the three columns."""
        return dict(zip(self.columns, answers.T, strict=True))


def bounds_of(name: str) -> tuple[str, str]:
    """Return the columns of the ends of a number's interval."""
    return f"{name}_low", f"{name}_high"


class Intervals:
    """Gives each prediction its interval, as the table has it. columns: of the model's input, in order."""

    def __init__(self, table: IntervalTable, columns: Sequence[str], *, whole: bool) -> None:
        self.table = table
        self._columns = tuple(columns)
        self._edges, self._by_edges = np.array(table.edges), np.array(table.by_edges)
        low, high = np.array(table.low), np.array(table.high)
        if whole:  # outwards, so that the interval holds no fewer of the integers
            low, high = (np.clip(one, -_EXACT, _EXACT) for one in (np.floor(low), np.ceil(high)))
        self._offsets = np.stack([np.full(len(low), -0.0), low, high])  # x + -0.0 is x, of 0.0 too

    def around(self, values: NDArray[Any], take: Take) -> NDArray[Any]:
        """Return (n, 3): n predicted numbers with the ends of their intervals. take: gives their input rows.

        Floats stay as they are, and the ends of integers are integers.
        """
        at = self._edges.searchsorted(values, "right")
        if self.table.by is not None:
            group = self._by_edges.searchsorted(self.grouping(take(range(len(values)))), "right")
            at += group * (len(self._edges) + 1)
        offsets = self._offsets.take(at, axis=1)  # three rows: numpy is quickest along them
        made = (
            _integers(values, offsets) if values.dtype.kind != "f" else np.add(offsets, values, out=offsets)
        )
        if self.table.least is not None:
            least = self.table.least if values.dtype.kind == "f" else math.ceil(self.table.least)
            np.minimum(np.maximum(made[1], least, out=made[1]), made[0], out=made[1])
        answers: NDArray[Any] = made.T
        return answers

    def grouping(self, rows: Any) -> NDArray[np.float64]:
        """(n,) the column that the table's groups are by."""
        name = str(self.table.by)
        column = rows.columns[name] if isinstance(rows, Table) else rows[:, self._columns.index(name)]
        try:
            made: NDArray[np.float64] = np.asarray(column, dtype=np.float64)
        except (TypeError, ValueError):
            raise ModelFailed(
                f"the interval table has groups by {name}, which holds other things than numbers; {MEND}"
            ) from None
        return made


def _integers(values: NDArray[Any], offsets: NDArray[np.float64]) -> NDArray[Any]:
    """Return the sums of (3, n) offsets and (n,) integers, exactly and within 64 bits."""
    limits = np.iinfo(np.uint64 if values.dtype == np.uint64 else np.int64)
    own: NDArray[Any] = values.astype(object if values.dtype == np.uint64 else np.int64)
    if ((own > _FAR) | (own < -_FAR)).any():
        own = own.astype(object)
    made: NDArray[Any] = offsets.astype(np.int64).astype(own.dtype) + own
    return np.clip(made, limits.min, limits.max) if own.dtype == object else made


def applied(
    output: Output, table: IntervalTable | None, columns: Sequence[str]
) -> tuple[Output, Intervals | None]:
    """Return a service's output with the table's intervals, and what makes them; the output alone without.

    columns: of the model's input, in order; none where that has no columns. Raises ArtifactMismatch where
    the table does not fit.
    """
    if table is None:
        return output, None
    if not isinstance(output, Value):
        raise ArtifactMismatch(
            f"there is an interval table, and {output.name} is not one number; leave the table out"
        )
    if output.name == KEY:
        raise ArtifactMismatch(
            f"there is an interval table, and the number itself is called `{KEY}`, as its interval would be; "
            "rename the output, or leave the table out"
        )
    if table.by is not None and table.by not in columns:
        raise ArtifactMismatch(
            f"the interval table has groups by {table.by!r:.200}, which is no column of the model's input"
            f"{f' ({", ".join(columns):.300})' if columns else ''}; {MEND}"
        )
    made = ValueInterval(output.name, output.unit, output.whole)
    return made, Intervals(table, columns, whole=output.whole)
