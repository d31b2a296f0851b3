"""The ledger: what became of every event that was sent, counted from what really lies where.

Nothing here trusts the function. An event is found on the output stream, in quarantine or at the failure
destination, by Kinesis's own event id, or it is still on the input stream, or it is lost.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from threeways.stream.records import kinesis_id

PLACES = ("predicted", "quarantined", "abandoned", "pending", "lost")
"""Where an event can be, in the order in which it is looked for."""
WITHOUT_MESSAGES = "without_messages"
"""Where it is besides, if its task makes no message of it."""
TOLERATED = 0.05
"""The share of events given up above which a run is not a good one; that of `make batch` is the same."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One acknowledged record. at: Unix time just before its put. index: its event's, None if broken."""

    at: float
    index: int | None
    key: str = ""
    """Its partition key."""


@dataclass(frozen=True, slots=True)
class Received:
    """The first prediction for an event.

    value: what its message predicts: a number, a label, or several fields by name. at: Unix time at which the
    output stream took it.
    """

    value: Any
    at: float
    number: int = 0
    """In the order of the output stream: of its sequence number, and of its place in an aggregated record."""
    entity: int | str = ""
    """What it says that it is for: the event's own id."""
    version: str | None = None
    """The model's, as the prediction names it."""
    last: int = 0
    """The same of the last of an event's messages, where it has several; `number` is the first one's."""
    interval: Sequence[float] | None = None
    """The two ends of the interval beside its number."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The account of a run: sent = predicted + quarantined + abandoned + pending + lost.

    abandoned: only at the failure destination. pending: still on the stream. duplicates: predictions
    beyond the first of their event. Times in seconds; latency is from put to the prediction's arrival.
    rmse: in the output's unit, over the events whose truth is known and that training would keep; None
    without any. rmse_rides: how many those are. rides_per_s: predictions a second. broken: records broken on
    purpose. rides_given_up: the other events that are in quarantine or abandoned.
    interrupted: it was ended before all was sent. task: its name. model_uri: where the model is. error:
    measures of the predictions whose truth is known: `rmse`; or `accuracy`, `log_loss` and `auc` of classes.
    without_messages: events that are done, and of which the task makes no message; the sum has them, too.
    messages: what was found of the predicted ones. coverage: the share of the `rmse_rides` whose
    interval holds what was true, mean_width: of those intervals; None without intervals.
    Of a function that follows a pointer: versions, the predictions by the version that made them; swaps and
    refused, models that took over and that stayed out, counted by process.
    """

    sent: int
    predicted: int
    quarantined: int
    abandoned: int
    pending: int
    lost: int
    duplicates: int
    batches: int
    cold_start_s: float
    seconds: float
    rides_per_s: float
    latency_p50_s: float | None
    latency_p99_s: float | None
    model_version: str | None
    rmse: float | None
    rmse_rides: int
    broken: int = 0
    rides_given_up: int = 0
    interrupted: bool = False
    task: str | None = None
    model_uri: str | None = None
    error: dict[str, float] = {}
    without_messages: int = 0
    messages: int = 0
    coverage: float | None = None
    mean_width: float | None = None
    versions: dict[str, int] | UnsetType = UNSET
    swaps: int | UnsetType = UNSET
    refused: int | UnsetType = UNSET

    @property
    def failed(self) -> bool:
        """Whether something is lost, or is still on the stream of a run that came to its end."""
        return bool(self.lost or (self.pending and not self.interrupted))

    @property
    def share_given_up(self) -> float:
        """The share of the events, broken records left out, that were given up."""
        return self.rides_given_up / max(1, self.sent - self.broken)


@dataclass(frozen=True)
class Account:
    """What was put and what was read back.

    An event id is Kinesis's own, "shard:sequence number", with ":sub-sequence number" after it for a user
    record of a KPL-aggregated record.
    sent, predictions: by event id, in order. quarantined, abandoned: event ids.
    positions: shard -> the sequence number up to which the mapping is done with it, or None. predictions: of
    events of several messages those of which all are there. without_messages: what the function says it has
    none of. messages: how many there are of the predictions.
    """

    sent: Mapping[str, Sent]
    predictions: Mapping[str, Received]
    duplicates: int
    quarantined: Collection[str]
    abandoned: Collection[str]
    positions: Mapping[str, str | None]
    without_messages: Collection[str] = ()
    messages: int = 0

    def whereabouts(self) -> dict[str, list[str]]:
        """For each place the event ids of the events there: each once, in the first place that has it."""
        places: dict[str, list[str]] = {name: [] for name in PLACES}
        for event_id in self.sent:
            places.setdefault(self._place(event_id), []).append(event_id)
        return places

    def _place(self, event_id: str) -> str:
        if event_id in self.predictions:
            return "predicted"
        whole = kinesis_id(event_id)  # an aggregated record may be set aside, and is given up, as a whole
        if event_id in self.quarantined or whole in self.quarantined:
            return "quarantined"
        if whole in self.abandoned:
            return "abandoned"
        shard, _, sequence = whole.partition(":")
        done = self.positions.get(shard)
        if done is None or int(sequence) > int(done):
            return "pending"
        return WITHOUT_MESSAGES if event_id in self.without_messages else "lost"

    def latencies(self) -> list[float]:
        """Seconds from put to prediction, for each predicted event."""
        return [
            max(0.0, received.at - self.sent[event_id].at)
            for event_id, received in self.predictions.items()
            if event_id in self.sent
        ]

    def throughput(self) -> tuple[float, float]:
        """Seconds from the first put to the last prediction, and predictions a second in that time."""
        if not self.sent or not self.predictions:
            return 0.0, 0.0
        first = next(iter(self.sent.values())).at
        seconds = max(received.at for received in self.predictions.values()) - first
        return seconds, len(self.predictions) / seconds if seconds > 0 else 0.0


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the percentile of the values, None where there are none."""
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def rmse(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return the root of the mean squared difference of (prediction, truth), None for no pair."""
    if not pairs:
        return None
    return math.sqrt(math.fsum((prediction - truth) ** 2 for prediction, truth in pairs) / len(pairs))
