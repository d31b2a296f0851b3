"""The handler: what is done, what is reported, what is answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from doubles import NOW, FakeContext, FakeKinesis, FakeModel, Sleeps, client_error, kinesis_event, ride

from threeways.aws.calls import Backoff, Context, Deadline
from threeways.errors import DeadlineNear, InvalidInvocation, ModelFailed, PermanentError, QuarantineFailed
from threeways.scoring.service import ModelService
from threeways.stream.delivery import NoDelivery, StreamDelivery
from threeways.stream.handler import MAX_REPLY_BYTES, StreamHandler
from threeways.stream.quarantine import NoQuarantine
from threeways.stream.records import Batch, Record
from threeways.stream.telemetry import Invocation
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


class Reports(list[Invocation]):
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


def changed(**kinesis: object) -> dict[str, Any]:
    event = kinesis_event([ride(1)])
    event["Records"][0]["kinesis"] |= kinesis
    return event


@pytest.mark.parametrize(
    "event",
    [
        {},
        None,
        [],
        {"Records": [{"s3": {}}]},
        {"Records": "x"},
        "text",
        changed(sequenceNumber="abc"),
        changed(approximateArrivalTimestamp=1e18),
        changed(approximateArrivalTimestamp=-1),
        changed(approximateArrivalTimestamp=float("nan")),
    ],
)
def test_what_is_no_kinesis_event_is_refused_by_name(event: object) -> None:
    with pytest.raises(InvalidInvocation, match="Kinesis"):
        handler(FakeKinesis())(event, FakeContext())


def test_predictions_are_answered_where_they_are_asked_for() -> None:
    answer = handler(FakeKinesis(), returns_predictions=True)(kinesis_event([ride(5, distance=3)]))
    assert answer["batchItemFailures"] == []
    assert answer["predictions"][0]["prediction"] == {"ride_duration": 6.0, "ride_id": 5}


def test_predictions_over_lambda_s_reply_limit_are_left_out() -> None:
    payloads = [ride(f"{n:0256d}") for n in range(MAX_REPLY_BYTES // 500)]
    answer = StreamHandler(
        ModelService(FakeModel(), task, "run-1"), NoDelivery(), ListQuarantine(), returns_predictions=True
    )
    reply = answer(kinesis_event(payloads))
    assert len(json.dumps(reply)) < 6 * 2**20
    over = answer(kinesis_event(payloads * 2))
    assert over == failures()


def test_retries_of_both_sides_are_counted() -> None:
    class Retried(ListQuarantine):
        def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
            super().put(faults, deadline)
            return 5

    reports = Reports()
    handler(FakeKinesis({0}), Retried(), reports)(kinesis_event([ride(1), b"junk"]), FakeContext())
    assert reports[0].retries == 6


def test_an_id_outside_ascii_survives_the_answer() -> None:
    answer = handler(FakeKinesis(), returns_predictions=True)(kinesis_event([ride("\u00e9\U0001f600")]))
    assert json.loads(json.dumps(answer))["predictions"][0]["prediction"]["ride_id"] == "\u00e9\U0001f600"


def test_order_is_kept_by_the_input_s_partition_key() -> None:
    client = FakeKinesis({0})
    event = kinesis_event([ride("first"), ride("second"), ride("other")], keys=["same", "same", "else"])
    assert handler(client)(event, FakeContext()) == failures()
    assert [[record["PartitionKey"] for record in call] for call in client.calls] == [
        ["first", "other"],
        ["first"],
        ["second"],
    ]


def test_failures_are_reported_beside_predictions() -> None:
    denied = client_error("AccessDeniedException")
    answer = handler(FakeKinesis(denied), returns_predictions=True)(kinesis_event([ride(1)]), FakeContext())
    assert answer["batchItemFailures"] == failures(1001)["batchItemFailures"]
    assert len(answer["predictions"]) == 1


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


def test_a_batch_without_time_for_its_first_record_raises_so_that_aws_halves_it() -> None:
    context = FakeContext()

    class Slow(FakeModel):
        def predict(self, features: Any) -> Any:
            if len(features) > 1:
                context.milliseconds -= 20_000
            return super().predict(features)

    client, quarantine = FakeKinesis(), ListQuarantine()
    model = Slow(fails_on=lambda block: bool((block[:, 3] == 1000).any()))
    event = kinesis_event([ride(n, distance=1000 if n == 0 else 1) for n in range(8)])
    with pytest.raises(DeadlineNear, match=r"halves.*timeout or memory, or lower BatchSize"):
        handler(client, quarantine, model=model)(event, context)
    assert (quarantine.kept, client.calls) == ([], [])


@pytest.mark.parametrize(("records", "raises"), [(2, True), (1, False)])
def test_scoring_that_left_no_time_to_deliver_raises_where_aws_can_halve_the_batch(
    records: int, *, raises: bool
) -> None:
    context = FakeContext()

    class Slow(FakeModel):
        def predict(self, features: Any) -> Any:
            context.milliseconds = 500  # what is kept for the answer
            return super().predict(features)

    handle = handler(FakeKinesis(), model=Slow())
    event = kinesis_event([ride(n) for n in range(records)])
    if raises:
        with pytest.raises(DeadlineNear, match="halves"):
            handle(event, context)
    else:
        assert handle(event, context) == failures(1001)


def test_what_an_invocation_did_is_reported() -> None:
    reports = Reports()
    event = kinesis_event([ride(1), b"junk", ride(2)])
    event["Records"][1]["kinesis"]["approximateArrivalTimestamp"] -= 60
    handler(FakeKinesis({1}, client_error("AccessDeniedException")), None, reports)(event, FakeContext())
    [told] = reports
    assert (told.events, told.predictions, told.unfinished) == (3, 1, 1)
    assert told.oldest_age > (datetime.now(UTC) - NOW).total_seconds() + 59


def test_another_sources_events_are_read_and_answered_by_parts_that_are_given() -> None:
    """SQS's events and its answer: docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""

    def parse(event: Any) -> Batch:
        return Batch.of(
            Record(
                event_id=message["messageId"],
                sequence_number=message["messageId"],
                partition_key=message["messageId"],
                arrived_at=NOW.timestamp(),
                data=message["body"].encode(),
                payload=message["body"].encode(),
                source_arn="",
            )
            for message in event["Records"]
        )

    def answer(unfinished: Sequence[Record]) -> dict[str, Any]:
        return {"batchItemFailures": [{"itemIdentifier": record.sequence_number} for record in unfinished]}

    client = FakeKinesis({1, 2}, client_error("AccessDeniedException"))
    event = {"Records": [{"messageId": f"m{n}", "body": ride(n).decode()} for n in range(4)]}
    assert handler(client, parse=parse, failures=answer)(event, FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]
    }
    assert len(client.stored) == 2
