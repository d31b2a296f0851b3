"""One number: the web and the stream tell the same of the same rides, bit for bit, refusals included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from doubles import FakeKinesis, kinesis_event, ride
from events_lab import KINDS
from small_training import Training
from web_lab import JSON, serving

from threeways import artifact
from threeways.aws.calls import Deadline
from threeways.errors import InvalidEvent, PermanentError, UndecodableEvent
from threeways.scoring.output import number_of
from threeways.scoring.service import ModelService
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.records import Record
from threeways.systems.taxi.duration import task
from threeways.systems.taxi.trips.city import trips
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.rides import payloads_of
from threeways.web import bodies
from threeways.web.inline_budget import InlineBudget

pytestmark = pytest.mark.exhaustive

type Told = tuple[str, Any, Any]
"""("predicted", minutes, flags) or ("refused", code, message)."""

BOUNDARIES = [
    ride("zones", PULocationID=0, DOLocationID=266), ride("edges", PULocationID=1, DOLocationID=265),
    ride("far", PULocationID=2**31 - 1, DOLocationID=-(2**31)), ride("still", 0.0), ride("long", 1e308),
    ride("tiny", 5e-324), ride("spring", pickup_datetime="2021-03-14T02:30:00"),
    ride("autumn", pickup_datetime="2021-11-07T01:30:00"),
    ride("zulu", pickup_datetime="2021-11-07T06:30:00Z"),
    ride("midnight", pickup_datetime="2021-12-31T23:59:59.999999"), ride(-(2**63)), ride(2**63 - 1),
    ride("🚕" * 128), ride("🚕" * 129),
]  # fmt: skip
"""Rides without a time are not here: what stands in for it is not the same time."""


class Kept:
    """A quarantine that keeps in memory."""

    def __init__(self) -> None:
        self.faults: list[tuple[Record, PermanentError]] = []

    def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
        self.faults += faults
        return 0


@pytest.fixture(scope="module")
def scored_by(training: Training) -> ModelService[Any]:
    model = artifact.load(training.report.model.folder)
    return ModelService(model, task, model.version)


@pytest.fixture(scope="module")
def rides() -> list[bytes]:
    """A thousand: every kind of broken one, the boundaries, and real-looking ones."""
    frame = trips(2021, 3, rides=1_500).frame
    usual = list(payloads_of(frame[clean(frame).valid]))
    broken = [data for data in KINDS.values() if len(data) < bodies.SINGLE_BYTES]
    found = [*BOUNDARIES, *broken, *usual][:1_000]
    assert len(found) == 1_000
    return found


def of_stream(scored_by: ModelService[Any], rides: Sequence[bytes]) -> list[Told]:
    kinesis, kept = FakeKinesis(), Kept()
    client: Any = kinesis
    handler = StreamHandler(scored_by, StreamDelivery(client, "predictions"), kept)
    assert handler(kinesis_event(rides)) == {"batchItemFailures": []}
    told: dict[int, Told] = {}
    for stored in kinesis.stored:
        made = json.loads(stored["Data"])
        told[int(made["source_event_id"].split(":")[1])] = _predicted(made)
    for record, error in kept.faults:
        told[int(record.sequence_number)] = ("refused", error.code, str(error))
    return [told[1001 + position] for position in range(len(rides))]


def _predicted(made: dict[str, Any]) -> Told:
    return "predicted", made["prediction"], made["flags"]


async def one_by_one(url: httpx.URL, rides: Sequence[bytes]) -> list[Told]:
    gate = asyncio.Semaphore(32)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:

        async def one(payload: bytes) -> Told:
            async with gate:
                answer = (await client.post("/predict", content=payload, headers=JSON)).json()
            if "prediction" in answer:
                return _predicted(answer)
            return "refused", answer["code"], answer["detail"]

        return await asyncio.gather(*(one(payload) for payload in rides))


@pytest.mark.parametrize("at_once", [pytest.param(0, marks=pytest.mark.exhaustive), 16])
def test_single_requests_and_the_stream_tell_the_same(
    scored_by: ModelService[Any], rides: list[bytes], at_once: int
) -> None:
    expected = of_stream(scored_by, rides)
    with serving(scored_by, budget=InlineBudget(at_once)) as client:
        told = asyncio.run(one_by_one(client.base_url, rides))
        gathered = client.get("/metrics").text.partition("predict_gathered_events_count ")[2]
    assert told == expected
    assert len({outcome[0] for outcome in told}) == 2
    assert float(gathered.split()[0]) < sum(outcome[0] == "predicted" for outcome in told), (
        "some were gathered"
    )


def test_a_batch_and_the_stream_tell_the_same(scored_by: ModelService[Any], rides: list[bytes]) -> None:
    def is_json(payload: bytes) -> bool:
        try:
            task.decode(payload)
        except UndecodableEvent:
            return False
        except InvalidEvent:
            pass
        return True

    fitting = [payload for payload in rides if is_json(payload)]
    with serving(scored_by) as client:
        body = b"[" + b",".join(fitting) + b"]"
        answer = client.post("/predict/batch", content=body, headers=JSON).json()
    told = [
        _predicted(one) if "prediction" in one else ("refused", one["error"]["code"], one["error"]["message"])
        for one in answer["results"]
    ]
    assert told == of_stream(scored_by, fitting)
    assert answer["refused"] == sum(one[0] == "refused" for one in told) > 20


def test_a_ride_without_a_time_is_scored_for_the_time_of_its_request(scored_by: ModelService[Any]) -> None:
    before = datetime.now(UTC)
    with serving(scored_by) as client:
        answer = client.post("/predict", content=ride(pickup_datetime=None), headers=JSON).json()
    possible = []
    for moment in (before, datetime.now(UTC)):
        [outcome] = scored_by.score([ride(pickup_datetime=None)], [moment])
        possible.append(number_of(getattr(outcome, "value", None)))
    assert answer["prediction"]["ride_duration"] in possible
    assert answer["flags"] == ["assumed_pickup_datetime"]


def test_the_model_s_page_tells_its_training(training: Training, scored_by: ModelService[Any]) -> None:
    with serving(scored_by) as client:
        told = client.get("/model").json()
    assert told["version"] == training.report.model.run_id
    assert told["metrics"]["validation_rmse"] == training.report.rmse
    assert told["trained_on"]["training"]["rows"] == training.report.rows_train
    assert told["features"] == list(task.columns)
    assert told["signature"]["inputs"][0]["tensor-spec"]["shape"] == [-1, 6]
    assert datetime.fromisoformat(told["trained"]).tzinfo is UTC
