"""A chunk of a table: its sound events, and the rows that are none, with the reason."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.batch.interval import Interval
from threeways.batch.layout import Layout
from threeways.errors import PermanentError
from threeways.scoring.task import Columns, EventId

MODULUS = 1_000_003
"""What an id leaves of itself in a fingerprint: a sum of many stays below 64 bits."""


class Refused(msgspec.Struct, frozen=True):
    """A row that has no prediction: its id and the row as JSON, and its time if that can be read."""

    id: str
    time: datetime | None
    payload: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """n sound events and the refused rows among them, all within one interval.

    ids: n. columns: the events by column, in the form of the task's `features_by_column`; None where the task
    has none, then events: n. time: (n,) datetime64[us] by the task's zone, NaT where the task has no time.
    actual: (n,) what the output really was: float64, NaN where that is not known, or the texts of labels,
    None where one is not known; of several outputs (n, k) of either. passed: rows of the source that this
    chunk went over, for progress.
    """

    layout: Layout
    ids: list[EventId]
    columns: Columns | None
    events: list[Any] | None
    time: NDArray[np.datetime64]
    actual: NDArray[Any]
    refused: list[Refused]
    passed: int

    def only(self, kept: NDArray[np.bool_], refused: list[Refused]) -> Chunk:
        """Return the events that `kept` (n,) marks, beside these refused rows."""
        rows = np.flatnonzero(kept)
        at = rows.tolist()
        return Chunk(
            self.layout,
            [self.ids[row] for row in at],
            None if self.columns is None else {name: values[rows] for name, values in self.columns.items()},
            None if self.events is None else [self.events[row] for row in at],
            self.time[rows],
            self.actual[rows],
            refused,
            self.passed,
        )

    def id_column(self) -> dict[str, NDArray[Any]]:
        """Return the ids as a column, where the model takes them as one of its own."""
        if not self.layout.id_is_feature:
            return {}
        return {self.layout.id.name: self.layout.id.array(self.ids)}

    def numbers(self, name: str) -> NDArray[np.float64]:
        """(n,) a field of the events that holds numbers; NaN where it is null."""
        if self.columns is not None:
            return self.columns[name].astype(np.float64)
        take = next(leaf.of for leaf in self.layout.leaves if leaf.name == name)
        return np.array([take(event) for event in self.events or ()], dtype=np.float64)

    def refusal(self, row: int, error: PermanentError) -> Refused:
        """Return the quarantine entry of an event that is sound by itself."""
        layout, moment = self.layout, self.time[row].item()
        if self.events is not None:
            payload = msgspec.json.encode(self.events[row]).decode()
        else:
            columns = self.columns or {}
            given = {leaf.name: columns[leaf.name][row] for leaf in layout.leaves}
            given = {name: one.item() if isinstance(one, np.generic) else one for name, one in given.items()}
            if (leaf := layout.time_leaf) and leaf.kind == "time":
                given[leaf.name] = moment
            payload = payload_of(layout, self.ids[row], given).decode()
        return refusal(self.ids[row], payload, moment, error)

    def without(self, faults: dict[int, PermanentError]) -> Chunk:
        """Return the chunk with the events at these positions among the refused, for these reasons."""
        if not faults:
            return self
        kept = np.ones(len(self.ids), bool)
        kept[list(faults)] = False
        return self.only(kept, [*self.refused, *(self.refusal(row, one) for row, one in faults.items())])


class Source(Protocol):
    """Where events come from."""

    @property
    def name(self) -> str:
        """What tells it from other sources, without a password; see `identity`."""

    @property
    def text_ids(self) -> bool:
        """Whether its ids are texts: in all of its chunks; else all are integers."""

    @property
    def ids_in_order(self) -> bool:
        """Whether rows of one id are always in one chunk."""

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """Return the interval's rows, how many and their ids' sum modulo `MODULUS`; None: not quickly."""

    def count(self, interval: Interval | None) -> int:
        """Return about how many rows `chunks` will go over."""

    def chunks(self, interval: Interval | None, size: int) -> Generator[Chunk]:
        """Yield the interval's events, at most `size` rows at a time; None: all. Raises DataError."""


def identity(name: str) -> str:
    """Return what stays of a source's name when its server moves or its user changes: a database and a table.

    Names of files and of SQLite's databases have neither and stay whole.
    """
    url, found, table = name.rpartition("#")
    server = re.fullmatch(r"postgresql(?:\+\w+)?://[^/]*/([^?]+)(?:\?.*)?", url)
    return f"postgresql:{server[1]}#{table}" if found and server else name


def refusal(event_id: Any, payload: str, time: datetime | None, error: PermanentError) -> Refused:
    """Return the quarantine entry of a row."""
    return Refused(name_of(event_id), time, payload, error.code, clean(str(error)))


def name_of(event_id: Any) -> str:
    """Return an id as the quarantine writes it."""
    return clean(str(event_id))


def payload_of(layout: Layout, event_id: Any, given: dict[str, Any]) -> bytes:
    """Return a row as the bytes of the event that the stream would carry."""
    return msgspec.json.encode(layout.event_of(event_id, given), enc_hook=str)


def clean(text: str) -> str:
    """Return the text without what a database may refuse: lone surrogates, NUL."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
