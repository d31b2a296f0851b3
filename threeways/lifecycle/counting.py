"""Count what a function scores into the bins of its model's reference, between batches.

Counting comes after delivery and never causes redelivery: a failure is logged, told as a metric, and the
record is put again after the next interval. NumPy only, as it ships in the function's image.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Table
from threeways.artifact.reference import Reference
from threeways.artifact.reference.binning import SAMPLED, counter_of, named_columns
from threeways.aws.calls import Deadline, begin
from threeways.lifecycle.counts import CountsRecord, key_of, place_of
from threeways.scoring.observed import Observed
from threeways.scoring.service import ModelService

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

BUFFERED = 1_000
"""Small batches are counted together once they have so many rows."""
BUFFERED_BATCHES = 100
KEPT_RECORDS = 60
"""Records that could not be put are kept, so many at the most: an hour of minutes."""
WAIT = 0.2
"""Seconds that an answer to AWS waits for a record's acknowledgement, once an interval."""

type Put = Callable[[str, bytes], object]
"""Store an object under a key, or raise."""


class S3Records:
    """Puts records under `s3://bucket/prefix`."""

    def __init__(self, client: S3Client, location: str) -> None:
        uri = place_of(location)
        self._client, self._bucket, self.prefix = client, uri.bucket, uri.folder

    def __call__(self, key: str, body: bytes) -> None:
        """Put one object; one attempt."""
        self._client.put_object(
            Bucket=self._bucket, Key=f"{self.prefix}{key}", Body=body, ContentType="application/json"
        )


@dataclass
class _Tally:
    """An interval's counts by one version. columns: name -> its bins' counter and counts."""

    service: ModelService[Any]
    reference: Reference
    start: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    rows: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.features, self.predictions = (
            {one.name: (counter_of(one, SAMPLED), np.zeros(one.width, np.int64)) for one in columns}
            for columns in (self.reference.features, self.reference.predictions)
        )

    def add(self, batches: Sequence[Observed]) -> None:
        """Count batches, together."""
        service = self.service
        taken = [(rows, values) for rows, values in map(_sound, batches) if len(values)]
        rows = [one for one, _ in taken if one is not None and len(one)]
        if rows:
            _add(self.features, named_columns(_joined(rows), service.task.columns))
        if self.predictions and taken:
            _add(self.predictions, service.answered.table(np.concatenate([values for _, values in taken])))
        self.rows += sum(len(values) for _, values in taken)
        for one in batches:
            if any(one.flags):
                self.flags.update(chain.from_iterable(one.flags))

    def record(self, end: float) -> CountsRecord:
        """Return the interval's record."""
        return CountsRecord(
            1, self.id, self.service.task.name, self.service.task.model_name, self.service.version,
            self.reference.bins_id, _moment(self.start), _moment(end), self.rows,
            [counts.tolist() for _, counts in self.features.values()],
            [counts.tolist() for _, counts in self.predictions.values()],
            dict(self.flags), dict(self.quarantined),
        )  # fmt: skip


