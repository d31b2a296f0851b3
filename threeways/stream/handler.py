"""Handle one batch of Kinesis records: score, deliver or quarantine them, and report batch item failures.

A record is done only when its prediction or its quarantine entry has been acknowledged. The lowest
sequence number that is not done goes into `batchItemFailures`, and AWS sends everything from it again; a
KPL-aggregated record is done when all its user records are. For each input partition key the first deliveries
are in order. An invocation that has no time for its first record raises, so that AWS halves the batch.
docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import gc
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, cast

from threeways.aws.calls import Context, Deadline
from threeways.errors import PermanentError
from threeways.scoring.messages import WITHOUT_MESSAGES, FannedOut
from threeways.scoring.on_demand import OnDemand
from threeways.scoring.outcomes import Outcome, Scored
from threeways.scoring.service import ModelService
from threeways.stream import retries
from threeways.stream.answers import batch_item_failures, require_progress
from threeways.stream.delivery import Delivery, Entry
from threeways.stream.lanes import Lanes
from threeways.stream.quarantine import Quarantine, set_aside
from threeways.stream.records import Batch, Record, batch_of, moment
from threeways.stream.telemetry import Invocation, NoTelemetry, Telemetry

logger = logging.getLogger(__name__)

MAX_REPLY_BYTES = 6 * 2**20 - 2**16
"""Lambda's limit on an answer is 6 MB: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
KEPT_SHARE = 0.2
"""The share of an invocation's time that is reserved for delivery and quarantine."""


type Parse = Callable[[object], Batch]
"""Parse a Lambda event into its batch. Raises InvalidInvocation."""
type Failures = Callable[[Sequence[Record]], dict[str, Any]]
"""Return the answer that tells Lambda which records are not done."""


class Following(Protocol):
    """What tells which model goes on, such as `threeways.lifecycle.follow.Follower`."""

    def next(self, time_left: Callable[[], float]) -> ModelService[Any] | None:
        """Return the model of the next batches, within so many seconds; None: the same. Raises nothing."""


class Counting(Protocol):
    """What counts a service's batches, such as `threeways.lifecycle.counting.Counting`."""

    def watch(self, service: ModelService[Any]) -> None:
        """Get ready for a batch that this service is going to score."""

    def count(self, quarantined: Mapping[str, int], deadline: Deadline) -> int:
        """Count the batch that was delivered; return how many records could not be put. Raises nothing."""


