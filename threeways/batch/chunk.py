"""A chunk of a table: its sound rides by column, and the rows that are no ride, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.batch import id_kinds
from threeways.batch.interval import Interval
from threeways.clock import new_york_wall_clock
from threeways.errors import InvalidEvent, PermanentError, UndecodableEvent
from threeways.scoring.task import EventId
from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import RideColumns, RideEvent
from threeways.systems.taxi.trips.cleaning import minutes_between

FIELDS = ("PULocationID", "DOLocationID", "trip_distance", "pickup_datetime")
"""What a ride has, by its event's names; `ride_id` names it."""
MODULUS = 1_000_003
"""What an id leaves of itself in a fingerprint: a sum of many stays below 64 bits."""


class Refused(msgspec.Struct, frozen=True):
    """A row that has no prediction: its id and the row as JSON, when it was picked up if that can be read."""

    ride_id: str
    pickup_datetime: datetime | None
    payload: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """n sound rides and the refused rows among them, all within one interval.

    ids: n. rides: n. pickup: (n,) datetime64[us], New York's wall clock. minutes: (n,) what each really took,
    NaN where that is not known. passed: rows of the source that this chunk went over, for progress.
    """

    ids: list[EventId]
    rides: RideColumns
    pickup: NDArray[np.datetime64]
    minutes: NDArray[np.float64]
    refused: list[Refused]
    passed: int

    def only(self, kept: NDArray[np.bool_], refused: list[Refused]) -> Chunk:
        """The rides that `kept` (n,) marks, beside these refused rows."""
        rows, rides = np.flatnonzero(kept), self.rides
        return Chunk(
            [self.ids[row] for row in rows.tolist()],
            RideColumns(
                rides.pickup_zone[rows], rides.dropoff_zone[rows], rides.distance[rows], rides.pickup[rows]
            ),
            self.pickup[rows],
            self.minutes[rows],
            refused,
            self.passed,
        )

    def refusal(self, row: int, error: PermanentError) -> Refused:
        """The quarantine entry of a ride that is sound by itself."""
        pickup = self.pickup[row].item()
        given = {
            "PULocationID": int(self.rides.pickup_zone[row]),
            "DOLocationID": int(self.rides.dropoff_zone[row]),
            "trip_distance": float(self.rides.distance[row]),
            "pickup_datetime": pickup,
        }
        return refusal(self.ids[row], payload_of(self.ids[row], given).decode(), pickup, error)

    def without(self, faults: dict[int, PermanentError]) -> Chunk:
        """The chunk with the rides at these positions among the refused, for these reasons."""
        if not faults:
            return self
        kept = np.ones(len(self.ids), bool)
        kept[list(faults)] = False
        return self.only(kept, [*self.refused, *(self.refusal(row, one) for row, one in faults.items())])


class Source(Protocol):
    """Where rides come from."""

    @property
    def name(self) -> str:
        """What tells it from other sources, without a password; see `identity`."""

    @property
    def text_ids(self) -> bool:
        """Whether its ride ids are texts: in all of its chunks; else all are integers."""

    @property
    def ids_in_order(self) -> bool:
        """Whether rows of one id are always in one chunk."""

    def fingerprint(self, interval: Interval) -> tuple[int, int] | None:
        """How many rows lie in the interval, and the sum of their ids modulo `MODULUS`; None: not quickly."""

    def count(self, interval: Interval) -> int:
        """About how many rows `chunks` will go over."""

    def chunks(self, interval: Interval, size: int) -> Generator[Chunk]:
        """The interval's rides, at most `size` rows at a time. Raises DataError."""


def identity(name: str) -> str:
    """What stays of a source's name when its server moves or its user changes: a database and a table.

    Names of files and of SQLite's databases have neither and stay whole.
    """
    url, found, table = name.rpartition("#")
    server = re.fullmatch(r"postgresql(?:\+\w+)?://[^/]*/([^?]+)(?:\?.*)?", url)
    return f"postgresql:{server[1]}#{table}" if found and server else name


