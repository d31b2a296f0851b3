"""Define what lies in a folder of predictions: the manifest, and the tables of its parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from threeways.batch.chunk import Refused
from threeways.batch.layout import Layout
from threeways.batch.record import Run
from threeways.batch.sink import Scores

ARROW = {float: pa.float64(), int: pa.int64(), str: pa.string(), bool: pa.bool_()}
"""Arrow's types of an output's columns."""


class Part(msgspec.Struct, frozen=True):
    """One file beside the manifest, and its rows."""

    name: str
    rows: int


class Entry(msgspec.Struct, frozen=True):
    """One interval that is done: its run, and its files. A file that no entry names does not count."""

    run: Run
    predictions: list[Part]
    quarantine: list[Part]

    def parts(self) -> dict[str, list[Part]]:
        """Return its files by their kind: what of the two tables they are parts of."""
        return {"predictions": self.predictions, "quarantine": self.quarantine}


class Manifest(msgspec.Struct, frozen=True):
    """The whole folder: its entries, oldest first; their intervals do not overlap."""

    entries: list[Entry] = []

    def files(self) -> set[str]:
        """Return the names of all files that count."""
        return {part.name for one in self.entries for parts in one.parts().values() for part in parts}


def tables_of(scores: Scores, version: str | None, layout: Layout, *, text_ids: bool) -> dict[str, Any]:
    """Return predictions and refused rows as Arrow tables. text_ids: whether ids are written as texts."""
    ids = map(str, scores.ids) if text_ids else scores.ids
    times = {layout.time_name: pa.array(scores.time, pa.timestamp("us"))} if layout.time else {}
    made = {name: pa.array(scores.columns[name], ARROW[kind]) for name, kind in layout.written.items()}
    bounds = {name: made.pop(name) for name in layout.bounds}
    predictions = {
        layout.id.name: pa.array(ids, pa.string() if text_ids else pa.int64()),
        **times,
        **made,
        "flags": pa.array(scores.flags, pa.string()),
        "model_version": pa.array([version] * len(scores.ids), pa.string()),
        **bounds,
    }
    refused = refused_table(scores.refused, layout.refused_columns)
    return {"predictions": pa.table(predictions), "quarantine": refused}


def refused_table(refused: Sequence[Refused], columns: Mapping[str, str]) -> Any:
    """Return refused rows as an Arrow table. columns: its columns, by the names of `Refused`."""
    kinds = {name: pa.timestamp("us") if name == "time" else pa.string() for name in columns}
    return pa.table(
        {
            column: pa.array([getattr(one, name) for one in refused], kinds[name])
            for name, column in columns.items()
        }
    )
