"""The sides do what they are compared for: the same rides in, the same predictions out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from small_training import Training

from benchmarks import (
    floor,
    handlers,
    image_usual,
    latency,
    mixed,
    models,
    picture,
    rides,
    stages,
    start,
    usual,
    usual_mixed,
)
from benchmarks.output import Output

pytestmark = pytest.mark.exhaustive


class Kept(Output):
    """An output that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []

    def put_record(self, **given: Any) -> dict[str, Any]:
        self.messages.append(json.loads(given["Data"]))
        return super().put_record(**given)

    def put_records(self, **given: Any) -> dict[str, Any]:
        self.messages += [json.loads(record["Data"]) for record in given["Records"]]
        return super().put_records(**given)


@pytest.fixture(scope="module")
def folder(training: Training) -> Path:
    return Path(training.report.model.folder)


def predicted(output: Kept) -> dict[int, float]:
    return {
        message["prediction"]["ride_id"]: message["prediction"]["ride_duration"]
        for message in output.messages
    }


def test_both_sides_predict_the_same_rides_alike(folder: Path) -> None:
    event = rides.event(rides.payloads(20))
    mine, other = Kept(), Kept()
    handlers.done(handlers.ours(folder, mine)(event))
    handlers.theirs(folder, other)(event)
    assert len(predicted(mine)) == 20
    assert predicted(mine) == pytest.approx(predicted(other), rel=1e-12)


def test_the_linear_model_gets_the_tutorial_s_dicts_on_both_sides(tmp_path: Path) -> None:
    model = models.linear(tmp_path / "linear", models.training())
    event = rides.event(rides.payloads(20))
    mine, other = Kept(), Kept()
    handlers.done(handlers.ours(model, mine)(event))
    handlers.theirs(model, other, usual.dict_features)(event)
    assert len(predicted(mine)) == 20
    assert predicted(mine) == pytest.approx(predicted(other), rel=1e-9)


def test_both_sides_classify_the_same_payments_alike(tmp_path: Path) -> None:
    folder = mixed.model(tmp_path / "mixed")
    event = rides.event(mixed.payloads(20))
    mine, other = Kept(), Kept()
    handlers.done(mixed.ours(folder, mine)(event))
    mixed.theirs(folder, other)(event)
    told, usual_told = (
        {one["prediction"].pop("payment_id"): one["prediction"] for one in side.messages}
        for side in (mine, other)
    )
    assert len(told) == 20
    assert told == usual_told
    assert {one["label"] for one in told.values()} <= set(usual_mixed.CLASSES)
    values = list(json.loads(mixed.payloads(1)[0]).values())
    assert [sum(isinstance(one, kind) for one in values) for kind in (int | float, str)] == [12, 3 + 1]


def test_the_floor_makes_the_handler_s_own_bytes(folder: Path) -> None:
    event = rides.event(rides.payloads(5))
    output = Kept()
    handlers.done(handlers.ours(folder, output)(event))
    for message, entry in zip(output.messages, floor.entries(event), strict=True):
        bare = json.loads(entry["Data"])
        assert list(bare["prediction"]) == list(message["prediction"])
        for name in ("ride_duration", "interval"):
            bare["prediction"][name] = message["prediction"][name]
        assert bare == message
        assert list(bare) == list(message)
        assert entry["PartitionKey"] == str(message["prediction"]["ride_id"])


def test_one_in_a_hundred_is_broken_and_set_aside(folder: Path) -> None:
    data = rides.payloads(200)
    output = Kept()
    handlers.done(handlers.ours(folder, output)(rides.event(rides.with_broken(data, 100))))
    assert len(output.messages) == 198
    assert output.count == 199  # and one object in quarantine


def test_a_batch_that_is_not_done_is_no_measure() -> None:
    with pytest.raises(SystemExit, match="not done"):
        handlers.done({"batchItemFailures": [{"itemIdentifier": "1"}]})


@pytest.mark.parametrize("side", ["floor", "ours"])
def test_a_cold_start_answers_its_batch_and_tells_its_memory(folder: Path, tmp_path: Path, side: str) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(rides.event(rides.payloads(10))))
    before = sorted(folder.rglob("*"))
    with start.answering() as url, start.Started(side, folder, url, event) as process:
        assert 0 < process.seconds < 60
        assert 10 < process.peak_mb(2) < 4_000
    assert sorted(folder.rglob("*")) == before  # the artifact is left as it was


def test_a_start_that_fails_is_no_measure_and_says_why(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(rides.event(rides.payloads(1))))
    with start.answering() as url, pytest.raises(SystemExit, match="ArtifactMissing"):
        start.Started("ours", tmp_path / "nothing", url, event).__enter__()


def test_the_stages_are_all_of_the_time_and_make_a_picture(folder: Path, tmp_path: Path) -> None:
    found = stages.of(folder, 1, batch=1_000, usual_records=3)
    assert set(found) == {"at once", "after 10 ms a call"}
    for sides in found.values():
        assert set(sides) == {"ours", "usual"}
        for spent in sides.values():
            assert list(spent) == list(stages.STAGES)
            assert spent["predict"] > 0
    late = found["after 10 ms a call"]
    assert late["usual"]["put"] >= 10_000  # a call a ride
    assert 10 <= late["ours"]["put"] < 200  # the two calls for a thousand overlap
    picture.draw(found, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_latencies_are_told_by_batch(folder: Path) -> None:
    from benchmarks.measure import Measure

    measures = [
        Measure(f"{what}, {start.NAMES['ours']}", value, 1, 1, 1, (1, 1))
        for what, value in ((start.SECONDS, 0.5), (start.MEMORY, 100.0))
    ]
    found = latency.latencies(folder, 1, measures)
    assert (found["start_seconds"], found["peak_mb"]) == (0.5, 100.0)
    assert set(found["batches"]) == {"1", "10", "100", "500", "1000"}
    assert found["batches"]["1000"] > found["batches"]["1"] > 0


def test_the_usual_image_has_the_lock_s_versions() -> None:
    lock = json.loads((start.ROOT / "Pipfile.lock").read_text())
    text = image_usual.dockerfile()
    for name in ("mlflow", "scikit-learn", "skops"):
        locked = {
            packages[name]["version"]
            for part, packages in lock.items()
            if part != "_meta" and name in packages
        }
        assert len(locked) == 1
        assert re.search(rf"^RUN pip install .*\b{name}{re.escape(locked.pop())}(\s|$)", text, re.MULTILINE)