class Counting:
    """Counts for the service that scored, whichever that is. Not thread-safe: one caller at a time.

    put: stores a record. seconds: an interval. clock: seconds of Unix time. wait: see WAIT.
    """

    def __init__(
        self, put: Put, seconds: float, clock: Callable[[], float] = time.time, wait: float = WAIT
    ) -> None:
        self._put, self._seconds, self._clock, self._wait = put, seconds, clock, wait
        self._tally: _Tally | None = None
        self._service: ModelService[Any] | None = None
        self._buffer: list[Observed] = []
        self._buffered = 0
        self._outbox: deque[tuple[str, bytes]] = deque()
        self._putting: Future[Any] | None = None
        self._sending = ""
        self._put_at = -math.inf
        self._dropped = 0

    def watch(self, service: ModelService[Any]) -> None:
        """Get ready for a batch that this service is going to score."""
        if service is not self._service:
            self._end()
            self._service = service
        # what a batch that failed has left is scored again
        service.observed = [] if service.reference is not None else None

    def count(self, quarantined: Mapping[str, int], deadline: Deadline) -> int:
        """Count the batch that was scored and delivered last; return how many records could not be put.

        quarantined: reason -> events that the quarantine has acknowledged. Raises nothing.
        """
        try:
            return self._count(quarantined, deadline)
        except Exception:
            logger.exception("a batch is not counted")
            return 1

    def flush(self) -> None:
        """Put what is counted, and wait for it: for tests, and for a process that is told of its end."""
        self._end()
        while self._outbox:
            self._put(*self._outbox[0])
            self._outbox.popleft()

    def _count(self, quarantined: Mapping[str, int], deadline: Deadline) -> int:
        service, now = self._service, self._clock()
        if service is None or service.observed is None or service.reference is None:
            return 0
        if self._tally is None:
            self._tally = _Tally(service, service.reference, now)
        self._tally.quarantined.update(quarantined)
        seen, service.observed = service.observed, []
        self._buffer += seen
        self._buffered += sum(len(one.values) for one in seen)
        if self._buffered >= BUFFERED or len(self._buffer) >= BUFFERED_BATCHES:
            self._counted()
        if now - self._tally.start >= self._seconds:
            self._end(now)
        return self._sent(now, deadline)

    def _counted(self) -> None:
        """Count what is buffered."""
        batches, self._buffer, self._buffered = self._buffer, [], 0
        if self._tally is not None and batches:
            self._tally.add(batches)

    def _end(self, now: float | None = None) -> None:
        """End the interval: its record waits to be put."""
        try:
            self._counted()
            tally, self._tally = self._tally, None
            if tally is None or not (tally.rows or tally.quarantined):
                return
            record = tally.record(self._clock() if now is None else now)
            self._outbox.append((key_of("", record.id, record.start), msgspec.json.encode(record)))
        finally:
            self._tally = None
        if len(self._outbox) > KEPT_RECORDS:
            self._outbox.popleft()
            self._dropped += 1
            logger.error("a record of counts is lost: %d could not be put for too long", KEPT_RECORDS)

    def _sent(self, now: float, deadline: Deadline) -> int:
        """Put the oldest record that waits; return the failures."""
        failures, self._dropped = self._dropped, 0
        if self._putting is None:
            if not self._outbox or now < self._put_at or deadline.remaining() < 2 * self._wait:
                return failures
            key, body = self._outbox[0]
            self._sending = key
            self._putting = begin(self._put, Deadline(lambda: math.inf), key=key, body=body).future
            wait = self._wait
        else:
            wait = 0.0  # the batch that began it has waited
        try:
            self._putting.result(wait)
        except TimeoutError as error:
            if not self._putting.done():
                return failures
            self._failed(error, now)
            failures += 1
        except Exception as error:  # noqa: BLE001 - whatever S3 or the network says
            self._failed(error, now)
            failures += 1
        else:
            if self._outbox and self._outbox[0][0] == self._sending:
                self._outbox.popleft()
        self._putting = None
        return failures

    def _failed(self, error: BaseException, now: float) -> None:
        self._put_at = now + self._seconds
        logger.warning("counts are not put, and will be again in %g s: %r", self._seconds, error)


def _sound(one: Observed) -> tuple[Any, NDArray[Any]]:
    """Return the rows and the answers of events that have one. Rows that are no columns: None."""
    rows: Any = one.take.args[0] if isinstance(one.take, partial) else None
    values = one.values
    if one.faults:
        kept = [row for row in range(len(values)) if row not in one.faults]
        values, rows = values[kept], None if rows is None else rows[kept]
    return getattr(rows, "rows", rows), values  # of groups: the rows of all events


def _joined(rows: Sequence[Any]) -> Any:
    """Return several blocks or tables as one."""
    if len(rows) == 1:
        return rows[0]
    if isinstance(rows[0], Table):
        names = rows[0].columns
        return Table({name: np.concatenate([one.columns[name] for one in rows]) for name in names})
    return np.concatenate(rows)


def _add(counted: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> None:
    for name, (count, total) in counted.items():
        values = columns.get(name)
        if values is not None and len(values):
            np.add(total, count(values), out=total)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
