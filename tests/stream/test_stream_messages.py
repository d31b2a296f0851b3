"""A task that makes any number of messages of an event: none is lost; the event is done with all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from doubles import FakeContext, FakeKinesis, FakeModel, Sleeps, client_error, kinesis_event, ride
from hypothesis import given
from hypothesis import strategies as st
from kpl import aggregated
from test_stream_handler import ListQuarantine, Reports, failures

from threeways.aws.calls import Backoff
from threeways.errors import ModelFailed
from threeways.scoring import Message, messages
from threeways.scoring.service import ModelService
from threeways.stream.delivery import NoDelivery, StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.systems.taxi.duration import task

SHARD = "shardId-000000000000"


def as_many_as_miles(event: Any, prediction: Mapping[str, Any]) -> list[Message]:
    """A message for each two minutes, which are the miles: for a rider, under the rider's key."""
    count = int(prediction["ride_duration"] / 2)
    return [Message({"rider": f"u{n}", **prediction}, key=f"u{n}", id=f"u{n}") for n in range(count)]


def handler(
    client: Any,
    make: Callable[[Any, Mapping[str, Any]], Iterable[Message]] = as_many_as_miles,
    **options: Any,
) -> StreamHandler:
    delivery = StreamDelivery(client, "predictions", Backoff(sleep=Sleeps()))
    return StreamHandler(
        ModelService(FakeModel(), replace(task, messages=make), "run-1"),
        options.pop("delivery", delivery),
        options.pop("quarantine", None) or ListQuarantine(),
        options.pop("reports", None),
        **options,
    )


def stored(client: FakeKinesis) -> list[str]:
    return [json.loads(record["Data"])["source_event_id"] for record in client.stored]


def test_each_message_has_its_own_key_and_id_and_tells_how_many_there_are() -> None:
    client = FakeKinesis()
    answer = handler(client)(kinesis_event([ride("r-1", distance=2, PULocationID=999)]), FakeContext())
    assert answer == failures()
    assert [record["PartitionKey"] for record in client.stored] == ["u0", "u1"]
    assert json.loads(client.stored[1]["Data"]) == {
        "model": "ride_duration_prediction_model",
        "version": "run-1",
        "prediction": {"rider": "u1", "ride_duration": 4.0, "ride_id": "r-1"},
        "source_event_id": f"{SHARD}:1001#u1",
        "flags": ["unknown_zone"],
        "messages": 2,
    }


def test_without_a_key_and_an_id_it_has_the_event_s_key_and_its_place() -> None:
    client = FakeKinesis()
    handler(client, lambda event, told: [Message({"n": n}) for n in range(3)])(kinesis_event([ride(7)]))
    assert [record["PartitionKey"] for record in client.stored] == ["7"] * 3
    assert stored(client) == [f"{SHARD}:1001#{n}" for n in range(3)]


def test_an_event_without_a_message_is_done_and_told_as_such() -> None:
    client, reports = FakeKinesis(), Reports()
    answer = handler(client, reports=reports)(
        kinesis_event([ride(1, distance=0), ride(2, distance=1), ride(3, distance=0)]), FakeContext()
    )
    assert answer == failures() | {"withoutMessages": [f"{SHARD}:1001", f"{SHARD}:1003"]}
    assert stored(client) == [f"{SHARD}:1002#u0"]
    [told] = reports
    assert (told.predictions, told.messages, told.without_messages, told.unfinished) == (3, 1, 2, 0)


def test_failed_messages_alone_are_put_again() -> None:
    client = FakeKinesis({1, 3})
    assert handler(client)(kinesis_event([ride(1, distance=3), ride(2, distance=2)])) == failures()
    assert [len(call) for call in client.calls] == [5, 2]
    assert sorted(stored(client)) == [
        f"{SHARD}:{n}" for n in ("1001#u0", "1001#u1", "1001#u2", "1002#u0", "1002#u1")
    ]


