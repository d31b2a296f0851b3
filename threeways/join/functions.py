"""The Lambda functions of a join: `join_events`, `publish`, `expire`, `sweep`; of one of labels also `judge`.

Each is built from the environment when it is first asked for, which Lambda does when it starts the process:
what cannot work stops the start, with the reason and the mend in the function's log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from threeways.aws import clients, dynamodb
from threeways.aws.calls import Deadline
from threeways.errors import PermanentError, SettingsError
from threeways.join.deadlines import Deadlines
from threeways.join.effects import Effects
from threeways.join.finding import find
from threeways.join.join import Join
from threeways.join.joiner import THREADS, Joiner
from threeways.join.publisher import Outbox, Publisher
from threeways.join.sweeper import Sweeper
from threeways.join.table import DynamoTable
from threeways.join.telemetry import PowertoolsTelemetry
from threeways.join.timers import SqsTimers
from threeways.settings import JoinSettings, from_environment
from threeways.stream.delivery import StreamDelivery
from threeways.stream.quarantine import NoQuarantine, Quarantine, S3Quarantine, split_location
from threeways.stream.records import Record

CALLS: dict[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 3,
    "retries": {"total_max_attempts": 1},
    "max_pool_connections": THREADS,
    "parameter_validation": False,
    "tcp_keepalive": True,
}
"""An attempt at a call connects within a second and waits three for the next byte of its answer; attempts
after the first are the join's own, which knows the deadline, and so are the requests."""
ALWAYS = ("Overdue", "OverdueAge", "OutboxAge")
"""What the sweep reports though it is 0, so that an alarm has data each minute."""

type Handler = Callable[[Any, Any], Any]


class LazyQuarantine:
    """An S3Quarantine whose client is made when the first record is set aside: most processes need none."""

    def __init__(self, location: str) -> None:
        split_location(location)  # so that a wrong one stops the start
        self._location = location
        self._made: Quarantine | None = None

    def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
        """Store the records; see `Quarantine`."""
        if self._made is None:
            self._made = S3Quarantine(_client("s3"), self._location)
        return self._made.put(faults, deadline)


class Functions:
    """Builds the handlers of one join.

    Raises SettingsError for what is not set or cannot be, such as messages that no stream takes.
    """

    def __init__(self, settings: JoinSettings) -> None:
        self._settings = settings
        name = self._of("join", "name a join, such as JOIN=my_package.my_join")
        found = find(name, settings.join_policy)
        deadline = settings.join_deadline
        self.join: Join[Any] = found if deadline is None else replace(found, deadline=deadline)
        self.join.prove()
        Effects(self.join).prove()

    def join_events(self) -> Handler:
        """Return the handler of the streams of subjects and of verdicts."""
        location = self._settings.quarantine_location
        quarantine: Quarantine = LazyQuarantine(location) if location else NoQuarantine()
        return Joiner(self.join, self._table(), self._timers(), quarantine, self._telemetry())

    def expire(self) -> Handler:
        """Return the handler of the queue of timers."""
        return Deadlines(self.join, self._table(), self._timers(), self._telemetry())

    def publish(self) -> Handler:
        """Return the handler of the table's stream."""
        return Outbox(self.join, self._publisher(self._table()), self._telemetry())

    def sweep(self) -> Handler:
        """Return the handler of the schedule."""
        table = self._table()
        return Sweeper(self.join, table, self._publisher(table), self._telemetry(ALWAYS))

    def judge(self) -> Handler:
        """Return the handler of the schedule that judges closed cohorts of a join of labels."""
        from threeways.join.judge import CohortMetrics, Judge
        from threeways.join.labels import LabelJoin

        if not isinstance(self.join, LabelJoin):
            raise SettingsError(
                f"JOIN={self.join.name} is no join of labels, which `label_join` makes; deploy it with "
                "Labels=false"
            )
        report = CohortMetrics(self.join.name, self._settings.powertools_service_name)
        kinesis, stream = self._decisions()
        return Judge(self.join, kinesis, stream, StreamDelivery(kinesis, stream), report)

    def _decisions(self) -> tuple[Any, str]:
        """Return a client of Kinesis, and the stream for decisions."""
        stream = self._of("decisions_stream_name", "name the stream for decisions")
        return _client("kinesis", endpoint_url=self._settings.kinesis_endpoint_url), stream

    def _table(self) -> DynamoTable:
        name = self._of("join_table_name", "name the join's table")
        return DynamoTable(dynamodb.client(_session(), **CALLS), name, self.join)

    def _timers(self) -> SqsTimers:
        return SqsTimers(_client("sqs"), self._of("join_queue_url", "give the URL of the queue of timers"))

    def _publisher(self, table: DynamoTable) -> Publisher:
        return Publisher(self.join, table, StreamDelivery(*self._decisions()))

    def _telemetry(self, always: Sequence[str] = ()) -> PowertoolsTelemetry:
        return PowertoolsTelemetry(self.join.name, self._settings.powertools_service_name, always)

    def _of(self, setting: str, mend: str) -> str:
        value: str | None = getattr(self._settings, setting)
        if not value:
            raise SettingsError(f"{setting.upper()} is not set: {mend}")
        return value


@cache
def _session() -> Any:
    return clients.core_session()


def _client(service: str, **options: Any) -> Any:
    return clients.core_client(_session(), service, **CALLS, **options)


_HANDLERS = ("join_events", "publish", "expire", "sweep", "judge")


def __getattr__(name: str) -> Handler:
    if name not in _HANDLERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    handler: Handler = getattr(Functions(from_environment(JoinSettings)), name)()
    globals()[name] = handler
    return handler
