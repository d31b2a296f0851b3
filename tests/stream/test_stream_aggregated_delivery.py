"""Predictions of one key that travel together, read by AWS's own library for consumers."""

from __future__ import annotations

import base64
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from aws_kinesis_agg.deaggregator import deaggregate_records
from doubles import FOREVER, FakeContext, FakeKinesis, FakeModel, Sleeps, client_error, kinesis_event, ride
from hypothesis import given
from hypothesis import strategies as st
from kpl import aggregated
from test_stream_handler import ListQuarantine, failures
from test_stream_kpl import SHARD

from threeways.aws.calls import Backoff
from threeways.scoring.service import ModelService
from threeways.stream.aggregated_delivery import MAX_BYTES, AggregatedDelivery
from threeways.stream.aggregation import UserRecord, deaggregate, pack
from threeways.stream.delivery import Entry, StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.systems.taxi.duration import task

KEYS = st.text(min_size=1, max_size=256).filter(lambda key: len(key.encode("utf-16-le")) <= 512)
SHARD_BYTES = 2**20


def delivery(client: Any, clock: Any = None) -> AggregatedDelivery:
    how = {"clock": clock} if clock else {}
    return AggregatedDelivery(StreamDelivery(client, "predictions", Backoff(sleep=Sleeps()), **how))


def read(client: FakeKinesis) -> list[tuple[str, bytes]]:
    """What a consumer gets: partition key and data of each user record, by AWS's own library."""
    raw: Any = [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "sequenceNumber": str(number),
                "partitionKey": record["PartitionKey"],
                "data": base64.b64encode(record["Data"]),
                "approximateArrivalTimestamp": 0.0,
            }
        }
        for number, record in enumerate(client.stored)
    ]
    users: Any = deaggregate_records(raw)
    return [(user["kinesis"]["partitionKey"], base64.b64decode(user["kinesis"]["data"])) for user in users]


@given(KEYS, st.lists(st.binary(max_size=300), min_size=1, max_size=40))
def test_what_is_packed_is_read_back_in_order(key: str, data: list[bytes]) -> None:
    assert deaggregate(pack(key, data)) == [UserRecord(key, one) for one in data]


def test_the_predictions_of_a_key_travel_in_order_as_one_record_under_the_input_s_key() -> None:
    client = FakeKinesis()
    given_entries = [Entry(key, f"ride-{n}", b"%d" % n) for n, key in enumerate("abacab")]
    receipt = delivery(client).deliver(given_entries, FOREVER)
    assert receipt.unfinished == {}
    assert [record["PartitionKey"] for record in client.stored] == ["a", "b", "c"]
    assert client.stored[2]["Data"] == b"3"  # alone: as it is
    assert read(client) == [("a", b"0"), ("a", b"2"), ("a", b"4"), ("b", b"1"), ("b", b"5"), ("c", b"3")]


def test_a_key_s_next_record_waits_for_the_one_before_it_and_each_has_its_size() -> None:
    client = FakeKinesis({0}, client_error("InternalFailure", 500))
    given_entries = [Entry("k", f"ride-{n}", b"%0300d" % n) for n in range(1_000)]
    receipt = delivery(client).deliver(given_entries, FOREVER)
    assert receipt.unfinished == {}
    assert all(len(call) == 1 for call in client.calls)
    assert all(len(record["Data"]) < MAX_BYTES + 2_000 < SHARD_BYTES for record in client.stored)
    assert [int(data) for _, data in read(client)] == list(range(1_000))


def test_what_is_unfinished_is_each_prediction_of_its_record() -> None:
    denied = client_error("AccessDeniedException")
    client = FakeKinesis(set(), denied)
    given_entries = [Entry("k", f"ride-{n}", b"%0300d" % n) for n in range(300)]
    receipt = delivery(client).deliver(given_entries, FOREVER)
    [first] = client.stored
    done = len(deaggregate(first["Data"]))
    assert sorted(receipt.unfinished) == list(range(done, 300))


@pytest.mark.parametrize("key", ["", "x" * 257, "\U0001f600" * 129])
def test_a_user_key_that_kinesis_does_not_take_holds_nothing_up(key: str) -> None:
    client = FakeKinesis()
    delivery(client).deliver([Entry(key, "ride-1", b"1"), Entry(key, "ride-2", b"2")], FOREVER)
    assert read(client) == [("ride-1", b"1"), ("ride-1", b"2")]


