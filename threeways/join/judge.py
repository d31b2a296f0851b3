"""Judge closed cohorts: read the outcomes of labels back from the decisions stream, put figures and metrics.

The handler of a schedule. It keeps nothing: what a cohort's figures are made of lies on the stream, and each
call reads as far back as the cohorts that closed since the last one reach. So a call that comes again makes
the same messages under the same ids, and the same metrics.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.aws.calls import Context, Deadline, overlapped
from threeways.aws.kinesis import Listed, ShardReader, list_shards
from threeways.errors import DeadlineNear, DeliveryFailed, SettingsError
from threeways.join.labels import LABEL, UNMATCHED, LabelJoin
from threeways.lifecycle.cohorts import Cohort
from threeways.lifecycle.live import GRACE, Live
from threeways.stream.delivery import Delivery, Entry
from threeways.stream.telemetry import NAMESPACE, logger_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

PERIOD = 3_600.0
"""Seconds between two calls of the schedule: join.yaml has it."""
OVERLAP = 300.0
"""Seconds that a call looks back beyond the one before it, for a schedule is not exact."""
THREADS = 16
"""Shards that are read at once."""
COHORT = "cohort"
"""The kind of its messages."""
_HOUR = 3_600


class _Outcome(msgspec.Struct, gc=False):
    """What tells an outcome of a cohort from the stream's other messages."""

    message: str = ""
    at: str = ""


class Judge:
    """The handler. clock: seconds of Unix time, which the events' times have to be by."""

    def __init__(
        self,
        join: LabelJoin[Any],
        kinesis: KinesisClient,
        stream: str,
        delivery: Delivery,
        report: Callable[[Sequence[Cohort], Context | None], None] = lambda _cohorts, _context: None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._join = join
        self._kinesis = kinesis
        self._stream = stream
        self._delivery = delivery
        self._report = report
        self._clock = clock
        self._kind = msgspec.json.Decoder(_Outcome)

    def __call__(self, event: object = None, context: Context | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Return the messages of the cohorts that closed since the last call, for people who invoke it.

        Raises SettingsError where the stream forgets too early, DeadlineNear and DeliveryFailed, upon which
        Lambda calls again.
        """
        deadline, now = Deadline.of(context), self._clock()
        live = self._join.live()
        starts = self._closing(live, now)
        if not starts:
            return {"cohorts": []}
        self._require_kept(now - min(starts))
        self._read(live, starts, deadline)
        cohorts = live.close(now)
        messages = [self._message(one) for one in cohorts]
        self._put(messages, deadline)
        self._report(cohorts, context)
        return {"cohorts": messages}

    def _closing(self, live: Live, now: float) -> set[float]:
        """Return the starts of the cohorts that closed since the last call."""
        last = (now - live.closes(0.0)) // live.length * live.length
        since = now - PERIOD - OVERLAP
        found = set()
        while live.closes(last) > since:
            found.add(last)
            last -= live.length
        return found

    def _require_kept(self, seconds: float) -> None:
        summary = self._kinesis.describe_stream_summary(StreamName=self._stream)["StreamDescriptionSummary"]
        hours, needed = summary["RetentionPeriodHours"], int(seconds // _HOUR) + 1
        if hours < needed:
            raise SettingsError(
                f"the stream {self._stream} keeps records for {hours} h, and a cohort is judged {needed} h "
                f"after it began; deploy with RetentionHours={needed} or a shorter deadline of the labels"
            )

    def _read(self, live: Live, starts: Collection[float], deadline: Deadline) -> None:
        """Take the outcomes of cohorts, all shards at once. Raises DeadlineNear, boto's errors."""
        since = datetime.fromtimestamp(min(starts) - GRACE, UTC)
        start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        until, lock = datetime.now(UTC), threading.Lock()

        def take(shard: Listed) -> None:
            reader = ShardReader(self._kinesis, shard.id, {"StreamName": self._stream}, start)
            for page in reader.pages():
                if deadline.remaining() <= 0:
                    raise DeadlineNear(
                        "no time is left to read outcomes, of which a shard gives 2 MB a second: raise the "
                        "function's timeout, or ShardCount for those to come"
                    )
                found = [one for record in page if (one := self._outcome(record["Data"], live, starts))]
                with lock:
                    for outcome in found:
                        live.add(outcome)
                if page and page[-1]["ApproximateArrivalTimestamp"] > until:
                    break

        for answer in overlapped(take, list_shards(self._kinesis, self._stream), THREADS, deadline):
            if isinstance(answer, Exception):
                raise answer

    def _outcome(self, data: bytes, live: Live, starts: Collection[float]) -> dict[str, Any] | None:
        """Return the outcome that a record is; None for another message, and one of another cohort."""
        try:
            read = self._kind.decode(data)
        except msgspec.DecodeError:
            return None
        if read.message not in (LABEL, UNMATCHED) or live.cohort_of(read.at) not in starts:
            return None
        outcome: dict[str, Any] = msgspec.json.decode(data)
        return outcome

    def _message(self, cohort: Cohort) -> dict[str, Any]:
        figures = cohort.message(self._join.cohort, {one.field: one.top for one in self._join.slices})
        named = f"{self._join.name}\0{cohort.model}\0{cohort.version}\0{figures['start']}"
        made = hashlib.sha256(named.encode()).hexdigest()[:32]
        return {"message": COHORT, "id": f"{made}-{COHORT}", **figures}

    def _put(self, messages: Sequence[dict[str, Any]], deadline: Deadline) -> None:
        entries = [Entry(one["id"], one["id"], msgspec.json.encode(one)) for one in messages]
        receipt = self._delivery.deliver(entries, deadline, range(len(entries)))
        if receipt.unfinished:
            raise DeliveryFailed(
                f"{len(receipt.unfinished)} of {len(entries)} figures of cohorts are not put"
            )


class CohortMetrics:
    """Prints cohorts as CloudWatch metrics: by version, and of the version that predicted most for alarms.

    service: the metrics' dimension of that name.
    """

    def __init__(self, join: str, service: str | None = None) -> None:
        self._service = service or join
        self._logger = logger_of(join=join)

    def __call__(self, cohorts: Sequence[Cohort], context: Context | None) -> None:
        """Print the metrics of closed cohorts, then one log line each."""
        function = str(getattr(context, "function_name", "unknown"))
        for one in cohorts:
            self._print(one, function, version=one.version[:256] or "-")
            self._logger.info("judge", extra={"cohort": one.message(0.0, {})})
        for start in sorted({one.start for one in cohorts}):
            most = max(
                (one for one in cohorts if one.start == start), key=lambda one: (one.labelled, one.version)
            )
            self._print(most, function)

    def _print(self, one: Cohort, function: str, **dimensions: str) -> None:
        from aws_lambda_powertools.metrics import EphemeralMetrics

        metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        for name, value in {"function_name": function, **dimensions}.items():
            metrics.add_dimension(name, value)
        for name, unit, figure in _metrics(one):
            if figure is not None:
                metrics.add_metric(name=name, unit=unit, value=figure)
        metrics.flush_metrics()


def _metrics(one: Cohort) -> Iterator[tuple[str, str, float | None]]:
    """Yield name, unit and value of a cohort's metrics; None where there is none."""
    found = one.figures
    yield "Labelled", "Count", one.labelled
    yield "Completeness", "Percent", 100 * one.completeness
    yield "Coverage", "Percent", None if found.coverage is None else 100 * found.coverage
    yield "MAE", "None", found.mae
    yield "RMSE", "None", found.rmse
    yield "Bias", "None", found.bias
    yield "AbsoluteBias", "None", None if found.bias is None else abs(found.bias)
