"""Each hour the cohorts that closed are judged; a second call changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from join_world import Cloud, Seconds, World

from threeways.errors import DeadlineNear, DeliveryFailed, SettingsError
from threeways.join.functions import Functions
from threeways.join.join import Join
from threeways.join.judge import CohortMetrics, Judge
from threeways.lifecycle.cohorts import Cohort
from threeways.settings import JoinSettings
from threeways.stream.delivery import StreamDelivery
from threeways.systems.taxi.labels import join

MODEL = join.model
HOUR = 3_600.0


class Judged:
    """A judge over the decisions stream of a join of labels, at any time."""

    def __init__(self, cloud: Cloud) -> None:
        self.world = World(cloud)
        self.world.use(**{one.name: getattr(join, one.name) for one in fields(Join) if one.init})
        self.began = time.time() // HOUR * HOUR
        self.now = join.live().closes(self.began) + 60
        self.cohorts: list[list[Cohort]] = []
        kinesis = cloud.client("kinesis")
        delivery = StreamDelivery(kinesis, self.world.name)
        self.judge = Judge(join, kinesis, self.world.name, delivery, self._report, clock=lambda: self.now)

    def _report(self, cohorts: Sequence[Cohort], _context: Any) -> None:
        self.cohorts.append(list(cohorts))

    def rides(self, minutes: dict[int, float | None], at: float, version: str = "a") -> None:
        """Have rides of these ids predicted to take 20 minutes; None: no label comes."""
        pickup = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        for key, actual in minutes.items():
            ride = {"PULocationID": 1, "DOLocationID": 2, "trip_distance": 2.5, "pickup_datetime": pickup}
            prediction = {"ride_duration": 20.0, "ride_id": key, "interval": [15.0, 25.0]}
            told: list[Any] = [
                {"ride_id": key, "ride": ride},
                {"model": MODEL, "version": version, "prediction": prediction, "source_event_id": f"s:{key}"},
            ]
            if actual is not None:
                told.append({"event": "ride_ended", "ride_id": key, "duration_minutes": actual})
            assert self.world.put(*told) == []

    def expire(self) -> None:
        """Decide what is without a label, put all messages."""
        self.world.clock.now += 3 * HOUR + 61
        self.world.sweep()
        self.world.clock.now += 61
        self.world.sweep()


@pytest.fixture
def judged(cloud: Cloud) -> Judged:
    return Judged(cloud)


def test_a_closed_cohort_is_told_once_by_version_with_its_figures(judged: Judged) -> None:
    at = judged.began + 60
    judged.rides({1: 18.0, 2: 26.0, 3: None}, at)
    judged.rides({4: 70.0}, at)
    judged.rides({5: 20.0}, at, version="b")
    judged.rides({6: 50.0}, at + HOUR)  # of the next cohort, which is open
    judged.expire()
    told = judged.judge(None, Seconds())["cohorts"]
    assert [one["version"] for one in told] == ["a", "b"]
    first = told[0]
    assert first["message"] == "cohort"
    assert (first["n"], first["labelled"], first["unmatched"], first["unjudged"]) == (2, 3, 1, 1)
    assert (first["bias"], first["mae"], first["coverage"]) == (-2.0, 4.0, 0.5)
    assert first["completeness"] == 0.75
    assert first["slices"]["trip_distance"] == {"2-3": {name: first[name] for name in ("n", *FIGURES)}}
    on_stream = [one for one in judged.world.messages() if one["message"] == "cohort"]
    assert on_stream == told
    assert [one.version for one in judged.cohorts[0]] == ["a", "b"]


FIGURES = ("mae", "rmse", "bias", "coverage", "width")


def test_a_call_that_comes_again_makes_the_same_and_outcomes_twice_count_once(
    judged: Judged,
) -> None:
    judged.rides({1: 18.0, 2: 26.0}, judged.began + 60)
    judged.expire()
    kinesis = judged.world.cloud.client("kinesis")
    for message in judged.world.messages():
        kinesis.put_record(StreamName=judged.world.name, Data=json.dumps(message), PartitionKey="again")
    kinesis.put_record(StreamName=judged.world.name, Data=b"no JSON", PartitionKey="x")
    first, again = judged.judge(None, Seconds()), judged.judge(None, Seconds())
    assert first == again
    assert first["cohorts"][0]["labelled"] == 2


def test_each_cohort_is_judged_by_the_call_of_its_hour_and_by_no_later_one(judged: Judged) -> None:
    judged.rides({1: 18.0}, judged.began + 60)
    judged.expire()
    judged.now -= 120
    assert judged.judge(None, Seconds())["cohorts"] == []
    judged.now += HOUR - 60
    assert len(judged.judge(None, Seconds())["cohorts"]) == 1
    judged.now += HOUR
    assert judged.judge(None, Seconds())["cohorts"] == []


def test_a_stream_that_forgets_before_a_cohort_is_judged_is_refused_with_the_mend(judged: Judged) -> None:
    judged.judge._join = replace(join, deadline=30 * HOUR)
    with pytest.raises(SettingsError, match=r"keeps records for 24 h, .*deploy with RetentionHours=3[234]"):
        judged.judge(None, Seconds())


def test_a_call_without_time_raises_and_so_does_one_whose_messages_are_refused(judged: Judged) -> None:
    judged.rides({1: 18.0}, judged.began + 60)
    judged.expire()
    with pytest.raises(DeadlineNear, match="no time"):
        judged.judge(None, Seconds(0.0))
    kinesis = judged.world.cloud.client("kinesis")
    judged.judge._delivery = StreamDelivery(kinesis, "nowhere")
    with pytest.raises(DeliveryFailed, match="1 of 1 figures"):
        judged.judge(None, Seconds(5.0))


def test_metrics_are_by_version_and_for_alarms_of_the_one_that_predicted_most(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = join.live()
    for key, version in ((1, "a"), (2, "b"), (3, "b")):
        live.add(
            {
                "ride_id": key, "revision": 1, "model": MODEL, "version": version, "predicted": 20.0,
                "interval": [15.0, 25.0], "actual": 24.0, "judged": True, "waited": 60.0,
                "at": "2021-02-01T08:00:00-05:00", "slices": {"hour": 8},
            }
        )  # fmt: skip
    CohortMetrics("ride_duration_labels", "labels")(live.close(), Seconds(function_name="judge"))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    emf = [one for one in told if "_aws" in one]
    assert [one.get("version") for one in emf] == ["a", "b", None]
    for one in emf:
        assert (one["service"], one["function_name"]) == ("labels", "judge")
        assert (one["Bias"], one["AbsoluteBias"], one["MAE"]) == ([-4.0], [4.0], [4.0])
        assert (one["Coverage"], one["Completeness"]) == ([100.0], [100.0])
    assert [one["Labelled"] for one in emf] == [[1.0], [2.0], [2.0]]


def test_a_join_that_is_none_of_labels_has_no_judge() -> None:
    functions = Functions(JoinSettings(join="moderation"))
    with pytest.raises(SettingsError, match=r"moderation is no join of labels.*Labels=false"):
        functions.judge()


def test_the_deadline_of_a_run_is_the_environment_s() -> None:
    assert Functions(JoinSettings(join="ride_duration_labels", join_deadline=12.5)).join.deadline == 12.5
    with pytest.raises(SettingsError, match="deadline=-1"):
        Functions(JoinSettings(join="ride_duration_labels", join_deadline=-1.0))
