"""Live error, of label outcomes: numpy's figures over what really happened, whatever comes when."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from threeways.lifecycle.cohorts import STEPS, Cohort, by_version
from threeways.lifecycle.live import Live
from threeways.scoring.slices import HOUR, Slice

MODEL = "ride_duration_prediction_model"
DISTANCE = Slice(field="trip_distance", title="distance", edges=(0.0, 1.0, 5.0))
BEGAN = datetime(2021, 2, 1, 8, tzinfo=UTC)
HOURS = 3_600.0


def live(**more: Any) -> Live:
    return Live("ride_id", (HOUR, DISTANCE), **more)


def outcome(key: int | str = 1, **fields: Any) -> dict[str, Any]:
    """A label's message as the join makes it; without `actual` that of a prediction without a label."""
    minutes = fields.pop("minutes", 15.0)
    at = BEGAN + timedelta(minutes=minutes)
    labelled = "actual" in fields
    return {
        "message": "label" if labelled else "unmatched",
        "ride_id": key,
        "revision": 1,
        "model": MODEL,
        "version": "a",
        "predicted": 20.0,
        "interval": [15.0, 25.0],
        "at": at.isoformat(),
        "slices": {"hour": at.hour, "trip_distance": 2.0},
        **({"judged": True, "waited": 1_200.0} if labelled else {"side": "prediction"}),
        **fields,
    }