@dataclass(slots=True)
class Columns:
    """n rows by column, and which of them the quick checks could not tell to be sound rides.

    ids: n. The arrays are (n,), of the types of `Chunk`'s; dropoff is NaT where unknown. What they hold at an
    odd row does not matter.
    raw: the values of an odd row, by `FIELDS`. text_ids: see `Source`.
    """

    ids: list[Any]
    pickup_zone: NDArray[np.int64]
    dropoff_zone: NDArray[np.int64]
    distance: NDArray[np.float64]
    pickup: NDArray[np.datetime64]
    dropoff: NDArray[np.datetime64]
    odd: NDArray[np.bool_]
    raw: Callable[[int], dict[str, Any]]
    text_ids: bool

    def chunk(self, interval: Interval) -> Chunk:
        """The rows as a chunk. An odd row becomes an event and is decoded as the stream decodes it."""
        refused = []
        sound = ~self.odd
        for row in np.flatnonzero(self.odd).tolist():
            given = self.raw(row)
            payload, outcome = _decoded(self.ids[row], given, text_ids=self.text_ids)
            if isinstance(outcome, PermanentError):
                pickup = _pickup_of(given["pickup_datetime"])
                if pickup is None or interval.holds(pickup):
                    refused.append(refusal(self.ids[row], payload, pickup, outcome))
            else:
                self._mend(row, *outcome)
                sound[row] = True
        rows = np.flatnonzero(sound & interval.mask(self.pickup))
        every = len(rows) == len(self.ids)
        return Chunk(
            self.ids if every else [self.ids[row] for row in rows.tolist()],
            RideColumns(
                self.pickup_zone[rows],
                self.dropoff_zone[rows],
                self.distance[rows],
                self.pickup[rows].astype("datetime64[s]"),
            ),
            self.pickup[rows],
            minutes_between(self.pickup[rows], self.dropoff[rows]),
            refused,
            len(self.ids),
        )

    def _mend(self, row: int, event: RideEvent, pickup: datetime) -> None:
        self.ids[row] = event.ride_id
        self.pickup_zone[row] = event.ride.PULocationID
        self.dropoff_zone[row] = event.ride.DOLocationID
        self.distance[row] = event.ride.trip_distance
        self.pickup[row] = np.datetime64(pickup)


def refusal(ride_id: Any, payload: str, pickup: datetime | None, error: PermanentError) -> Refused:
    """The quarantine entry of a row."""
    return Refused(name_of(ride_id), pickup, payload, error.code, _clean(str(error)))


def name_of(ride_id: Any) -> str:
    """An id as the quarantine writes it."""
    return _clean(str(ride_id))


def payload_of(ride_id: Any, given: dict[str, Any]) -> bytes:
    """A row as the event that the stream would carry."""
    ride = {name: value for name, value in given.items() if value is not None or name != "pickup_datetime"}
    return msgspec.json.encode({"ride_id": ride_id, "ride": ride}, enc_hook=_plain)


def _plain(value: object) -> object:
    return str(value)


def _decoded(
    ride_id: Any, given: dict[str, Any], *, text_ids: bool
) -> tuple[str, tuple[RideEvent, datetime] | PermanentError]:
    given = {name: _number(value) for name, value in given.items()}
    try:
        payload = payload_of(_number(ride_id), given)
    except UnicodeEncodeError:
        return _clean(repr((ride_id, given))), UndecodableEvent("its text is no UTF-8")
    text = payload.decode()
    try:
        if wrong := id_kinds.fault(ride_id, text=text_ids):
            raise wrong
        event = task.decode(payload)
        when = event.ride.pickup_datetime
        if when is None:  # the stream has an arrival to stand in for it, a table has not
            raise InvalidEvent("Object missing required field `pickup_datetime` - at `$.ride`")
        return text, (event, new_york_wall_clock(when, datetime.min))  # noqa: DTZ901 - never looked at
    except PermanentError as error:
        return text, error


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value  # in JSON a decimal would be a text


def _pickup_of(value: Any) -> datetime | None:
    """When a refused row was picked up, where that can be told, so that it belongs to an interval."""
    text = value.isoformat() if isinstance(value, datetime) else value
    if not isinstance(text, str):
        return None
    try:
        return new_york_wall_clock(text, datetime.min)  # noqa: DTZ901 - never looked at
    except InvalidEvent:
        return None


def _clean(text: str) -> str:
    """The text without what a database may refuse: lone surrogates, NUL."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