class StreamHandler:
    """The Lambda handler of a model service; calling it handles one event.

    returns_predictions: answer with `predictions` beside what is not done, for tests and people. lanes: the
    mapping's `ParallelizationFactor`, if known. clock: seconds of Unix time, to compute records' ages. parse,
    failures: how the source's events are read and answered, those of Kinesis if not given. following: is
    asked after each batch whether another model takes over: a batch is scored by one.

    failures: how the source's events are read and answered, those of Kinesis if not given. counting: counts
    what was delivered, for monitoring.
    """

    def __init__(
        self,
        service: ModelService[Any],
        delivery: Delivery,
        quarantine: Quarantine,
        telemetry: Telemetry | None = None,
        *,
        returns_predictions: bool = False,
        lanes: int | None = None,
        clock: Callable[[], float] = time.time,
        parse: Parse = batch_of,
        failures: Failures | None = None,
        following: Following | None = None,
        counting: Counting | None = None,
    ) -> None:
        self.service = service
        self._parse = parse
        self._failures = failures or batch_item_failures
        self._delivery = delivery
        self._quarantine = quarantine
        self._telemetry = NoTelemetry() if telemetry is None else telemetry
        self._returns_predictions = returns_predictions
        self._lanes = Lanes(lanes)
        self._clock = clock
        self._following = following

        self._counting = counting
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="quarantine")

    def __call__(self, event: object, context: Context | None = None) -> dict[str, Any]:
        """Return the answer to AWS: `{"batchItemFailures": [{"itemIdentifier": sequence number}]}`.

        Raises InvalidInvocation for an event that is not Kinesis's, ModelFailed where the model fails on
        every record, DeadlineNear where the time did not suffice for the first of several records: then AWS
        sends the batch again, in halves.
        """
        if self._following is None:
            return self.handle(self._parse(event), context)
        try:
            return self.handle(self._parse(event), context)
        finally:  # a model that fails on each batch is to be replaced, too
            self._follow(self._following, Deadline.of(context))

    def handle(self, batch: Batch, context: Context | None = None) -> dict[str, Any]:
        """Handle records that are already parsed; return and raise as `__call__` does."""
        deadline, now = Deadline.of(context), self._clock()
        whole, first = deadline.remaining(), next(iter(batch.sequence_numbers), None)
        kept = KEPT_SHARE * whole
        later = batch.later
        invocation = Invocation(len(batch), oldest_age=_oldest_age(batch, now))
        if self._counting is not None:
            self._counting.watch(self.service)
        outcomes: Sequence[Outcome] = self.service.score(
            batch.payloads, OnDemand(batch.arrived_at, moment), lambda: deadline.remaining() - kept
        )
        if self.service.fan_out is not None:
            outcomes = self.service.fan_out.fanned_out(
                outcomes, batch.event_ids, lambda: deadline.remaining() - kept
            )
        left = deadline.remaining()
        aside: retries.Aside = []
        if batch.wholes:
            invocation.scattered = self._lanes.scattered(batch)
            late = retries.undeliverable(batch, self._delivery.seconds, whole, left)
            batch, outcomes, aside = retries.without(batch, outcomes, late)
        delivered, faults, not_scored = _sorted_out(batch, outcomes, now)
        faults += aside
        # The two are independent: an unreachable quarantine must not use up the predictions' time.
        quarantining = self._beside.submit(set_aside, self._quarantine, faults, deadline) if faults else None
        silent: list[str] = []
        if self.service.fan_out is None:
            unfinished, messages = self._deliver(*delivered, deadline, invocation)
        else:
            unfinished, messages, silent = self._fan_out(*delivered, deadline, invocation)
        stored, again = quarantining.result() if quarantining else (0, 0)
        unfinished += [record for record, _ in faults[stored:]] + not_scored
        unfinished += later
        invocation.retries += again
        invocation.quarantined = Counter(error.code for _, error in faults[:stored])
        invocation.unfinished = len(unfinished)
        if self._counting is not None:
            invocation.counts_failed = self._counting.count(invocation.quarantined, deadline)
        self._report(invocation, context)
        answer = self._failures(unfinished)
        if silent:
            answer[WITHOUT_MESSAGES] = silent
        if left < kept / 2 and unfinished:
            require_progress(unfinished, first, batch)
        if self._returns_predictions:
            answer |= _with_predictions(messages)
        return answer

    def _deliver(
        self, batch: Batch, scored: Sequence[Scored], deadline: Deadline, invocation: Invocation
    ) -> tuple[list[Record], list[bytes]]:
        """Deliver; return the records that are not delivered, and all predictions as they are put."""
        messages = self.service.messages(scored, batch.event_ids)
        ids = [str(one.event_id) for one in scored]
        entries = list(map(Entry, batch.partition_keys, ids, messages))
        receipt = self._delivery.deliver(entries, deadline)
        invocation.retries += receipt.retries
        invocation.predictions = len(entries) - len(receipt.unfinished)
        return [batch[position] for position in receipt.unfinished], messages

    def _fan_out(
        self, batch: Batch, scored: Sequence[Scored], deadline: Deadline, invocation: Invocation
    ) -> tuple[list[Record], list[bytes], list[str]]:
        """Deliver each record's messages, none to many; return the same, and the ids of those with none."""
        made = [(place, one) for place, each in enumerate(scored) for one in cast("FannedOut", each).messages]
        events = [place for place, _ in made]
        entries = [Entry(batch.partition_keys[place], key, data) for place, (key, data) in made]
        receipt = self._delivery.deliver(entries, deadline, events)
        late = {events[position] for position in receipt.unfinished}
        silent = [batch.event_ids[place] for place in sorted(set(range(len(batch))).difference(events))]
        invocation.retries += receipt.retries
        invocation.predictions = len(batch) - len(late)
        invocation.messages = len(entries) - len(receipt.unfinished)
        invocation.without_messages = len(silent)
        return [batch[place] for place in sorted(late)], [one.data for one in entries], silent

    def _follow(self, following: Following, deadline: Deadline) -> None:
        """Go on with another model, where one takes over."""
        new = following.next(deadline.remaining)
        if new is None:
            return
        self.service = new
        self._telemetry.serves(new.version, new.runtime)
        if gc.get_freeze_count():  # the model that was replaced is among what `lambda_function.py` has kept
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    def _report(self, invocation: Invocation, context: Context | None) -> None:
        """Report the invocation; a telemetry failure is logged and never causes redelivery."""
        try:
            self._telemetry.report(invocation, context)
        except Exception:
            logger.exception("the invocation's metrics are lost")


def _sorted_out(
    batch: Batch, outcomes: Sequence[Outcome], now: float
) -> tuple[tuple[Batch, Sequence[Scored]], list[tuple[Record, PermanentError]], list[Record]]:
    """Return the records to deliver, with their scores, those to quarantine, and those to be sent again.

    now: seconds of Unix time. Raises DeadlineNear where no progress can be made.
    """
    if set(map(type, outcomes)) == {Scored}:
        return (batch, cast("Sequence[Scored]", outcomes)), [], []
    outcomes = retries.settled(batch, outcomes, now)
    faults = [
        (batch[position], outcome)
        for position, outcome in enumerate(outcomes)
        if isinstance(outcome, PermanentError)
    ]
    done = [position for position, outcome in enumerate(outcomes) if isinstance(outcome, Scored)]
    again: list[int] = []
    if len(done) + len(faults) < len(outcomes):
        done, again = _held_back(batch.partition_keys, outcomes)
    scored = [cast("Scored", outcomes[position]) for position in done]
    return (batch.taken(done), scored), faults, [batch[position] for position in again]


def _held_back(keys: Sequence[str], outcomes: Sequence[Outcome]) -> tuple[list[int], list[int]]:
    """Return what may be delivered, and what is sent again: unscored records and later ones of their keys."""
    done: list[int] = []
    again: list[int] = []
    held: set[str] = set()
    for position, outcome in enumerate(outcomes):
        if isinstance(outcome, PermanentError):
            continue
        if isinstance(outcome, Scored) and keys[position] not in held:
            done.append(position)
        else:
            again.append(position)
            held.add(keys[position])
    return done, again


def _oldest_age(batch: Batch, now: float) -> float:
    return max(0.0, now - min(batch.arrived_at)) if batch else 0.0


def _with_predictions(messages: Sequence[bytes]) -> dict[str, Any]:
    plain = [json.loads(message) for message in messages]
    if sum(len(json.dumps(prediction)) + 2 for prediction in plain) > MAX_REPLY_BYTES:
        logger.warning("%d predictions are left out: the answer would be over Lambda's 6 MB", len(plain))
        return {}
    return {"predictions": plain}