def test_a_record_with_one_message_missing_at_the_deadline_comes_again_with_the_same_ids() -> None:
    denied = client_error("AccessDeniedException")
    event = kinesis_event([ride(1, distance=1), ride(2, distance=3), ride(3, distance=0)])
    client, reports = FakeKinesis({2}, denied), Reports()
    handle = handler(client, reports=reports)
    assert handle(event, FakeContext()) == failures(1002) | {"withoutMessages": [f"{SHARD}:1003"]}
    assert (reports[0].predictions, reports[0].messages, reports[0].unfinished) == (2, 3, 1)
    before = set(stored(client))
    event["Records"] = event["Records"][1:]
    assert handle(event, FakeContext())["batchItemFailures"] == []
    assert (
        before < set(stored(client)) == {f"{SHARD}:{n}" for n in ("1001#u0", "1002#u0", "1002#u1", "1002#u2")}
    )


def test_each_record_with_a_message_missing_counts_as_unfinished() -> None:
    reports, denied = Reports(), client_error("AccessDeniedException")
    event = kinesis_event([ride(n, distance=2) for n in range(4)])
    answer = handler(FakeKinesis({3, 4, 5}, denied), reports=reports)(event, FakeContext())
    assert answer == failures(1002)
    assert (reports[0].unfinished, reports[0].predictions, reports[0].messages) == (2, 2, 5)


def test_all_of_an_event_s_messages_come_before_those_of_the_next_of_its_key() -> None:
    client = FakeKinesis({0})
    event = kinesis_event([ride(n, distance=2) for n in range(3)], keys=["a", "b", "a"])
    handler(client)(event)
    assert [name.rpartition(":")[2] for name in stored(client)] == [
        "1001#u1", "1002#u0", "1002#u1", "1001#u0", "1003#u0", "1003#u1",
    ]  # fmt: skip


def test_seven_hundred_messages_of_one_event_take_two_calls() -> None:
    client = FakeKinesis()
    handler(client)(kinesis_event([ride(1, distance=700)]))
    assert sorted(len(call) for call in client.calls) == [200, 500]  # they overlap, in either order
    assert len(set(stored(client))) == 700


class Uneven(FakeKinesis):
    """Fails the entries that a test draws, and denies everything from a call on."""

    def __init__(self, fails: Sequence[set[int]], denied_from: int) -> None:
        denied = client_error("AccessDeniedException")
        super().__init__(*fails[:denied_from], *[denied] * 50 * (denied_from < len(fails)))


drawn = st.lists(st.sets(st.integers(0, 9)), max_size=6)


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 3, 5]), st.sampled_from("ab")), min_size=1, max_size=6),
    drawn,
    st.integers(0, 6),
)
def test_whatever_fails_the_answer_is_the_lowest_record_with_a_message_missing(
    events: list[tuple[int, str]], fails: list[set[int]], denied_from: int
) -> None:
    client = Uneven(fails, denied_from)
    payloads = [ride(n, distance=count) for n, (count, _) in enumerate(events)]
    answer = handler(client)(kinesis_event(payloads, keys=[key for _, key in events]), FakeContext())
    there = stored(client)
    assert len(set(there)) == len(there)
    for n, (count, _) in enumerate(events):
        mine = [one for one in there if one.startswith(f"{SHARD}:{1001 + n}#")]
        reported = any(int(one["itemIdentifier"]) <= 1001 + n for one in answer["batchItemFailures"])
        assert len(mine) == count or reported
    for key in "ab":
        numbers = [int(one.partition(":")[2].partition("#")[0]) for one in there]
        of_key = [number for number in numbers if events[number - 1001][1] == key]
        assert of_key == sorted(of_key)
    missing = [
        n for n, (count, _) in enumerate(events) if sum(f":{1001 + n}#" in one for one in there) < count
    ]
    assert answer["batchItemFailures"] == failures(*(1001 + n for n in missing[:1]))["batchItemFailures"]


