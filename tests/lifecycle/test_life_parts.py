"""The parts of a life's run: its alarm, its outcomes, what is known of each event, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from threeways.cli.app import app
from threeways.errors import UsageError
from threeways.local_run.life import alarm, steps
from threeways.local_run.life.declared import LifeEvents, life_of
from threeways.local_run.life.labels import Labels
from threeways.local_run.life.record import Record, rmse
from threeways.local_run.life.steps import TRIES, Failed, Steps
from threeways.scoring import tasks
from threeways.scoring.slices import Slice
from threeways.systems.taxi import life as taxi
from threeways.systems.taxi.trips import city_map
from threeways.training.retrain.windows import windows

TASK = tasks.find("ride_duration")
N = 12_000
TIMES = np.datetime64("2021-03-01", "us") + np.arange(N) * np.timedelta64(100, "s")
ZONE = Slice(field="zone", title="zone", least=1, most=40)


def errors_of(seed: int) -> tuple[np.ndarray[Any, Any], list[str]]:
    random = np.random.default_rng(seed)
    hour = 1 + 0.3 * np.sin(np.arange(N) * 2 * np.pi / 864)
    return random.standard_t(8, N) * 4 * hour, [str(one) for one in random.integers(1, 21, N)]


@pytest.mark.parametrize("seed", range(5))
def test_a_quiet_stream_raises_no_alarm(seed: int) -> None:
    errors, zones = errors_of(seed)
    looks = [alarm.look(errors[:n], TIMES[:n], {"zone": zones[:n]}) for n in range(1_000, N, 200)]
    assert looks == [None] * len(looks)


@pytest.mark.parametrize("seed", range(5))
def test_a_change_is_told_with_its_onset_and_its_parts(seed: int) -> None:
    errors, zones = errors_of(seed)
    changed = 7_000
    moved = (np.arange(N) >= changed) & np.isin(zones, ["3", "17"])
    errors = errors - np.where(moved, 30.0, 0.0)
    n = changed + 1_000
    found = alarm.look(errors[:n], TIMES[:n], {"zone": zones[:n]})
    assert found is not None
    assert abs(found.onset - changed) < 150
    assert found.since > 1.2 * found.before
    assert sorted(found.parts["zone"]) == ["17", "3"]


def test_an_alarm_waits_for_days_to_compare_with() -> None:
    errors, zones = errors_of(1)
    errors[1_500:] *= 5
    n = 3_000  # three and a half days
    assert alarm.look(errors[:n], TIMES[:n], {"zone": zones[:n]}) is None


@pytest.fixture(scope="module")
def rides() -> LifeEvents:
    return taxi.load(2_000)


@pytest.fixture
def labels(rides: LifeEvents) -> Labels:
    made = Labels(taxi.JOIN, deadline=60)
    for key, payload, _ in zip(rides.events.ids, rides.events.payloads(), range(20), strict=False):
        made.event(key, payload)
    return made


def predicted(key: Any, minutes: float) -> bytes:
    return f'{{"ride_id": {key}, "ride_duration": {minutes}, "interval": [1.0, 99.0]}}'.encode()


def test_an_outcome_takes_a_label_and_a_prediction_in_either_order(rides: LifeEvents, labels: Labels) -> None:
    first, second = rides.events.ids[:2]
    texts = list(rides.labels())
    assert not list(labels.prediction(first, "a", predicted(first, 10), "s:1"))
    [outcome] = labels.label(first, texts[0])
    assert not list(labels.label(second, texts[1]))
    [other] = labels.prediction(second, "a", predicted(second, 10), "s:2")
    record = Record(rides.events.ids, labels.join.slices)
    for one in (outcome, other):
        record.take(one, "ride_id")
    assert record.error[:2] == pytest.approx(10 - rides.events.truth[:2])
    assert record.inside[:2].tolist() == [1, 1]
    assert record.closed == 2


def test_two_versions_of_one_event_are_both_told_and_the_first_one_counts(
    rides: LifeEvents, labels: Labels
) -> None:
    key, text = rides.events.ids[0], next(rides.labels())
    record = Record(rides.events.ids, labels.join.slices)
    for version, minutes in (("a", 10), ("b", 50)):
        record.served(key, version)
        for one in labels.prediction(key, version, predicted(key, minutes), "s:1"):
            record.take(one, "ride_id")
        for one in labels.label(key, text):
            record.take(one, "ride_id")
    assert record.error[0] == pytest.approx(10 - rides.events.truth[0])
    assert record.versions == {"a": 1}


def test_an_event_without_a_label_is_given_up_after_the_deadline(rides: LifeEvents) -> None:
    labels = Labels(taxi.JOIN, deadline=0)
    key = rides.events.ids[0]
    labels.event(key, next(rides.events.payloads()))
    assert not list(labels.prediction(key, "a", predicted(key, 10), "s:1"))
    record = Record(rides.events.ids, labels.join.slices)
    for one in labels.expired():
        record.take(one, "ride_id")
    assert record.closed == 1
    assert rmse(record.error) is None


def test_rides_come_in_the_order_of_pickup_and_labels_when_they_have_ended(rides: LifeEvents) -> None:
    assert (np.diff(rides.times) >= np.timedelta64(0, "us")).all()
    minutes = (rides.known - rides.times) / np.timedelta64(60_000_000, "us")
    assert minutes == pytest.approx(rides.events.truth)
    assert len(list(rides.labels())) == len(rides.events) == len(list(rides.events.payloads()))
    assert rides.times[0] < rides.changes < rides.times[-1]


def test_what_a_life_writes_is_what_a_training_reads(rides: LifeEvents, tmp_path: Path) -> None:
    rows = np.arange(100, 1_500)
    rides.write(rows, tmp_path / "rides.parquet")
    found = windows(TASK, str(tmp_path / "rides.parquet"), None, lambda _: None)
    targets = np.concatenate([found.learning.target, found.holdout.target])
    assert targets == pytest.approx(rides.events.truth[rows])


def test_closed_bridges_are_those_of_many_rides() -> None:
    streets = city_map.draw(2021)
    assert streets.bridged.any()
    assert not streets.bridged.diagonal().any()


class _Loop:
    """Steps over errors that rise at a moment; what they do is noted."""

    def __init__(self, folder: Path, *, rises: bool) -> None:
        errors, zones = errors_of(2)
        if rises:
            errors[5_000:] -= 9
        self.record = Record(range(N), [ZONE])
        self.record.error[:], self.record.parts["zone"][:] = errors, zones
        self.done: list[str] = []
        self.steps = Steps(
            self.record, TIMES, lambda rows, file: self.done.append(f"{file.name} {len(rows)}"), folder,
            self.retrain, lambda _: None, lambda _model, _because: None, self.said,
        )  # fmt: skip

    def said(self, line: str) -> None:
        self.done.append(line.split(maxsplit=1)[0])

    def retrain(self, *_: object) -> Any:
        class Report:
            stands = False

            class verdict:  # noqa: N801
                reasons = ("no difference is certain",)

        return Report

    def run(self) -> None:
        for closed in range(200, N, 100):
            self.record.decided[:closed] = True
            self.steps.advance()
            self.steps.wait()


def test_without_an_alarm_nothing_is_retrained(tmp_path: Path) -> None:
    loop = _Loop(tmp_path, rises=False)
    loop.run()
    assert loop.done == []
    assert loop.steps.doing == "watching the error"


def test_a_challenger_that_does_not_stand_is_never_a_shadow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = _Loop(tmp_path, rises=True)
    loop.steps._tries = TRIES - 1  # the last one
    monkeypatch.setattr(steps, "FRESH", 1_000)
    with pytest.raises(Failed, match="no challenger stands after 3"):
        loop.run()
    assert "RETRAIN" in loop.done
    assert "CHALLENGER" not in loop.done
    assert [one.split()[0] for one in loop.done if "parquet" in one] == [
        "labelled-3.parquet",
        "holdout-3.parquet",
    ]


def test_a_task_that_declares_no_life_is_refused() -> None:
    with pytest.raises(UsageError, match="TASK=ride_tip declares no life"):
        life_of(tasks.find("ride_tip"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--system", "moderation", "--consumers", "ride_tip"], "leave out SYSTEM=, CONSUMERS="),
        (["--events", "x.parquet"], "leave out EVENTS="),
        (["--poison", "0.1"], "leave out POISON="),
        (["--n", "500"], "LIFE=1 takes N=20000 events or more"),
    ],
)
def test_what_does_not_go_with_a_life_is_refused_by_name(given: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["run", "--life", *given])
    assert isinstance(done.exception, UsageError)
    assert told in str(done.exception)
