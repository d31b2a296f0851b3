"""Delivery: limits, each entry's outcome, retries, order and the deadline."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from doubles import FOREVER, FakeContext, FakeKinesis, Sleeps, client_error
from hypothesis import given
from hypothesis import strategies as st

from threeways.aws.calls import Backoff, Deadline
from threeways.stream.delivery import MAX_BYTES, MAX_ENTRIES, Entry, StreamDelivery


def entries(count: int, keys: list[str] | None = None, size: int = 10) -> list[Entry]:
    return [Entry(keys[n] if keys else str(n), f"ride-{n}", f"{n:0{size}d}".encode()) for n in range(count)]


def delivery(client: Any, sleep: Any = None) -> StreamDelivery:
    return StreamDelivery(client, "predictions", Backoff(sleep=sleep or Sleeps()))


def stored(client: FakeKinesis) -> list[int]:
    return [int(record["Data"]) for record in client.stored]


def test_everything_is_put_under_the_ride_s_id() -> None:
    client = FakeKinesis()
    receipt = delivery(client).deliver(entries(3), FOREVER)
    assert (receipt.unfinished, receipt.retries) == ({}, 0)
    assert stored(client) == [0, 1, 2]
    assert [record["PartitionKey"] for record in client.stored] == ["ride-0", "ride-1", "ride-2"]


def test_a_call_holds_no_more_entries_than_the_api_takes() -> None:
    client = FakeKinesis()
    delivery(client).deliver(entries(1201), FOREVER)
    assert sorted(len(call) for call in client.calls) == [201, MAX_ENTRIES, MAX_ENTRIES]


def test_a_call_holds_no_more_bytes_than_the_api_takes() -> None:
    client = FakeKinesis()
    delivery(client).deliver(entries(11, size=2**20), FOREVER)
    sizes = [sum(len(r["Data"]) + len(r["PartitionKey"]) for r in call) for call in client.calls]
    assert max(sizes) <= MAX_BYTES
    assert sorted(len(call) for call in client.calls) == [3, 4, 4]


def test_only_the_failed_entries_of_a_call_are_put_again() -> None:
    client = FakeKinesis({1, 3})
    receipt = delivery(client).deliver(entries(5), FOREVER)
    assert [len(call) for call in client.calls] == [5, 2]
    assert sorted(stored(client)) == [0, 1, 2, 3, 4]
    assert (receipt.unfinished, receipt.retries) == ({}, 2)


@pytest.mark.parametrize(
    "fault",
    [
        client_error("ProvisionedThroughputExceededException"),
        client_error("InternalFailure", 500),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_a_failed_call_is_made_again_after_a_wait(fault: Exception) -> None:
    client, sleeps = FakeKinesis(fault, fault), Sleeps()
    receipt = delivery(client, sleeps).deliver(entries(2), FOREVER)
    assert (receipt.unfinished, receipt.retries) == ({}, 4)
    assert sorted(stored(client)) == [0, 1]
    assert len(sleeps.asked) == 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_what_cannot_succeed_is_not_tried_again(code: str) -> None:
    client, sleeps = FakeKinesis(client_error(code)), Sleeps()
    receipt = delivery(client, sleeps).deliver(entries(2), FOREVER)
    assert list(receipt.unfinished) == [0, 1]
    assert code in receipt.unfinished[0]
    assert (len(client.calls), sleeps.asked) == (1, [])


def test_a_key_s_next_entry_waits_for_the_one_before_it() -> None:
    client = FakeKinesis({0}, set(), {0})
    receipt = delivery(client).deliver(entries(4, keys=["a", "b", "a", "a"]), FOREVER)
    assert receipt.unfinished == {}
    assert [[int(record["Data"]) for record in call] for call in client.calls] == [[0, 1], [0], [2], [2], [3]]


def test_time_running_out_names_what_is_unfinished() -> None:
    context = FakeContext()

    def run_out() -> set[int]:
        context.milliseconds = 100
        return {1}

    client = FakeKinesis(run_out)
    receipt = delivery(client).deliver(entries(4, keys=["a", "b", "a", "c"]), Deadline.of(context))
    assert sorted(receipt.unfinished) == [1, 2]
    assert stored(client) == [0, 3]
    assert "too fast" in receipt.unfinished[1]


def test_an_answer_slower_than_the_deadline_is_not_waited_for() -> None:
    answered = threading.Event()
    client = FakeKinesis(lambda: answered.wait(20) and None)
    receipt = delivery(client).deliver(entries(2), Deadline(lambda: 0.05))
    answered.set()
    assert sorted(receipt.unfinished) == [0, 1]


def test_waits_grow_while_rounds_fail_and_begin_anew_after_a_good_one() -> None:
    client, sleeps = FakeKinesis({0}, {0}, {0}, set(), {0}), Sleeps()
    backoff = Backoff(base=1, cap=64, sleep=sleeps, random=lambda: 1.0)
    kinesis: Any = client
    StreamDelivery(kinesis, "predictions", backoff).deliver(entries(2, keys=["a", "a"]), FOREVER)
    assert sleeps.asked == [1, 2, 4, 1]


def test_an_answer_that_fits_no_call_counts_for_nothing() -> None:
    class Short(FakeKinesis):
        def put_records(self, **arguments: Any) -> dict[str, Any]:
            answer = super().put_records(**arguments)
            return {} if len(self.calls) == 1 else {"Records": answer["Records"][: len(self.calls) - 1]}

    client = Short()
    receipt = delivery(client).deliver(entries(2), FOREVER)
    assert receipt.unfinished == {}
    assert len(client.calls) == 3


def test_only_what_is_put_again_counts_as_a_retry() -> None:
    context = FakeContext()

    def last_call() -> set[int]:
        context.milliseconds = 0
        return {0, 1}

    receipt = delivery(FakeKinesis(last_call)).deliver(entries(2), Deadline.of(context))
    assert (sorted(receipt.unfinished), receipt.retries) == ([0, 1], 0)


def test_waits_grow_but_never_beyond_their_cap() -> None:
    sleeps = Sleeps()
    backoff = Backoff(base=1, cap=5, sleep=sleeps, random=lambda: 1.0)
    for attempt in range(6):
        backoff.wait(attempt, FOREVER)
    assert sleeps.asked == [1, 2, 4, 5, 5, 5]


@given(
    keys=st.lists(st.sampled_from("abc"), min_size=1, max_size=8),
    faults=st.lists(st.sets(st.integers(0, 7), max_size=4) | st.just("whole call"), max_size=6),
    rounds=st.integers(1, 8),
)
def test_whatever_fails_what_is_done_was_stored_and_in_order(
    keys: list[str], faults: list[Any], rounds: int
) -> None:
    left = [rounds]
    script = [client_error("InternalFailure", 500) if fault == "whole call" else fault for fault in faults]

    class Counting(FakeKinesis):
        def put_records(self, **arguments: Any) -> dict[str, Any]:
            left[0] -= 1
            return super().put_records(**arguments)

    client = Counting(*script)
    deadline = Deadline(lambda: float("inf") if left[0] > 0 else 0.0)
    receipt = delivery(client).deliver(entries(len(keys), keys=keys), deadline)
    done = [n for n in range(len(keys)) if n not in receipt.unfinished]
    assert set(done) <= set(stored(client))
    for key in set(keys):
        of_key = [n for n in stored(client) if keys[n] == key]
        assert list(dict.fromkeys(of_key)) == sorted(set(of_key))
