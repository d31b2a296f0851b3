"""Counting in the function: what a record holds, when it is put, and that it never costs an event."""

from __future__ import annotations

import json
import logging
import threading
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from doubles import FOREVER, NOW, FakeContext, FakeKinesis, FakeModel, Sleeps, kinesis_event, ride
from reference_lab import rows_of

from threeways.artifact.inputs import Table
from threeways.artifact.reference.building import build
from threeways.aws.calls import Backoff
from threeways.emulator.server import Emulator
from threeways.errors import SettingsError
from threeways.lifecycle.counting import KEPT_RECORDS, Counting, S3Records
from threeways.lifecycle.counts import CountsRecord, collected, read
from threeways.scoring.outputs import Value
from threeways.scoring.service import ModelService
from threeways.scoring.task import Features, Task
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.systems.taxi.duration import task

RANDOM = np.random.default_rng(0)
ZONES = RANDOM.integers(1, 266, 5_000).astype(float)
DISTANCES = RANDOM.gamma(2, 2, 5_000)
FEATURES = {"PULocationID": ZONES, "trip_distance": DISTANCES}
MADE = build("ride_duration", "made", FEATURES, {"ride_duration": 2 * DISTANCES})
assert MADE is not None
REFERENCE = MADE


class Kept:
    """Keeps records by key; raises or blocks when it is told to."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.fails = False
        self.gate: threading.Event | None = None

    def __call__(self, key: str, body: bytes) -> None:
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.fails:
            raise OSError("S3 is gone")
        self.bodies[key] = body

    @property
    def records(self) -> list[CountsRecord]:
        return [msgspec.json.decode(one, type=CountsRecord) for one in self.bodies.values()]


class Clock:
    def __init__(self) -> None:
        self.now = 1_612_180_800.0

    def __call__(self) -> float:
        return self.now


def service(version: str = "run-1") -> ModelService[Any]:
    made: ModelService[Any] = ModelService(FakeModel(), task, version)
    made.reference = REFERENCE
    return made


def setup(put: Any = None, **options: Any) -> tuple[StreamHandler, Counting, Any, Clock]:
    kept, clock, kinesis = put or Kept(), Clock(), FakeKinesis()
    counting = Counting(kept, 60, clock, **options)
    delivery = StreamDelivery(kinesis, "predictions", Backoff(sleep=Sleeps()))  # type: ignore[arg-type]
    return StreamHandler(service(), delivery, StoresAll(), counting=counting), counting, kept, clock


class StoresAll:
    def put(self, faults: Any, deadline: Any) -> int:
        return 0


def rides(count: int, zone: int = 7) -> dict[str, Any]:
    return kinesis_event([ride(f"r{n}", distance=2.0, PULocationID=zone) for n in range(count)])


def bins(record: CountsRecord, name: str) -> dict[str, int]:
    place = [one.name for one in REFERENCE.columns].index(name)
    counts = [*record.features, *record.predictions][place]
    return {label: n for label, n in zip(REFERENCE.columns[place].labels, counts, strict=True) if n}


def test_a_record_holds_what_was_scored_in_the_bins_of_the_reference() -> None:
    handle, _, kept, clock = setup()
    handle(rides(3), FakeContext())
    assert kept.bodies == {}
    clock.now += 61
    payloads = [
        ride("a", PULocationID=999),
        ride("b", PULocationID=8),
        b"junk",
        ride("c", pickup_datetime="?"),
    ]
    handle(kinesis_event(payloads), FakeContext())
    [record] = kept.records
    assert (record.rows, record.version, record.task) == (5, "run-1", "ride_duration")
    assert record.model == "ride_duration_prediction_model"
    assert bins(record, "PULocationID") == {"7": 3, "8": 1, "other": 1}
    assert sum(bins(record, "ride_duration").values()) == sum(bins(record, "trip_distance").values()) == 5
    assert record.flags == {"unknown_zone": 1}
    assert record.quarantined == {"invalid_event": 1, "undecodable": 1}
    assert (record.end - record.start).total_seconds() == 61
    [key] = kept.bodies
    assert key == f"2021/02/01/12/20210201T120000-{record.id}.json"


def test_a_batch_of_small_ones_is_counted_as_one_large() -> None:
    large, small = setup(), setup()
    large[0](rides(40), FakeContext())
    for _ in range(20):
        small[0](rides(2), FakeContext())
    for one in (large, small):
        one[1].flush()
    [first], [second] = large[2].records, small[2].records
    assert (first.rows, first.features, first.predictions) == (40, second.features, second.predictions)


def test_counts_belong_to_the_version_that_scored() -> None:
    handle, counting, kept, _ = setup()
    handle(rides(3), FakeContext())
    handle.service = service("run-2")
    handle(rides(5), FakeContext())
    counting.flush()
    assert {(one.version, one.rows) for one in kept.records} == {("run-1", 3), ("run-2", 5)}


def test_a_model_without_a_reference_is_served_and_not_counted() -> None:
    handle, counting, kept, clock = setup()
    handle.service = ModelService(FakeModel(), task, "foreign")
    assert handle(rides(3), FakeContext()) == {"batchItemFailures": []}
    clock.now += 100
    handle(rides(3), FakeContext())
    counting.flush()
    assert kept.bodies == {}
    assert handle.service.observed is None


def test_what_a_failed_batch_has_left_is_not_counted_twice() -> None:
    handle, counting, kept, _ = setup()
    handle(rides(2), FakeContext())
    counting.watch(handle.service)
    handle.service.score([ride("lost")], [NOW])  # as one that raises before delivery
    handle(rides(4), FakeContext())
    counting.flush()
    assert [one.rows for one in kept.records] == [6]


def test_a_put_that_fails_is_told_and_put_again_later_and_costs_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handle, _, kept, clock = setup()
    kept.fails = True
    handle(rides(3), FakeContext())
    clock.now += 61
    with caplog.at_level(logging.WARNING):
        assert handle(rides(3), FakeContext()) == {"batchItemFailures": []}
    assert "S3 is gone" in caplog.text
    kept.fails = False
    handle(rides(1), FakeContext())
    assert kept.bodies == {}  # not at once again
    clock.now += 61
    handle(rides(1), FakeContext())
    handle(rides(1), FakeContext())
    assert sum(one.rows for one in kept.records) == 8
    assert len({one.id for one in kept.records}) == 2


def test_s3_that_never_answers_delays_one_batch_by_the_wait_alone_and_is_not_asked_twice() -> None:
    put = Kept()
    put.gate = threading.Event()
    handle, _, kept, clock = setup(put, wait=0.05)
    began = threading.active_count()
    for _ in range(5):
        clock.now += 61
        handle(rides(1), FakeContext())
    assert threading.active_count() <= began + 2  # quarantine's, and one put
    put.gate.set()
    while not kept.bodies:
        handle(rides(1), FakeContext())
    assert kept.records[0].rows == 2  # the batch that began the interval, and the one that ended it


def test_records_that_cannot_be_put_for_an_hour_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    handle, counting, kept, clock = setup()
    kept.fails = True
    with caplog.at_level(logging.ERROR):
        for _ in range(KEPT_RECORDS + 5):
            clock.now += 61
            handle(rides(1), FakeContext())
            clock.now += 61
            handle(rides(1), FakeContext())
    assert "is lost" in caplog.text
    kept.fails = False
    counting.flush()
    assert len(kept.bodies) == KEPT_RECORDS


def test_a_bug_in_counting_is_logged_and_no_event_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    handle, _, _, clock = setup()
    handle(rides(1), FakeContext())
    clock.now = "no time"  # type: ignore[assignment]
    assert handle(rides(2), FakeContext()) == {"batchItemFailures": []}
    assert "is not counted" in caplog.text


def test_a_table_of_texts_is_counted_by_a_sample() -> None:
    columns = ("weight", "zone", "payment")
    rows = rows_of(1_000, 1)
    shop: Task[Any] = Task(
        name="shop", event=task.event, example=task.example, id="ride_id", columns=columns,
        features=lambda events, _: Features(
            Table({name: rows[name][: len(events)] for name in columns}), [()] * len(events)
        ),
        output=Value("price"), mixed=True,
    )  # fmt: skip

    class Model(FakeModel):
        def predict(self, features: Any) -> Any:
            return np.nan_to_num(features.columns["weight"])

    made: ModelService[Any] = ModelService(Model(), shop, "v")
    made.reference = build("shop", "x", rows_of(2_000), {"price": np.arange(2_000.0)})
    kept = Kept()
    counting = Counting(kept, 60)
    counting.watch(made)
    made.score([ride(n) for n in range(1_000)], [NOW] * 1_000)
    counting.count({}, FOREVER)
    counting.flush()
    [record] = kept.records
    assert [sum(one) for one in record.features] == [1_000, 1_000, 250]
    assert sum(record.predictions[0]) == 1_000


def test_records_lie_under_the_prefix_in_s3_and_are_read_back(emulator: Emulator) -> None:
    client = emulator.client("s3")
    client.create_bucket(Bucket="counts-bucket")
    put = S3Records(client, "s3://counts-bucket/a/counts")
    handle, counting, _, _ = setup(put)
    handle(rides(3), FakeContext())
    counting.flush()
    client.put_object(Bucket="counts-bucket", Key="a/counts/2021/half.json", Body=b'{"format": 1, "id"')
    client.put_object(Bucket="counts-bucket", Key="a/countsX/other.json", Body=b"{}")
    found = read("s3://counts-bucket/a/counts", lambda: client)
    assert [one.rows for one in found.records] == [3]
    assert found.records[0].arrays(REFERENCE) is not None
    assert ["half.json" in one for one in found.unreadable] == [True]
    [record] = found.records
    day = record.start.date()
    assert len(read("s3://counts-bucket/a/counts", lambda: client, day).records) == 1
    assert read("s3://counts-bucket/a/counts", lambda: client, day + timedelta(days=1)).records == []
    with pytest.raises(SettingsError, match="COUNTS_LOCATION"):
        S3Records(client, "http://counts")


def test_a_record_that_came_twice_counts_once_and_the_one_that_counts_more_stays() -> None:
    handle, counting, kept, _ = setup()
    handle(rides(3), FakeContext())
    counting.flush()
    [body] = kept.bodies.values()
    less = json.loads(body) | {"rows": 1}
    wrong = [
        json.loads(body) | {"start": one, "id": one}
        for one in ("9999-12-31T23:59:59Z", "2300-01-01T00:00:00Z")
    ]
    found = collected([("w", json.dumps(one).encode()) for one in wrong])
    assert (found.records, len(found.unreadable)) == ([], 2)
    found = collected([("a", json.dumps(less).encode()), ("b", body), ("c", body)])
    assert ([one.rows for one in found.records], found.repeated) == ([3], 2)


def test_counts_of_other_bins_are_told_from_these() -> None:
    handle, counting, kept, _ = setup()
    handle(rides(3), FakeContext())
    counting.flush()
    [record] = kept.records
    assert msgspec.structs.replace(record, bins="0123").arrays(REFERENCE) is None
    assert msgspec.structs.replace(record, features=record.features[:1]).arrays(REFERENCE) is None
    short = [record.features[0][:-1], *record.features[1:]]
    assert msgspec.structs.replace(record, features=short).arrays(REFERENCE) is None
