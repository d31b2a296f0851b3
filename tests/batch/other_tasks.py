"""Tasks that are not the rides' duration, and quick models for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from threeways.errors import InvalidEvent, PermanentError
from threeways.scoring.decoding import Id
from threeways.scoring.outputs import Value
from threeways.scoring.task import ColumnFeatures, Columns, Features, Task, Time, Truth


class Upload(msgspec.Struct, frozen=True):
    """A flat event without a time, some of whose fields no column's type tells."""

    upload_id: Id
    size: Annotated[int, Meta(ge=0)]
    kind: Literal["video", "audio"]
    tags: list[str] = []


def upload_features(uploads: Sequence[Upload], arrived: Sequence[datetime]) -> Features:
    """The block: size, whether it is a video, and how many tags; a size of 13 has no features."""
    assert all(one.tzinfo for one in arrived)
    block = np.array([[one.size, one.kind == "video", len(one.tags)] for one in uploads], dtype=np.float64)
    faults: dict[int, PermanentError] = {
        row: InvalidEvent("13 is unlucky - at `$.size`") for row, one in enumerate(uploads) if one.size == 13
    }
    return Features(block, [("untagged",) if not one.tags else () for one in uploads], faults)


UPLOADS = Task(
    name="upload-risk",
    event=Upload,
    id="upload_id",
    example=Upload(1, 2, "video"),
    columns=("size", "video", "tags"),
    features=upload_features,
    output=Value("risk", unit="points"),
)


class Room(msgspec.Struct, frozen=True, rename="camel"):
    """A nested part with each kind of field that a column's type tells."""

    floor_number: Annotated[int, Meta(ge=-3, lt=200)]
    warmth: Annotated[float, Meta(gt=-50, le=60)] | None
    is_open: bool
    guests: int | None = None
    label: Annotated[str, Meta(max_length=5)] = "none"
    lit: bool | None = None


class Reading(msgspec.Struct, frozen=True):
    """An event in Berlin's time."""

    id: Id
    room: Room
    taken_at: datetime | None = None


READINGS_ZONE = ZoneInfo("Europe/Berlin")
_LEAVES = ("floor_number", "warmth", "is_open", "guests", "label", "lit")


def reading_features(readings: Sequence[Reading], _arrived: Sequence[datetime]) -> Features:
    """The block of each room, with the hour of the day."""
    rows = [[getattr(one.room, name) for name in _LEAVES] for one in readings]
    times = [one.taken_at for one in readings]
    local = [
        one.astimezone(READINGS_ZONE).replace(tzinfo=None) if one and one.tzinfo else one for one in times
    ]
    return Features(_block(list(zip(*rows, strict=True)), np.array(local, "datetime64[s]")), [()] * len(rows))


def _block(columns: list[Any], time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    floor, warmth, is_open, guests, label, lit = columns
    return np.column_stack(
        [
            np.array(floor, dtype=np.float64),
            np.array([0.0 if one is None or one != one else one for one in warmth]),
            np.array(is_open, dtype=np.float64),
            np.array([-1 if one is None else one for one in guests], dtype=np.float64),
            np.array([len(one) for one in label], dtype=np.float64),
            np.array([{None: 0, False: 1, True: 2}[one] for one in lit], dtype=np.float64),
            (time.astype(np.int64) // 3600 % 24).astype(np.float64),
        ]
    )


def reading_columns(columns: Columns) -> ColumnFeatures:
    """The same of columns, whose types are those that a task is promised."""
    kinds = [columns[name].dtype for name in (*_LEAVES, "taken_at")]
    assert kinds == [np.int64, np.float64, np.bool_, object, object, object, "datetime64[s]"]
    return ColumnFeatures(_block([columns[name] for name in _LEAVES], columns["taken_at"]), {})


READINGS = Task(
    name="readings",
    event=Reading,
    example=Reading(1, Room(2, 20.5, True), datetime(2021, 2, 1, 8)),  # noqa: DTZ001
    columns=(*_LEAVES, "hour"),
    features=reading_features,
    features_by_column=reading_columns,
    output=Value("energy", unit="kWh"),
    time=Time("taken_at", "Europe/Berlin"),
    truth=Truth(column="metered", least=0),
)
READINGS_BY_EVENT = dataclasses.replace(READINGS, features_by_column=None)


class Sum:
    """Adds a row up."""

    input_kind: Literal["block"] = "block"
    info: Any = None

    def predict(self, block: Any) -> Any:
        total = np.zeros(len(block))
        for column in range(block.shape[1]):  # in one order, however many rows there are
            total = total + block[:, column] * (1.0 + column / 7)
        return total
