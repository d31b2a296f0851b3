"""The handler: what is done, what is reported, what is answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from doubles import FakeContext, FakeKinesis, FakeModel, Sleeps, client_error, kinesis_event, ride

from threeways.aws.calls import Backoff, Context, Deadline
from threeways.errors import ModelFailed, PermanentError, QuarantineFailed
from threeways.scoring.service import ModelService
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import NoQuarantine
from threeways.stream.records import Record
from threeways.stream.telemetry import Invocation, NoTelemetry
from threeways.systems.taxi.duration import task


class ListQuarantine:
    """Keeps records in a list; fails when it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.kept: list[tuple[Record, PermanentError]] = []
        self._fails = fails

    def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
        if self._fails:
            raise QuarantineFailed("unreachable")
        self.kept += faults
        return 0


class Reports(list[Invocation], NoTelemetry):
    """Keeps what was reported."""

    def report(self, invocation: Invocation, context: Context | None) -> None:
        self.append(invocation)


def handler(
    client: FakeKinesis, quarantine: Any = None, reports: Reports | None = None, **options: Any
) -> StreamHandler:
    kinesis: Any = client
    return StreamHandler(
        ModelService(options.pop("model", None) or FakeModel(), task, "run-1"),
        StreamDelivery(kinesis, "predictions", Backoff(sleep=Sleeps())),
        quarantine or ListQuarantine(),
        reports,
        **options,
    )


def failures(*sequence_numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in sequence_numbers]}


def test_predictions_land_on_the_output_stream_in_the_promised_form() -> None:
    client = FakeKinesis()
    answer = handler(client)(kinesis_event([ride("r-1", distance=2, PULocationID=999)]), FakeContext())
    assert answer == failures()
    assert client.stored[0]["PartitionKey"] == "r-1"
    assert json.loads(client.stored[0]["Data"]) == {
        "model": "ride_duration_prediction_model",
        "version": "run-1",
        "prediction": {"ride_duration": 4.0, "ride_id": "r-1"},
        "source_event_id": "shardId-000000000000:1001",
        "flags": ["unknown_zone"],
    }


@pytest.mark.parametrize("position", range(4))
def test_a_poison_record_anywhere_is_quarantined_and_the_shard_moves_on(position: int) -> None:
    client, quarantine, reports = FakeKinesis(), ListQuarantine(), Reports()
    payloads = [ride(n) for n in range(4)]
    payloads[position] = b"junk"
    answer = handler(client, quarantine, reports)(kinesis_event(payloads), FakeContext())
    assert answer == failures()
    [(record, error)] = quarantine.kept
    assert (record.sequence_number, record.data, error.code) == (str(1001 + position), b"junk", "undecodable")
    assert len(client.stored) == 3
    assert reports[0].predictions == 3
    assert reports[0].quarantined == {"undecodable": 1}


def test_the_lowest_unfinished_record_is_reported() -> None:
    denied = client_error("AccessDeniedException")
    payloads = [ride(n) for n in range(6)]
    answer = handler(FakeKinesis({2, 4}, denied))(kinesis_event(payloads), FakeContext())
    assert answer == failures(1003)


def test_the_lowest_is_by_number_not_by_text() -> None:
    event = kinesis_event([ride(1), ride(2)])
    for record, number in zip(event["Records"], ["99", "100"], strict=True):
        record["kinesis"]["sequenceNumber"] = number
    assert handler(FakeKinesis(client_error("AccessDeniedException")))(event, FakeContext()) == failures(99)


def test_a_record_that_quarantine_does_not_take_is_reported() -> None:
    client, reports = FakeKinesis(), Reports()
    event = kinesis_event([ride(1), b"junk", ride(2)])
    assert handler(client, ListQuarantine(fails=True), reports)(event, FakeContext()) == failures(1002)
    assert len(client.stored) == 2
    assert (reports[0].unfinished, reports[0].quarantined.total()) == (1, 0)


def test_without_a_quarantine_a_poison_record_stays_unfinished() -> None:
    answer = handler(FakeKinesis(), NoQuarantine())(kinesis_event([ride(1), b"junk"]), FakeContext())
    assert answer == failures(1002)


def test_data_that_is_not_base64_is_quarantined_with_its_text() -> None:
    quarantine = ListQuarantine()
    event = kinesis_event([ride(1)])
    event["Records"][0]["kinesis"]["data"] = "not base64!"
    assert handler(FakeKinesis(), quarantine)(event, FakeContext()) == failures()
    assert quarantine.kept[0][0].data == b"not base64!"


def test_a_redelivered_record_repeats_its_source_event_id() -> None:
    client = FakeKinesis({0}, client_error("AccessDeniedException"))
    event = kinesis_event([ride(1)])
    handle = handler(client)
    assert handle(event, FakeContext()) == failures(1001)
    assert handle(event, FakeContext()) == failures()
    assert handle(event, FakeContext()) == failures()
    assert {json.loads(record["Data"])["source_event_id"] for record in client.stored} == {
        "shardId-000000000000:1001"
    }


def test_a_model_that_fails_on_everything_fails_the_invocation_and_delivers_nothing() -> None:
    client = FakeKinesis()
    with pytest.raises(ModelFailed):
        handler(client, model=FakeModel(fails_on=lambda block: True))(kinesis_event([ride(1)]), FakeContext())
    assert client.calls == []


def test_no_records_are_no_failure() -> None:
    assert handler(FakeKinesis())({"Records": []}, FakeContext()) == failures()


def test_order_is_kept_by_the_input_s_partition_key() -> None:
    client = FakeKinesis({0})
    event = kinesis_event([ride("first"), ride("second"), ride("other")], keys=["same", "same", "else"])
    assert handler(client)(event, FakeContext()) == failures()
    assert [[record["PartitionKey"] for record in call] for call in client.calls] == [
        ["first", "other"],
        ["first"],
        ["second"],
    ]


def test_an_unexpected_fault_of_the_quarantine_leaves_its_records_unfinished() -> None:
    class Broken(ListQuarantine):
        def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
            raise ZeroDivisionError

    client = FakeKinesis()
    assert handler(client, Broken())(kinesis_event([b"junk", ride(1)]), FakeContext()) == failures(1001)
    assert len(client.stored) == 1


def test_lost_metrics_do_not_undo_what_is_done() -> None:
    class Broken(Reports):
        def report(self, invocation: Invocation, context: Context | None) -> None:
            raise ZeroDivisionError

    assert handler(FakeKinesis(), None, Broken())(kinesis_event([ride(1)]), FakeContext()) == failures()


def test_a_slow_quarantine_does_not_hold_up_the_predictions() -> None:
    delivered = threading.Event()

    class Patient(ListQuarantine):
        def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
            assert delivered.wait(20)
            return super().put(faults, deadline)

    def deliver() -> set[int]:
        delivered.set()
        return set()

    quarantine = Patient()
    answer = handler(FakeKinesis(deliver), quarantine)(kinesis_event([b"junk", ride(1)]), FakeContext())
    assert (answer, len(quarantine.kept)) == (failures(), 1)