NAN = float("nan")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ([Message({"n": 1}, id="a"), Message({"n": 2}, id="a")], "two of its messages have the id 'a'"),
        ([Message({"n": 1}, id=1), Message({"n": 2})], "two of its messages have the id '1'"),
        ([Message({"n": 1}, key="k" * 257)], "a message's key, 'kkkk"),
        ([Message({"n": 1}, key="")], "a message's key, '', is not of 1 to 256 characters"),
        ([Message({"n": 1}, id="")], "a message's id, '', is not of 1 to 256 characters"),
        ([Message({"n": NAN})], "the number nan, which is not finite"),
        ([Message({"n": [{"m": NAN}], "none": None})], "the number nan, which is not finite"),
        ([Message({"ride_id": 8})], "a message's ride_id is not the event's id"),
        ([Message({"n": "x" * 2**20})], "bytes, and a stream takes 1,048,576"),
        ([Message({"n": "x" * 2**19}, id=n) for n in range(21)], "its messages have over 10,485,760 bytes"),
        ([Message({"n": n}) for n in range(10_001)], "it has over 10,000 messages"),
        ([{"n": 1}], "raise on this event: AttributeError"),
        ([Message({"n": object()})], "raise on this event: TypeError"),
        (None, "raise on this event: TypeError"),
    ],
)  # fmt: skip
def test_messages_that_no_stream_takes_go_to_quarantine_with_the_reason(made: Any, reason: str) -> None:
    quarantine, client = ListQuarantine(), FakeKinesis()

    def make(event: Any, prediction: Mapping[str, Any]) -> Any:
        return made if prediction["ride_duration"] == 4 else [Message({"n": 1})]

    answer = handler(client, make, quarantine=quarantine)(
        kinesis_event([ride(7, distance=1), ride(7, distance=2), ride(7, distance=3)]), FakeContext()
    )
    assert answer == failures()
    [(record, error)] = quarantine.kept
    assert (record.sequence_number, error.code) == ("1002", "invalid_messages")
    assert reason in str(error)
    assert len(client.stored) == 2


def test_an_endless_list_of_messages_ends() -> None:
    def endless(event: Any, prediction: Mapping[str, Any]) -> Any:
        n = 0
        while True:
            yield Message({"n": n})
            n += 1

    quarantine = ListQuarantine()
    assert handler(FakeKinesis(), endless, quarantine=quarantine)(kinesis_event([ride(1)])) == failures()
    assert quarantine.kept[0][1].code == "invalid_messages"


def test_a_task_whose_messages_fail_on_its_example_is_refused_before_the_first_event() -> None:
    def broken(event: Any, prediction: Mapping[str, Any]) -> list[Message]:
        return [Message({"n": prediction["minutes"]})]

    with pytest.raises(ModelFailed, match=r"TASK=ride_duration: its example: .*KeyError.'minutes'"):
        ModelService(FakeModel(), replace(task, messages=broken), "1").prove()
    ModelService(FakeModel(), replace(task, messages=as_many_as_miles), "1").prove()


def test_more_messages_than_an_invocation_takes_come_again_from_the_first_record_without_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "ROOM_MESSAGES", 5)
    client = FakeKinesis()
    event = kinesis_event([ride(n, distance=3) for n in range(4)])
    assert handler(client)(event, FakeContext()) == failures(1003)
    assert len(client.stored) == 6


def test_an_aggregated_record_with_more_than_an_invocation_takes_does_not_block_its_shard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "ROOM_MESSAGES", 5)
    client, quarantine = FakeKinesis(), ListQuarantine()
    data = aggregated((f"k{n}", ride(n, distance=3), None) for n in range(4))
    assert handler(client, quarantine=quarantine)(kinesis_event([data]), FakeContext()) == failures()
    assert len(client.stored) == 6
    assert [(one.event_id.rpartition(":")[2], error.code) for one, error in quarantine.kept] == [
        ("2", "no_time_to_deliver"), ("3", "no_time_to_deliver"),
    ]  # fmt: skip
    assert "lower the producer's AggregationMaxCount" in str(quarantine.kept[0][1])


def test_without_time_to_make_messages_the_invocation_says_so_and_makes_progress() -> None:
    context = FakeContext(10_000)

    def slow(event: Any, prediction: Mapping[str, Any]) -> list[Message]:
        context.milliseconds -= 3_000
        return [Message({"n": 1})]

    client = FakeKinesis()
    assert handler(client, slow)(kinesis_event([ride(n) for n in range(5)]), context) == failures(1004)
    assert len(client.stored) == 3


def test_a_test_run_returns_all_messages() -> None:
    handle = handler(None, delivery=NoDelivery(), returns_predictions=True)
    answer = handle(kinesis_event([ride(1, distance=2), ride(2, distance=1)]))
    assert [one["prediction"]["rider"] for one in answer["predictions"]] == ["u0", "u1", "u0"]
