"""The mapping on a real (emulated) stream, driving handlers in this process."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from threeways.aws.invocation import THROTTLED, FunctionError, InvocationResult
from threeways.emulator.mapping import EventSourceMapping, MappingEvent, MappingSettings
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

PARTIAL = MappingSettings(batch_size=10, report_batch_item_failures=True)
OK = InvocationResult(payload=b'{"batchItemFailures": []}', request_id="request")
ERROR = InvocationResult(error=FunctionError("ValueError", "bad\nluck"), request_id="request")


type Put = Callable[..., list[str]]
type Eventually = Callable[..., None]
type NewStream = Callable[[int], str]
type Run = Callable[..., EventSourceMapping]


def report(*numbers: str) -> InvocationResult:
    items = [{"itemIdentifier": number} for number in numbers]
    return InvocationResult(payload=json.dumps({"batchItemFailures": items}).encode())


@dataclass
class Handler:
    """Remembers the texts and sequence numbers of each batch; answers what `answer` does."""

    answer: Callable[[list[str], list[str]], InvocationResult] = lambda _texts, _numbers: OK
    batches: list[list[str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, payload: bytes) -> InvocationResult:
        event = json.loads(payload)
        texts = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        with self.lock:
            self.batches.append(texts)
            self.events.append(event)
        return self.answer(texts, numbers)


@dataclass
class Rig:
    """Makes mappings of one emulator, with no backoff to speak of, and stops them after the test."""

    emulator: Emulator
    events: list[MappingEvent] = field(default_factory=list)
    made: list[EventSourceMapping] = field(default_factory=list)

    def mapping(self, stream: str, handler: Any, settings: Any = PARTIAL, **more: Any) -> EventSourceMapping:
        more.setdefault("backoff", lambda _failures: 0.005)
        more.setdefault("on_event", self.events.append)
        mapping = EventSourceMapping(self.emulator.client("kinesis"), stream, handler, settings, **more)
        self.made.append(mapping)
        return mapping

    def kinds(self) -> set[str]:
        return {event.kind for event in self.events}


@pytest.fixture
def rig(emulator: Emulator) -> Iterator[Rig]:
    rig = Rig(emulator)
    yield rig
    for mapping in rig.made:
        mapping.stop()


@pytest.fixture
def run(rig: Rig, eventually: Eventually) -> Run:
    """Runs a mapping until its stream is drained."""

    def drained(*arguments: Any, **more: Any) -> EventSourceMapping:
        with rig.mapping(*arguments, **more) as mapping:
            eventually(mapping.drained)
        return mapping

    return drained


TEXTS = [str(number) for number in range(25)]


def test_records_come_in_order_in_batches_of_batch_size_and_are_checkpointed(
    run: Run, stream: str, put: Put
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    numbers = put(stream, TEXTS)
    handler = Handler()
    mapping = run(stream, handler)
    assert [text for batch in handler.batches for text in batch] == TEXTS
    assert max(map(len, handler.batches)) == 10
    assert mapping.positions() == {"shardId-000000000000": numbers[-1]}
    counts = mapping.counts()
    assert (counts.records, counts.invocations, counts.failed) == (25, len(handler.batches), 0)
    record = handler.events[0]["Records"][0]
    assert record["eventID"] == f"shardId-000000000000:{numbers[0]}"
    assert record["eventSourceARN"].endswith(f":stream/{stream}")


def test_a_reported_record_and_all_after_it_come_again_before_anything_else(
    run: Run, rig: Rig, stream: str, put: Put
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    put(stream, TEXTS)
    tries: list[str] = []

    def fail_3_twice(texts: list[str], numbers: list[str]) -> InvocationResult:
        if "3" in texts and tries.count("3") < 2:
            tries.append("3")
            return report(numbers[texts.index("3") + 1], numbers[texts.index("3")])
        return OK

    handler = Handler(fail_3_twice)
    counts = run(stream, handler).counts()
    assert handler.batches[:3] == [TEXTS[:10], TEXTS[3:10], TEXTS[3:10]]
    assert handler.batches[3][0] == "10"
    assert (counts.partial, counts.retried, counts.records) == (2, 2, 25)
    assert "partial" in rig.kinds()


def test_a_function_error_is_retried_until_it_passes_and_is_told(
    run: Run, rig: Rig, stream: str, put: Put
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    put(stream, TEXTS[:5])
    left = [ERROR, ERROR]
    handler = Handler(lambda _texts, _numbers: left.pop() if left else OK)
    counts = run(stream, handler).counts()
    assert handler.batches == [TEXTS[:5]] * 3
    assert (counts.failed, counts.retried, counts.batches) == (2, 2, 1)
    told = [event for event in rig.events if event.kind == "function_error"]
    assert [event.message for event in told] == ["ValueError: bad luck"] * 2
    assert told[0].records == 5
    assert told[0].request_id == "request"


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(1)])
def test_what_a_handler_in_process_raises_is_a_function_error(
    run: Run, stream: str, put: Put, error: BaseException
) -> None:
    put(stream, TEXTS[:2])
    left = [error]

    def raise_once(texts: list[str], numbers: list[str]) -> InvocationResult:
        if left:
            raise left.pop()
        return OK

    assert run(stream, Handler(raise_once)).counts().failed == 1


def test_throttles_use_no_retries(run: Run, stream: str, put: Put) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    put(stream, TEXTS[:2])
    left = [InvocationResult(error=FunctionError(THROTTLED, "Rate Exceeded."))] * 5
    settings = MappingSettings(maximum_retry_attempts=0)
    counts = run(stream, Handler(lambda _texts, _numbers: left.pop() if left else OK), settings).counts()
    assert (counts.throttled, counts.invocations, counts.records, counts.discarded) == (5, 1, 2, 0)


def test_bisecting_isolates_a_poison_record_and_every_other_one_is_done_once(
    run: Run, rig: Rig, stream: str, put: Put
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    put(stream, TEXTS[:8])
    done: list[str] = []

    def choke_on_5(texts: list[str], numbers: list[str]) -> InvocationResult:
        if "5" in texts:
            return ERROR
        done.extend(texts)
        return OK

    settings = MappingSettings(batch_size=8, bisect=True, maximum_retry_attempts=2)
    counts = run(stream, Handler(choke_on_5), settings).counts()
    assert done == [text for text in TEXTS[:8] if text != "5"]
    assert (counts.bisected, counts.discarded, counts.sent_to_destination) == (3, 1, 0)
    assert counts.failed == 3 + 3
    assert {"bisected", "discarded"} <= rig.kinds()


def test_a_shard_that_fails_does_not_block_the_others(
    rig: Rig, new_stream: NewStream, put: Put, eventually: Eventually
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    stream, mended = new_stream(2), threading.Event()
    put(stream, TEXTS)
    handler = Handler(lambda texts, _numbers: OK if mended.is_set() or "7" not in texts else ERROR)
    mapping = rig.mapping(stream, handler, MappingSettings(batch_size=1))
    mapping.start()
    eventually(lambda: mapping.counts().failed > 3)
    blocked = next(event.shard_id for event in rig.events)
    eventually(lambda: all(position for shard, position in mapping.positions().items() if shard != blocked))
    assert not mapping.drained()
    mended.set()
    eventually(mapping.drained)
    assert {text for batch in handler.batches for text in batch} == set(TEXTS)


def test_records_over_the_maximum_age_are_discarded_without_an_invocation(
    run: Run, rig: Rig, stream: str, put: Put
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    put(stream, TEXTS[:3])
    handler = Handler()
    settings = MappingSettings(maximum_record_age=60)
    mapping = run(stream, handler, settings, clock=lambda: time.time() + 61)
    assert handler.batches == []
    assert mapping.counts().discarded == 3
    assert "RecordAgeExceeded" in rig.events[0].message


def test_stopping_finishes_the_invocation_in_flight_and_checkpoints_it(
    rig: Rig, stream: str, put: Put, eventually: Eventually
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    numbers = put(stream, TEXTS[:4])
    entered, leave = threading.Event(), threading.Event()

    def slow(texts: list[str], numbers: list[str]) -> InvocationResult:
        entered.set()
        leave.wait(60)
        return OK

    mapping = rig.mapping(stream, Handler(slow), MappingSettings(batch_size=2))
    mapping.start()
    assert entered.wait(60)
    assert not mapping.drained()
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(mapping.stop)
        eventually(mapping._stopping.is_set)  # or the next batch is begun before it is told to stop
        leave.set()
        assert stopped.result(60) == {"shardId-000000000000": numbers[1]}
    assert not mapping.drained()


def test_a_stream_that_cannot_be_read_is_refused_and_so_is_a_second_start(rig: Rig, stream: str) -> None:
    with pytest.raises(LocalError, match="cannot be read"):
        rig.mapping("no-such-stream", Handler()).start()
    mapping = rig.mapping(stream, Handler())
    mapping.start()
    with pytest.raises(LocalError, match="started before"):
        mapping.start()


def test_a_listener_that_raises_is_not_passed_over(
    rig: Rig, stream: str, put: Put, eventually: Eventually
) -> None:
    put(stream, ["x"])
    kinesis = rig.emulator.client("kinesis")
    unprepared: dict[str, Any] = {}
    listen = lambda event: unprepared[event.kind]  # noqa: E731 - short
    mapping = EventSourceMapping(kinesis, stream, lambda _: ERROR, PARTIAL, on_event=listen)
    mapping.start()

    def failed() -> bool:
        try:
            mapping.drained()
        except LocalError as error:
            return "KeyError" in str(error)
        return False

    eventually(failed)
    with pytest.raises(LocalError, match="KeyError"):
        mapping.stop()