class Slow(FakeKinesis):
    """Each call takes 10 ms of the context's time."""

    def __init__(self, context: FakeContext, seconds: float = 0.010) -> None:
        super().__init__()
        self.context, self.seconds = context, seconds

    def put_records(self, **arguments: Any) -> dict[str, Any]:
        self.context.milliseconds -= round(1000 * self.seconds)
        return super().put_records(**arguments)


def small(ride_id: int) -> bytes:
    return b'{"ride_id":%d,"ride":{"PULocationID":1,"DOLocationID":2,"trip_distance":1}}' % ride_id


def one_record_of(rides: int) -> dict[str, Any]:
    return kinesis_event([aggregated([("k", small(n), None) for n in range(rides)])])


def handled(rides: int, *, aggregates: bool, seconds: float = 0.010) -> Any:
    context = FakeContext()
    client: Any = Slow(context, seconds)
    quarantine = ListQuarantine()
    sends: Any = StreamDelivery(
        client, "predictions", Backoff(sleep=Sleeps()), clock=lambda: 60 - context.milliseconds / 1000
    )
    handle = StreamHandler(
        ModelService(FakeModel(), task, "run-1"),
        AggregatedDelivery(sends) if aggregates else sends,
        quarantine,
    )
    answer = handle(one_record_of(rides), context)
    return answer, client, quarantine, context, handle


def test_9444_rides_of_one_key_end_in_one_invocation_and_5000_within_a_second() -> None:
    answer, client, quarantine, context, _ = handled(9_444, aggregates=True)
    assert (answer, quarantine.kept) == (failures(), [])
    made = [json.loads(data) for _, data in read(client)]
    assert [one["prediction"]["ride_id"] for one in made] == list(range(9_444))
    assert [one["source_event_id"] for one in made[:2]] == [f"{SHARD}:1001:0", f"{SHARD}:1001:1"]
    assert 9_444 / (60 - context.milliseconds / 1000) > 5_000


def test_a_record_with_more_rides_of_a_key_than_an_invocation_delivers_is_quarantined_whole() -> None:
    answer, client, quarantine, _, _ = handled(9_444, aggregates=False)
    assert (answer, client.calls) == (failures(), [])
    [(record, error)] = quarantine.kept
    assert (record.event_id, error.code) == (f"{SHARD}:1001", "no_time_to_deliver")
    assert len(deaggregate(record.data)) == 9_444
    assert "9,444 records of the key 'k', which take 94 s" in str(error)
    assert "AGGREGATE_PREDICTIONS=true" in str(error)


def test_a_record_that_an_invocation_delivers_is_no_matter_its_size() -> None:
    answer, client, quarantine, _, _ = handled(3_000, aggregates=False)
    assert (answer, quarantine.kept, len(client.stored)) == (failures(), [], 3_000)


def test_calls_that_last_longer_than_assumed_are_measured() -> None:
    answer, client, quarantine, context, handle = handled(4_000, aggregates=False, seconds=0.020)
    assert answer == failures(1001)
    context.milliseconds = 60_000
    put = len(client.calls)
    assert handle(one_record_of(4_000), context) == failures()
    assert (len(client.calls), [error.code for _, error in quarantine.kept]) == (put, ["no_time_to_deliver"])


def test_what_is_quarantined_whole_holds_up_nothing_beside_it() -> None:
    context = FakeContext()
    client: Any = Slow(context)
    many = [("k", ride(n), None) for n in range(7_000)]
    event = kinesis_event([ride("before"), aggregated(many), ride("after"), aggregated(many[:2])])
    quarantine = ListQuarantine()
    handle = StreamHandler(
        ModelService(FakeModel(), task, "run-1"), StreamDelivery(client, "predictions"), quarantine
    )
    assert handle(event, context) == failures()
    assert [record.event_id for record, _ in quarantine.kept] == [f"{SHARD}:1002"]
    assert sorted(record["PartitionKey"] for record in client.stored) == ["0", "1", "after", "before"]


def test_the_example_takes_apart_what_is_put() -> None:
    path = Path(__file__).parents[2] / "examples" / "aggregated.py"
    deaggregated = runpy.run_path(str(path))["deaggregated"]
    _, client, _, _, _ = handled(1_000, aggregates=True)
    made = [json.loads(one) for record in client.stored for one in deaggregated(record["Data"])]
    assert [one["prediction"]["ride_id"] for one in made] == list(range(1_000))
    assert deaggregated(b"{}") == [b"{}"]