def rides(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Outcomes of two versions over three hours, an eighth of them without a label."""
    made = np.random.default_rng(seed)
    found = []
    for key in range(count):
        actual = float(made.gamma(3.0, 5.0))
        for version, error in (("a", made.normal(-1, 3)), ("b", made.normal(0, 4))):
            minutes, miles = float(key % 180), float(made.uniform(0, 8))
            predicted = actual + float(error)
            more: dict[str, Any] = {"predicted": predicted, "interval": [predicted - 3, predicted + 5]}
            if key % 8:
                more |= {"actual": actual, "judged": actual <= 60, "waited": actual * 60}
            slices = {"hour": 8 + int(minutes // 60), "trip_distance": miles}
            found.append(outcome(key, version=version, minutes=minutes, slices=slices, **more))
    return found


def feed(one: Live, outcomes: Sequence[dict[str, Any]]) -> Live:
    for message in outcomes:
        one.add(message)
    return one


def of_numpy(outcomes: Sequence[dict[str, Any]]) -> dict[str, float]:
    judged = [one for one in outcomes if one.get("judged")]
    predicted, actual = (np.array([one[name] for one in judged]) for name in ("predicted", "actual"))
    low, high = np.array([one["interval"] for one in judged]).T
    error = predicted - actual
    return {
        "n": len(judged),
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "bias": error.mean(),
        "coverage": ((low <= actual) & (actual <= high)).mean(),
        "width": (high - low).mean(),
    }


def figures(cohort: Cohort) -> dict[str, float]:
    found = cohort.figures
    return {name: getattr(found, name) for name in found.__struct_fields__}


def of_part(cohort: Cohort, field: str, part: str) -> dict[str, float]:
    found = cohort.slices[field][part].figures
    return {name: getattr(found, name) for name in found.__struct_fields__}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_redelivery_gives_numpys_figures(seed: int) -> None:
    outcomes = rides(400, seed)
    coming = outcomes * 3
    random.Random(seed).shuffle(coming)
    cohorts = feed(live(), coming).close()
    assert len(cohorts) == 3 * 2
    for version, whole in by_version(cohorts).items():
        own = [one for one in outcomes if one["version"] == version[1]]
        assert figures(whole) == pytest.approx(of_numpy(own), abs=1e-12)
        labelled = sum("actual" in one for one in own)
        assert (whole.labelled, whole.unmatched) == (labelled, len(own) - labelled)
        assert whole.completeness == labelled / len(own)
        for hour in (8, 9, 10):
            part = [one for one in own if one["slices"]["hour"] == hour]
            assert of_part(whole, "hour", str(hour)) == pytest.approx(of_numpy(part), abs=1e-12)
        short = [one for one in own if one["slices"]["trip_distance"] < 1]
        assert of_part(whole, "trip_distance", "0-1") == pytest.approx(of_numpy(short), abs=1e-12)


def test_figures_do_not_depend_on_the_order_in_the_last_bit() -> None:
    outcomes = rides(300)
    found = set()
    for seed in range(4):
        random.Random(seed).shuffle(outcomes)
        found.add(tuple(repr(one.figures) for one in feed(live(), outcomes).close()))
    assert len(found) == 1


def test_what_two_readers_saw_is_merged_into_what_one_would_have_seen() -> None:
    outcomes = rides(200)
    revised = [one | {"revision": 2, "actual": 9.0, "judged": True, "waited": 1.0} for one in outcomes[:40]]
    first, second = live(), live()
    feed(first, outcomes[:250] + revised[:20])
    feed(second, outcomes[150:] + revised)
    first.merge(second)
    assert first.close() == feed(live(), outcomes + revised).close()


def test_cohorts_of_shards_add_up() -> None:
    outcomes = rides(200)
    shards = [feed(live(), [one for one in outcomes if one["ride_id"] % 2 == odd]).close() for odd in (0, 1)]
    whole = by_version([*shards[0], *shards[1]])
    assert whole.keys() == {(MODEL, "a"), (MODEL, "b")}
    for version, one in whole.items():
        own = [each for each in outcomes if each["version"] == version[1]]
        assert figures(one) == pytest.approx(of_numpy(own), abs=1e-12)
    with pytest.raises(ValueError, match="add those of one"):
        whole[MODEL, "a"] + whole[MODEL, "b"]


def test_a_late_label_replaces_the_outcome_without_one_and_an_older_revision_changes_nothing() -> None:
    one = live()
    assert one.add(outcome())
    assert one.add(outcome(actual=21.0, revision=2))
    assert not one.add(outcome(actual=21.0, revision=2))
    assert not one.add(outcome())
    [cohort] = one.close()
    assert (cohort.labelled, cohort.unmatched, cohort.figures.bias) == (1, 0, -1.0)


def test_a_cohort_is_closed_when_its_hour_its_deadline_and_the_grace_have_passed() -> None:
    one = live(deadline=2 * HOURS, grace=60.0)
    feed(one, [outcome(1, actual=18.0, minutes=59), outcome(2, actual=18.0, minutes=61)])
    closes = BEGAN.timestamp() + 3 * HOURS + 60
    assert one.close(closes - 1) == []
    [first] = one.close(closes)
    assert (first.start, first.closed) == (BEGAN.timestamp(), True)
    assert one.close(closes) == []
    assert not one.add(outcome(3, actual=1.0))
    assert one.late == 1
    assert len(one.close()) == 1


def test_what_is_there_before_it_is_closed_is_the_error_of_short_rides() -> None:
    """The reason for cohorts: what a model that says 20 of all rides looks like by those that have ended."""
    one = live()
    minutes = [5.0, 10.0, 20.0, 40.0, 80.0]
    feed(one, [outcome(key, actual=each, waited=each * 60) for key, each in enumerate(minutes[:3])])
    [naive] = one.now()
    assert not naive.closed
    assert naive.figures.bias == pytest.approx(20 - 35 / 3)
    feed(one, [outcome(3, actual=40.0, waited=2400), outcome(4, actual=80.0, judged=False, waited=4800)])
    [closed] = one.close()
    assert closed.figures.bias == pytest.approx(20 - 75 / 4)
    assert (closed.labelled, closed.unjudged) == (5, 1)


def test_the_completeness_curve_says_how_many_labels_had_come_by_when() -> None:
    one = live(deadline=HOURS)
    waits = [0.0, 179.0, 181.0, 1_800.0, 3_599.0, 9_000.0]
    feed(one, [outcome(key, actual=1.0, waited=each) for key, each in enumerate(waits)])
    feed(one, [outcome(9), outcome(10)])
    [cohort] = one.close()
    assert len(cohort.curve) == STEPS
    assert cohort.curve[0] == 2 / 8
    assert cohort.curve[1] == 3 / 8
    assert cohort.curve[10] == 4 / 8
    assert cohort.curve[-1] == cohort.completeness == 6 / 8
    assert sorted(cohort.curve) == cohort.curve


def test_memory_is_bounded_and_a_cohort_that_was_closed_early_says_so() -> None:
    one = live(most_open=10)
    feed(one, [outcome(key, actual=18.0, minutes=key * 10) for key in range(18)])
    assert one._count <= 10
    cohorts = one.close()
    assert [(each.labelled, each.closed) for each in cohorts] == [(6, False), (6, False), (6, True)]


def test_a_key_and_its_text_are_two_and_other_sides_are_counted_apart() -> None:
    one = live()
    feed(one, [outcome(1, actual=18.0), outcome("1", actual=18.0)])
    other = outcome(5) | {"side": "label"}
    assert not one.add({name: other[name] for name in other if name != "version"})
    [cohort] = one.close()
    assert (cohort.labelled, one.unpredicted) == (2, 1)


def test_without_an_interval_there_is_no_coverage_and_without_a_label_no_error() -> None:
    [one] = feed(live(), [outcome(1, actual=18.0, interval=None)]).close()
    assert (one.figures.n, one.figures.coverage, one.figures.width) == (1, None, None)
    [none] = feed(live(), [outcome(1)]).close()
    assert (none.figures.n, none.figures.rmse, none.completeness) == (0, None, 0.0)
    assert none.slices["hour"] == {}


def test_a_message_of_a_cohort_is_json_with_its_times() -> None:
    [one] = feed(live(), [outcome(1, actual=18.0)]).close()
    message = one.message(HOURS, {"trip_distance": 15})
    assert (message["start"], message["end"]) == ("2021-02-01T08:00:00+00:00", "2021-02-01T09:00:00+00:00")
    assert message["slices"]["trip_distance"]["1-5"]["bias"] == 2.0
    assert message["slices"].keys() == {"trip_distance"}
    assert (message["n"], message["coverage"], message["completeness"]) == (1, 1.0, 1.0)


@pytest.mark.parametrize(
    ("value", "part"),
    [(-1.0, "0-1"), (0.0, "0-1"), (1.0, "1-5"), (5.0, "5+"), (math.inf, "5+"), (math.nan, "other")],
)
def test_a_value_is_in_one_part(value: float, part: str) -> None:
    assert DISTANCE.part(value) == part


@pytest.mark.parametrize(("value", "part"), [(0, "0"), (23.0, "23"), (24, "other"), (math.nan, "other")])
def test_a_whole_number_is_a_part_of_its_own(value: float, part: str) -> None:
    assert HOUR.part(value) == part
