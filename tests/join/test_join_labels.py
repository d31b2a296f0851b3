"""Late labels: each prediction's outcome is told once a ride, version and revision, whatever comes when."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from itertools import permutations
from typing import Any

import pytest
from join_world import World

from threeways.aws.calls import Deadline
from threeways.errors import TableFailed
from threeways.join.join import Decision, Join, Key, decided_of
from threeways.scoring.slices import HOUR
from threeways.systems.taxi import duration
from threeways.systems.taxi.labels import join

MODEL, OUTPUT = "ride_duration_prediction_model", "ride_duration"
HOURS = 3_600.0


@pytest.fixture
def labels(world: World) -> World:
    world.use(**{one.name: getattr(join, one.name) for one in fields(Join) if one.init})
    return world


def ride(key: Key = 1, pickup: str | None = "2021-02-01T08:15:00", miles: float = 3.66) -> dict[str, Any]:
    place = {"PULocationID": 130, "DOLocationID": 205, "trip_distance": miles}
    return {"ride_id": key, "ride": place | ({} if pickup is None else {"pickup_datetime": pickup})}


def predicted(key: Key = 1, version: str = "a", minutes: float = 20.5, **more: Any) -> dict[str, Any]:
    return {
        "model": MODEL,
        "version": version,
        "prediction": {OUTPUT: minutes, "ride_id": key, **more},
        "source_event_id": f"shardId-0:{key}",
    }


def ended(key: Key = 1, minutes: Any = 18.0) -> dict[str, Any]:
    return {"event": "ride_ended", "ride_id": key, "duration_minutes": minutes}


def told(world: World) -> list[dict[str, Any]]:
    """Put what waits; return all outcomes."""
    world.clock.now += 61
    world.sweep()
    return world.messages()


def test_the_labels_join_names_what_the_task_does() -> None:
    task = duration.task
    assert (join.model, join.id, task.output.name) == (task.model_name, task.id_name, OUTPUT)
    assert join.slices == (HOUR, *task.slices)
    assert task.time
    assert task.time.field == "pickup_datetime"
    low, high = duration.TRUTH.least, duration.TRUTH.most
    for actual, judged in ((low, True), (high, True), (low - 0.01, False), (high + 0.01, False)):
        [outcome] = [*join.effects(join.example, _decided(actual))]
        assert outcome.body["judged"] == judged


def _decided(actual: float) -> Any:
    facts = {"predictions": {"a": [1.0]}, "actual": actual, "labelled_at": 5.0}
    return decided_of(join, 1, 1, Decision("label", facts))


def test_an_outcome_has_what_live_error_is_made_of(labels: World) -> None:
    labels.put(ride(), predicted(interval=[14.2, 31.0]))
    opened = labels.clock.now
    labels.clock.now += 18 * 60
    labels.put(ended())
    [one] = told(labels)
    assert one == {
        "message": "label",
        "id": f"{one['decision']}-label",
        "decision": one["decision"],
        "revision": 1,
        "ride_id": 1,
        "model": MODEL,
        "version": "a",
        "predicted": 20.5,
        "interval": [14.2, 31.0],
        "actual": 18.0,
        "judged": True,
        "waited": 1080.0,
        "at": "2021-02-01T08:15:00-05:00",
        "slices": {"hour": 8, "PULocationID": 130, "trip_distance": 3.66},
        "opened_at": opened,
    }


def test_any_order_of_ride_prediction_and_label_is_one_outcome(labels: World) -> None:
    for key in range(6):
        for made in [*permutations((ride(key), predicted(key), ended(key)))][key]:
            assert labels.put(made, made) == []
    outcomes = sorted((int(one["ride_id"]), one["message"], one["revision"]) for one in told(labels))
    assert outcomes == [(key, "label", 1) for key in range(6)]
    assert labels.quarantined() == []
    assert labels.telemetry.counts["Late"] == 0


def test_two_versions_of_one_redelivered_ride_are_both_judged(labels: World) -> None:
    labels.put(ride(), predicted(version="a"), predicted(version="b", minutes=17.0), predicted(version="a"))
    labels.put(ended())
    outcomes = told(labels)
    assert [(one["version"], one["predicted"], one["revision"]) for one in outcomes] == [
        ("a", 20.5, 1),
        ("b", 17.0, 1),
    ]
    assert len({one["id"] for one in outcomes}) == 2
    assert labels.quarantined() == []


def test_a_version_that_comes_after_the_outcome_makes_a_revision_with_both(labels: World) -> None:
    labels.put(ride(), predicted(version="a"), ended())
    labels.put(predicted(version="b", minutes=17.0))
    labels.put(predicted(version="b", minutes=17.0))
    outcomes = told(labels)
    assert [(one["version"], one["revision"]) for one in outcomes] == [("a", 1), ("a", 2), ("b", 2)]


def test_a_label_twice_changes_nothing_and_one_that_contradicts_is_quarantined(labels: World) -> None:
    labels.put(ride(), predicted(), ended(minutes=18), ended(minutes=18.0))
    labels.put(ended(minutes=19.0), first=9)
    [one] = told(labels)
    assert one["actual"] == 18.0
    [aside] = labels.quarantined()
    assert aside["code"] == "repeated_verdict"
    assert "another verdict of ride_ended" in aside["message"]


ABSURD = {
    -0.5: "an event ride_ended: Expected `float` >= 0.0 - at `$.duration_minutes`",
    1441: "an event ride_ended: Expected `float` <= 1440.0 - at `$.duration_minutes`",
    "18": "an event ride_ended: Expected `float`, got `str` - at `$.duration_minutes`",
    None: "an event ride_ended: Expected `float`, got `null` - at `$.duration_minutes`",
    float("nan"): "malformed",
    float("inf"): "malformed",
}


def test_an_absurd_label_is_quarantined_by_its_field_and_the_sound_one_counts(labels: World) -> None:
    labels.put(ride(), predicted(), *(ended(minutes=one) for one in ABSURD), ended(minutes=7.5))
    [one] = told(labels)
    assert one["actual"] == 7.5
    for aside, why in zip(labels.quarantined(), ABSURD.values(), strict=True):
        assert why in aside["message"]


def test_a_prediction_without_a_label_is_told_at_the_deadline_and_a_late_one_revises(labels: World) -> None:
    labels.put(ride(), predicted())
    labels.clock.now += 3 * HOURS + 1
    labels.sweep()
    labels.put(ended(minutes=200.0))
    before, after = told(labels)
    assert (before["message"], before["side"], before["version"]) == ("unmatched", "prediction", "a")
    assert (after["message"], after["revision"], after["actual"]) == ("label", 2, 200.0)
    assert not after["judged"]
    assert after["waited"] == 3 * HOURS + 1


def test_a_label_of_a_ride_that_nobody_predicted_is_told_as_the_other_side(labels: World) -> None:
    labels.put(ride(1), ended(1), ride(2))
    labels.clock.now += 3 * HOURS + 1
    labels.sweep()
    one, two = sorted(told(labels), key=lambda message: int(message["ride_id"]))
    assert (one["message"], one["side"], one["actual"]) == ("unmatched", "label", 18.0)
    assert (two["message"], two["side"]) == ("unmatched", "event")


def test_a_label_for_no_ride_is_counted_and_decided_should_the_ride_come_after_all(labels: World) -> None:
    labels.put(ended(7), predicted(7))
    labels.clock.now += 3 * HOURS + 1
    labels.sweep()
    assert labels.telemetry.counts["Unmatched"] == 1
    assert labels.messages() == []
    labels.put(ride(7))
    [one] = told(labels)
    assert (one["message"], one["actual"]) == ("label", 18.0)


def test_a_label_from_a_clock_that_is_an_hour_off_is_as_good_as_any(labels: World) -> None:
    labels.put(ride(pickup="2021-02-01T08:15:00-04:00"), predicted(), ride(2, pickup=None), predicted(2))
    labels.clock.now += 60
    now = labels.clock.now
    labels.clock.now = now - HOURS  # the joiner's own clock falls behind the stream's
    labels.put(ended(1), ended(2))
    labels.clock.now = now
    one, two = sorted(told(labels), key=lambda message: int(message["ride_id"]))
    assert (one["at"], one["slices"]["hour"]) == ("2021-02-01T07:15:00-05:00", 7)
    assert (one["waited"], two["waited"]) == (0.0, 0.0)
    assert two["at"].endswith(("-05:00", "-04:00"))


def test_a_joiner_that_is_killed_between_its_two_writes_costs_no_outcome(
    labels: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> Any:
        raise TableFailed("killed")

    with monkeypatch.context() as patch:
        patch.setattr(labels.table, "commit", killed)
        assert labels.put(ride(), predicted(), ended()) == ["1"]
    assert labels.put(ride(), predicted(), ended()) == []
    assert [one["message"] for one in told(labels)] == ["label"]


def test_a_hot_ride_is_one_write_and_one_outcome(labels: World) -> None:
    labels.put(*[ride(), predicted(), ended()] * 200)
    assert labels.state(1).version == 2  # the events, and the decision
    assert Counter(one["message"] for one in told(labels)) == {"label": 1}


def test_a_version_too_long_for_a_slot_s_name_is_quarantined(labels: World) -> None:
    labels.put(ride(), predicted(version="v" * 257), predicted(version="v" * 256), ended())
    [one] = told(labels)
    assert one["version"] == "v" * 256
    [aside] = labels.quarantined()
    assert "at `$.version`" in aside["message"]


def test_the_deadline_is_left_to_the_clock_of_the_stream(labels: World) -> None:
    labels.put(ride(), predicted())
    state = labels.state(1)
    assert state.due == pytest.approx(state.opened_at + 3 * HOURS)
    assert labels.table.load("nobody", Deadline(lambda: 5.0)) is None
