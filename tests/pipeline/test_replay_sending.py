"""Records on their way to the function: rebuilt as they were, in order, tried again, parted."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

from doubles import NOW
from hypothesis import given
from hypothesis import strategies as st

from threeways.aws.invocation import REQUEST_LIMIT, THROTTLED, FunctionError, InvocationResult
from threeways.ops.replay.sending import BATCH, HOPELESS, TRIES, Sender, member_of
from threeways.stream.records import Record, from_event

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/ride_events"


def record(number: int, part: int | None = None, shard: int = 0, data: bytes = b"{}") -> Record:
    event_id = f"shardId-{shard:012}:{number}" + ("" if part is None else f":{part}")
    return Record(event_id, str(number), "key", NOW.timestamp(), data, data, ARN)


class Function:
    """Answers as its script says, call by call: sequence numbers to report, or an error; then it is done."""

    def __init__(self, *script: list[str] | FunctionError) -> None:
        self.script = list(script)
        self.got: list[list[str]] = []

    def __call__(self, payload: bytes) -> InvocationResult:
        records = json.loads(payload)["Records"]
        self.got.append([one["eventID"].removeprefix("shardId-00000000000") for one in records])
        step: Any = self.script.pop(0) if self.script else []
        if isinstance(step, FunctionError):
            return InvocationResult(error=step)
        failures = [{"itemIdentifier": number} for number in step]
        return InvocationResult(payload=json.dumps({"batchItemFailures": failures}).encode())


def send(function: Function, records: Sequence[Record]) -> list[str]:
    sender = Sender(function, threading.Event(), lambda line: None, backoff=lambda failures: 0.0)
    return [one.event_id.removeprefix("shardId-00000000000") for one in sender.send(records)]


@given(
    st.builds(
        Record,
        event_id=st.sampled_from(["shardId-000000000001:42", "shardId-000000000001:42:7"]),
        sequence_number=st.just("42"),
        partition_key=st.text(max_size=256),
        arrived_at=st.integers(0, 4 * 10**12).map(lambda ms: ms / 1000),
        data=st.binary(max_size=100).filter(lambda data: not data.startswith(b"\xf3")),
        payload=st.none(),
        source_arn=st.just(ARN),
    )
)
def test_a_rebuilt_event_holds_the_very_record(given_record: Record) -> None:
    [back] = from_event({"Records": [json.loads(member_of(given_record))]})
    assert (back.event_id, back.sequence_number) == (given_record.event_id, given_record.sequence_number)
    assert (back.partition_key, back.data, back.source_arn) == (
        given_record.partition_key, given_record.data, ARN,
    )  # fmt: skip
    assert abs((back.arrived - given_record.arrived).total_seconds()) < 1e-5


def test_records_go_by_shard_in_the_order_of_their_numbers() -> None:
    function = Function()
    mixed = [record(100), record(9, 10), record(9, 2), record(5, shard=1), record(9, shard=1), record(1)]
    assert len(send(function, mixed)) == 6
    assert function.got == [["0:1", "0:9:2", "0:9:10", "0:100"], ["1:5", "1:9"]]


def test_an_event_is_never_more_than_lambda_takes() -> None:
    sizes: list[int] = []

    def function(payload: bytes) -> InvocationResult:
        sizes.append(len(payload))
        assert len(json.loads(payload)["Records"]) <= BATCH
        return InvocationResult(payload=b"null")

    large = [record(n, data=b"x" * 700_000) for n in range(20)]
    small = [record(n, data=b"x") for n in range(100, 1_400)]
    sender = Sender(function, threading.Event(), lambda line: None)
    assert len(sender.send(large + small)) == 1_320
    assert max(sizes) <= REQUEST_LIMIT
    assert len(sizes) <= 4 + 4


def test_after_a_partial_failure_it_goes_on_from_the_lowest_number_reported() -> None:
    function = Function(["4", "3"], [], [])
    assert sorted(send(function, [record(n) for n in range(1, 6)])) == [f"0:{n}" for n in range(1, 6)]
    assert function.got[1] == ["0:3", "0:4", "0:5"]


def test_user_records_of_an_unfinished_kinesis_record_all_come_again() -> None:
    function = Function(["2"])
    send(function, [record(1), record(2, 0), record(2, 1)])
    assert function.got[1] == ["0:2:0", "0:2:1"]


def test_no_progress_ends_after_some_tries_and_nothing_counts_as_done() -> None:
    function = Function(*[["1"]] * 20)
    assert send(function, [record(1), record(2)]) == []
    assert len(function.got) == TRIES


def test_a_throttled_batch_is_tried_again_whole() -> None:
    function = Function(FunctionError(THROTTLED, "too fast"), FunctionError(THROTTLED, "too fast"))
    assert len(send(function, [record(1), record(2)])) == 2
    assert [len(got) for got in function.got] == [2, 2, 2]


class Killed(Function):
    """Dies of some records."""

    def __init__(self, *killers: int) -> None:
        super().__init__()
        self.killers = {f"0:{number}" for number in killers}

    def __call__(self, payload: bytes) -> InvocationResult:
        answer = super().__call__(payload)
        if self.killers.isdisjoint(self.got[-1]):
            return answer
        return InvocationResult(error=FunctionError("Runtime.ExitError", "killed"))


def test_one_record_that_kills_the_function_costs_only_itself() -> None:
    function = Killed(77)
    done = send(function, [record(n) for n in range(500)])
    assert sorted(done) == sorted(f"0:{n}" for n in range(500) if n != 77)
    assert len(function.got) < 2 * 10 + TRIES


def test_a_few_records_that_kill_the_function_do_not_end_the_replay() -> None:
    killers = (3, 120, 250, 251, 499)
    done = send(Killed(*killers), [record(n) for n in range(500)])
    assert sorted(done) == sorted(f"0:{n}" for n in range(500) if n not in killers)


def test_a_function_that_always_fails_is_left_alone() -> None:
    error = FunctionError("ModelFailed", "no")
    function = Function(*[error] * 1_000)
    sender = Sender(function, threading.Event(), lambda line: None, backoff=lambda failures: 0.0)
    assert sender.send([record(n) for n in range(5_000)]) == []
    assert sender.over
    assert len(function.got) == HOPELESS


def test_an_answer_that_cannot_be_used_is_a_failed_batch() -> None:
    function = Function(["no such number"], ["77"])
    assert sorted(send(function, [record(1), record(2)])) == ["0:1", "0:2"]
    assert [len(got) for got in function.got] == [2, 1, 1, 1]


def test_nothing_is_sent_once_it_is_to_stop() -> None:
    stopping = threading.Event()
    stopping.set()
    function = Function()
    assert Sender(function, stopping, lambda line: None).send([record(1)]) == []
    assert function.got == []
