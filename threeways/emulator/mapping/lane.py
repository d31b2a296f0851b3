"""A lane: one invocation at a time, in order. A shard has as many as its `ParallelizationFactor`.

Everything it decides is in `decisions` and `aws.batch_reply`; this carries it out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from botocore.exceptions import BotoCoreError, ClientError

from threeways.aws.batch_reply import Kind, Outcome, outcome_of
from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.emulator.mapping.buffer import Buffer
from threeways.emulator.mapping.counts import EventKind, MappingEvent, MappingReporter
from threeways.emulator.mapping.decisions import Batch, Decision, after_invocation, before_invocation
from threeways.emulator.mapping.destination import Destination
from threeways.emulator.mapping.document import DiscardedRecords
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.read_limits import ReadLimits
from threeways.emulator.mapping.records import Origin, StreamRecord, event_of
from threeways.emulator.mapping.settings import MappingSettings


@dataclass(frozen=True, slots=True)
class Work:
    """What all lanes of a mapping share. clock: epoch seconds. backoff: consecutive failures -> seconds.

    limits: of reads from the stream, None for none.
    """

    settings: MappingSettings
    invoke: Callable[[bytes], InvocationResult]
    destination: Destination | None
    reporter: MappingReporter
    clock: Callable[[], float]
    backoff: Callable[[int], float]
    stopping: Event
    limits: ReadLimits | None = None


def invoked(invoke: Callable[[bytes], InvocationResult], event: bytes) -> InvocationResult:
    """Invoke a function; what it raises is its error."""
    try:
        return invoke(event)
    except BaseException as error:  # noqa: BLE001 - an in-process handler may raise anything, even SystemExit
        return InvocationResult(error=FunctionError(type(error).__name__, str(error)))


@dataclass
class Lane:
    """A lane's work in its thread, until the mapping stops or the shard has ended.

    An invocation in progress is completed. number: the index of the buffer's lane.
    """

    shard: Shard
    origin: Origin
    buffer: Buffer
    work: Work
    number: int = 0
    _queue: deque[Batch] = field(default_factory=deque)
    _failures: int = 0

    def run(self) -> None:
        """Process batch after batch."""
        while not self.work.stopping.is_set():
            if not self._queue:
                records = self.buffer.take(self.number)
                if not records:
                    return
                self._queue.append(Batch(records))
                self.work.reporter.count(batches=1)
            self._step(self._queue[0])

    def _step(self, batch: Batch) -> None:
        work = self.work
        decision = before_invocation(batch, work.settings, work.clock())
        if decision is not None:
            self._carry_out(batch, decision, None)
            return
        work.reporter.age(self.shard.id, work.clock() - batch.records[-1].arrived)
        result = invoked(work.invoke, event_of(batch.records))
        numbers = [record.sequence_number for record in batch.records]
        outcome = outcome_of(result, numbers, report=work.settings.report_batch_item_failures)
        decision = after_invocation(batch, outcome, work.settings)
        self._report_outcome(batch, outcome, decision, result)
        self._carry_out(batch, decision, result)

    def _carry_out(self, batch: Batch, decision: Decision, result: InvocationResult | None) -> None:
        """Advance the checkpoint past finished and discarded records; requeue the others at the front."""
        finished, over = decision.finished, decision.finished + decision.discarded
        self._done(batch.records[:finished])
        self.work.reporter.count(records=finished)
        if decision.discarded:
            invocations = batch.invocations + (result is not None)
            discarded = DiscardedRecords(
                batch.records[finished:over], decision.condition, invocations, result
            )
            if not self._discard(discarded):
                self._queue[0] = Batch(batch.records[finished:], batch.retries, batch.invocations)
                return
            self._done(discarded.records)
        self._queue.popleft()
        self._queue.extendleft(reversed(decision.again))
        self._failures = self._failures + 1 if decision.wait else 0
        if decision.wait:
            self.work.stopping.wait(self.work.backoff(self._failures))

    def _done(self, records: Sequence[StreamRecord]) -> None:
        self.shard.progress.done(record.sequence_number for record in records)

    def _discard(self, discarded: DiscardedRecords) -> bool:
        """Send records to the destination until acknowledged; return False if the mapping stops first."""
        work, records, destination = self.work, discarded.records, self.work.destination
        place, failures = "there is no on-failure destination", 0
        while destination is not None:
            try:
                place = f"kept at {destination.send(discarded, self.origin, work.clock())}"
                break
            except (ClientError, BotoCoreError) as error:
                failures += 1
                work.reporter.count(destination_failures=1)
                self._event("destination_failed", f"on-failure destination: {error}", records)
                if work.stopping.wait(work.backoff(failures)):
                    return False
        work.reporter.count(discarded=len(records), sent_to_destination=len(records) if destination else 0)
        self._event("discarded", f"{discarded.condition}; {place}", records)
        return True

    def _report_outcome(
        self, batch: Batch, outcome: Outcome, decision: Decision, result: InvocationResult
    ) -> None:
        count, size = self.work.reporter.count, len(batch.records)
        count(sent=size, unsuccessful=size - outcome.first if outcome.kind is not Kind.DONE else 0)
        if outcome.kind is Kind.THROTTLED:
            count(throttled=1)
            self._event("throttled", outcome.why, batch.records, result)
            return
        count(invocations=1, retried=bool(batch.invocations))
        if outcome.kind is Kind.FAILED:
            count(failed=1, bad_replies=outcome.bad_reply)
            kind: EventKind = "bad_reply" if outcome.bad_reply else "function_error"
            self._event(kind, outcome.why, batch.records, result)
        elif outcome.kind is Kind.PARTIAL:
            count(partial=1)
            self._event("partial", outcome.why, batch.records[outcome.first :], result)
        if decision.bisected:
            count(bisected=1)
            sizes = " and ".join(str(len(part.records)) for part in decision.again)
            self._event("bisected", f"{size} records; to try: {sizes}", batch.records, result)

    def _event(
        self,
        kind: EventKind,
        message: str,
        records: Sequence[StreamRecord],
        result: InvocationResult | None = None,
    ) -> None:
        self.work.reporter.report(
            MappingEvent(
                kind=kind,
                shard_id=self.shard.id,
                message=" ".join(message.split()),
                records=len(records),
                first=records[0].sequence_number,
                last=records[-1].sequence_number,
                request_id=result.request_id if result else None,
            )
        )
