"""Define what lies in a folder of predictions: the manifest, and the tables of its parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from threeways.batch.chunk import Refused
from threeways.batch.layout import Layout
from threeways.batch.record import Run
from threeways.batch.sink import Scores


class Part(msgspec.Struct, frozen=True):
    """One file beside the manifest, and its rows."""

    name: str
    rows: int


class Entry(msgspec.Struct, frozen=True):
    """One interval that is done: its run, and its files. A file that no entry names does not count."""

    run: Run
    predictions: list[Part]
    quarantine: list[Part]


class Manifest(msgspec.Struct, frozen=True):
    """The whole folder: its entries, oldest first; their intervals do not overlap."""

    entries: list[Entry] = []

    def files(self) -> set[str]:
        """Return the names of all files that count."""
        return {part.name for one in self.entries for part in (*one.predictions, *one.quarantine)}


def predictions_of(scores: Scores, version: str | None, layout: Layout, *, text_ids: bool) -> Any:
    """Return predictions as an Arrow table. text_ids: whether ids are written as texts."""
    ids = map(str, scores.ids) if text_ids else scores.ids
    times = {layout.time_name: pa.array(scores.time, pa.timestamp("us"))} if layout.time else {}
    return pa.table(
        {
            layout.id.name: pa.array(ids, pa.string() if text_ids else pa.int64()),
            **times,
            layout.task.output.name: pa.array(np.asarray(scores.values), pa.float64()),
            "flags": pa.array(scores.flags, pa.string()),
            "model_version": pa.array([version] * len(scores.ids), pa.string()),
        }
    )


def quarantine_of(refused: Sequence[Refused], layout: Layout) -> Any:
    """Return refused rows as an Arrow table."""
    times = pa.array([one.time for one in refused], pa.timestamp("us"))
    return pa.table(
        {
            layout.id.name: pa.array([one.id for one in refused], pa.string()),
            **({layout.time_name: times} if layout.time else {}),
            **{
                name: pa.array([getattr(one, name) for one in refused], pa.string())
                for name in ("payload", "code", "message")
            },
        }
    )
