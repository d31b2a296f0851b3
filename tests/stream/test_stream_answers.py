"""What an invocation answers and reports, and what it does where its time is too short."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from doubles import NOW, FakeContext, FakeKinesis, FakeModel, client_error, kinesis_event, ride
from test_stream_handler import ListQuarantine, Reports, failures, handler

from threeways.aws.calls import Deadline
from threeways.errors import DeadlineNear, InvalidInvocation, PermanentError
from threeways.scoring.service import ModelService
from threeways.stream.delivery import NoDelivery
from threeways.stream.handler import MAX_REPLY_BYTES, StreamHandler
from threeways.stream.records import Batch, Record
from threeways.systems.taxi.duration import task


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


def test_failures_are_reported_beside_predictions() -> None:
    denied = client_error("AccessDeniedException")
    answer = handler(FakeKinesis(denied), returns_predictions=True)(kinesis_event([ride(1)]), FakeContext())
    assert answer["batchItemFailures"] == failures(1001)["batchItemFailures"]
    assert len(answer["predictions"]) == 1


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
