"""The interval table of an artifact: how far what really happens lies from what is predicted.

It stands in the MLmodel's metadata, as `interval`, or in a pointer to a model, whose table replaces the
artifact's. Both are hostile input: the table is bounded and checked whenever it is read.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import msgspec

from threeways.artifact.limits import NAME_LENGTH
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactMismatch

KEY = "interval"
"""Of the metadata, and of the interval within a message's `prediction`."""
MOST_OFFSETS = 4_000
"""The limit on `low` and on `high`. 20 bins in each of 10 groups are 200."""
LARGEST = 1e290
"""The limit on a number's size: added to the largest float64 it is rounded away, so that no sum overflows."""
MEND = "train the model again, or recalibrate its intervals"


class IntervalTable(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Offsets from a predicted value to the ends of its interval, by bins of the predicted value.

    coverage: the share of true values that the intervals are made to hold. edges: the k - 1 ascending
    predicted values between the k bins; a value on an edge belongs to the bin above. low, high: an offset for
    each bin, low <= 0 <= high, so that ends never cross and the interval holds the prediction. least: no low
    end is less, where the prediction is not; 0 for an output that is never negative. by, by_edges: a column
    of the model's input and the ascending values between its groups, where bins of the predicted value alone
    do not do; then `low` and `high` have the bins of the first group first. A missing value belongs to the
    last group.
    """

    coverage: float
    edges: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    least: float | None = None
    by: str | None = None
    by_edges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check it: msgspec makes an error of what is wrong wherever it decodes one. Raises ValueError."""
        if not 0 < self.coverage < 1:
            raise ValueError(f"coverage is {self.coverage}, and it is a share between 0 and 1")
        self._check_numbers()
        if any(one > 0 for one in self.low) or any(one < 0 for one in self.high):
            raise ValueError("a low offset is over 0 or a high one under 0")
        if (self.by is None) != (not self.by_edges):
            raise ValueError("by and by_edges go together")
        if self.by is not None and not 0 < len(self.by) <= NAME_LENGTH:
            raise ValueError(f"by is no column's name: it has {len(self.by):,} characters")

    def _check_numbers(self) -> None:
        bins = (len(self.edges) + 1) * (len(self.by_edges) + 1)
        if bins > MOST_OFFSETS:
            raise ValueError(f"it has {bins:,} bins, and {MOST_OFFSETS:,} at most are read")
        least = () if self.least is None else (self.least,)
        lists = {
            "edges": self.edges,
            "by_edges": self.by_edges,
            "low": self.low,
            "high": self.high,
            "least": least,
        }
        for name, numbers in lists.items():
            if name in {"low", "high"} and len(numbers) != bins:
                raise ValueError(f"{name} has {len(numbers):,} offsets, and its edges make {bins:,} bins")
            if not all(math.isfinite(one) and abs(one) <= LARGEST for one in numbers):
                raise ValueError(f"{name} has a number that is not finite, or beyond {LARGEST:g}")
            if "edges" in name and any(one >= other for one, other in pairwise(numbers)):
                raise ValueError(f"{name} are not ascending")

    @property
    def groups(self) -> int:
        """The number of groups, 1 without `by`."""
        return len(self.by_edges) + 1


def read(found: Any, where: str) -> IntervalTable:
    """Return a table of what a document holds as one. where: for messages. Raises ArtifactMismatch."""
    try:
        return msgspec.convert(found, IntervalTable)
    except msgspec.ValidationError as error:
        raise ArtifactMismatch(f"{where}: the interval table is none: {error!s:.300}; {MEND}") from None


def of(info: MLmodel) -> IntervalTable | None:
    """Return the table in an artifact's metadata, None where there is none. Raises ArtifactMismatch.

    What else a model's author keeps under that name is no table: one has any of a table's fields.
    """
    found = (info.metadata or {}).get(KEY)
    if not isinstance(found, dict) or not found.keys() & set(IntervalTable.__struct_fields__):
        return None
    return read(found, f"the artifact's metadata, `{KEY}`")


def told(info: MLmodel, *, used: bool) -> str:
    """Return a line for people on an artifact's table. used: whether its output is one number."""
    table, metadata = of(info) if used else None, info.metadata or {}
    if table is not None:
        return f"intervals: of {100 * table.coverage:g} % coverage"
    if KEY not in metadata:
        return "no interval table"
    if not used:
        return f"no interval table: metadata.{KEY} is left out, as the output is not one number"
    return f"no interval table: metadata.{KEY} is {metadata[KEY]!r:.100}"


def in_metadata(table: IntervalTable) -> dict[str, Any]:
    """Return a table as an artifact's metadata and any JSON document hold it."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(table))
    return {KEY: plain}
