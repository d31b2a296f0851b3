"""Prediction intervals: the table, what a service makes of it, and how it is fitted."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from doubles import NOW, FakeModel, ride

from threeways.artifact import interval
from threeways.artifact.answers import Answers
from threeways.artifact.inputs import Table
from threeways.artifact.interval import IntervalTable
from threeways.artifact.mlmodel import Flavours, MLmodel
from threeways.errors import ArtifactMismatch, DataError, InvalidEvent, ModelFailed
from threeways.lifecycle import gate
from threeways.scoring import calibration
from threeways.scoring.interval import Intervals
from threeways.scoring.outcomes import Scored
from threeways.scoring.output import Ranged
from threeways.scoring.outputs import Classes, Value, value_in
from threeways.scoring.service import ModelService
from threeways.systems.taxi.duration import task

TABLE = IntervalTable(0.8, (10.0, 20.0), (-1.0, -2.0, -30.0), (1.5, 2.5, 4.0), least=0)
GROUPED = IntervalTable(
    0.8, (10.0,), (-1.0, -2.0, -3.0, -4.0), (1.0, 2.0, 3.0, 4.0), None, "trip_distance", (5.0,)
)


class WithTable(FakeModel):
    """Its artifact has a table."""

    def __init__(self, table: Any) -> None:
        super().__init__()
        told = {"interval": table} if isinstance(table, dict) else interval.in_metadata(table)
        self.info = MLmodel(flavors=Flavours(), metadata=told)


def told(service: ModelService[Any], *miles: float) -> list[dict[str, Any]]:
    payloads = [ride(n, distance=one) for n, one in enumerate(miles)]
    scored: Any = service.score(payloads, [NOW] * len(payloads))
    messages = service.messages(scored, ["s:1"] * len(scored))
    assert [msgspec.json.encode(service.prediction(one, "s:1")) for one in scored] == messages
    return [json.loads(one)["prediction"] for one in messages]


def test_a_message_has_the_interval_of_its_bin_beside_the_number() -> None:
    service = ModelService(WithTable(TABLE), task, "run-1")
    service.prove()
    assert told(service, 1.0, 5.0, 12.0) == [
        {"ride_duration": 2.0, "interval": [1.0, 3.5], "ride_id": 0},
        {"ride_duration": 10.0, "interval": [8.0, 12.5], "ride_id": 1},
        {"ride_duration": 24.0, "interval": [0.0, 28.0], "ride_id": 2},
    ]


def test_a_model_without_a_table_is_served_as_before() -> None:
    service = ModelService(FakeModel(), task, "run-1")
    assert told(service, 1.0) == [{"ride_duration": 2.0, "ride_id": 0}]
    assert service.output is service.task.output is task.output
    again = ModelService(FakeModel(), ModelService(WithTable(TABLE), task, "run-1").task, "run-1")
    assert told(again, 1.0) == [{"ride_duration": 2.0, "ride_id": 0}]


@pytest.mark.parametrize("other", ["daily", 7, None, {"unit": "minutes"}, [1, 2]])
def test_what_else_a_model_calls_interval_is_no_table(other: Any) -> None:
    model = FakeModel()
    model.info = MLmodel(flavors=Flavours(), metadata={"interval": other})
    assert told(ModelService(model, task, "run-1"), 1.0) == [{"ride_duration": 2.0, "ride_id": 0}]


@pytest.mark.parametrize(
    "misspelt", [{"coverage": 0.8, "lo": [-1.0], "hi": [1.0]}, {"by": "x"}, {"least": 0, "edge": []}]
)
def test_a_table_whose_fields_are_misspelt_is_refused_and_not_passed_over(misspelt: dict[str, Any]) -> None:
    with pytest.raises(ArtifactMismatch, match=r"the interval table is none: .*; train the model again"):
        ModelService(WithTable(misspelt), task, "run-1")


@pytest.mark.parametrize(
    ("metadata", "used", "line"),
    [
        (interval.in_metadata(TABLE), True, "intervals: of 80 % coverage"),
        ({}, True, "no interval table"),
        (None, True, "no interval table"),
        ({"interval": "hello"}, True, "no interval table: metadata.interval is 'hello'"),
        ({"interval": None}, True, "no interval table: metadata.interval is None"),
        (
            {"interval": {"unit": "minutes"}},
            True,
            "no interval table: metadata.interval is {'unit': 'minutes'}",
        ),
        (
            interval.in_metadata(TABLE),
            False,
            "no interval table: metadata.interval is left out, as the output",
        ),
    ],
)
def test_people_are_told_of_an_artifact_s_intervals_in_any_case(metadata: Any, used: bool, line: str) -> None:
    assert interval.told(MLmodel(flavors=Flavours(), metadata=metadata), used=used).startswith(line)


def test_a_newer_table_replaces_the_artifact_s() -> None:
    newer = replace_table(TABLE, low=(-0.5,) * 3)
    for model in (WithTable(TABLE), FakeModel()):
        service = ModelService(model, task, "run-1", interval=newer)
        assert told(service, 1.0)[0]["interval"] == [1.5, 3.5]


def test_groups_of_a_column_have_offsets_of_their_own() -> None:
    service = ModelService(WithTable(GROUPED), task, "run-1")
    ends = [one["interval"] for one in told(service, 1.0, 5.0, 4.0, 6.0)]
    assert ends == [[1.0, 3.0], [6.0, 14.0], [7.0, 9.0], [8.0, 16.0]]


def test_columns_and_rows_get_the_same_intervals_and_a_bad_event_costs_no_other_its_own() -> None:
    service = ModelService(WithTable(GROUPED), task, "run-1")
    payloads = [ride(0, distance=1.0), ride(1, distance=6.0)]
    events, _ = task.decode_all(payloads)
    rows = service.score_rows(events, [NOW] * 2)
    assert service.output.columns == {
        "ride_duration": float,
        "ride_duration_low": float,
        "ride_duration_high": float,
    }
    table = {name: column.tolist() for name, column in service.output.table(rows.values).items()}
    assert table == {
        "ride_duration": [2.0, 12.0],
        "ride_duration_low": [1.0, 8.0],
        "ride_duration_high": [3.0, 16.0],
    }
    assert service.score_rows([], []).values.shape == (0, 3)
    broken, sound = service.score([b'{"ride_id": 1}', payloads[1]], [NOW] * 2)
    assert isinstance(broken, InvalidEvent)
    assert sound.value == Ranged(12.0, 8.0, 16.0)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"coverage": 1.0}, "a share between 0 and 1"),
        ({"coverage": "much"}, "Expected `float`"),
        ({"edges": [10.0]}, "low has 3 offsets, and its edges make 2 bins"),
        ({"edges": [20.0, 10.0]}, "edges are not ascending"),
        ({"edges": [10.0, 10.0]}, "edges are not ascending"),
        ({"edges": [10.0, math.nan]}, "edges has a number that is not finite"),
        ({"low": [-1.0, -2.0, 1e291]}, "low has a number that is not finite, or beyond"),
        ({"low": [-1.0, -2.0, 3.0]}, "a low offset is over 0"),
        ({"high": [1.0, -2.0, 3.0]}, "or a high one under 0"),
        ({"high": [1.0, 2.0]}, "high has 2 offsets"),
        ({"least": math.inf}, "least has a number that is not finite"),
        ({"by": "trip_distance"}, "by and by_edges go together"),
        ({"by_edges": [1.0]}, "low has 3 offsets, and its edges make 6 bins"),
        ({"edges": [float(n) for n in range(5_000)]}, "it has 5,001 bins, and 4,000 at most are read"),
        ({"surprise": 1}, "unknown field `surprise`"),
    ],
)
def test_a_table_that_is_none_is_refused_with_the_reason_and_a_mend(change: dict[str, Any], why: str) -> None:
    given = interval.in_metadata(TABLE)["interval"] | change
    with pytest.raises(ArtifactMismatch, match="recalibrate") as raised:
        ModelService(WithTable(given), task, "run-1")
    assert why in str(raised.value)
    with pytest.raises(msgspec.ValidationError):  # as within another document, such as a pointer
        msgspec.convert(given, IntervalTable)


def test_a_table_that_does_not_fit_the_model_is_refused() -> None:
    unknown = replace_table(GROUPED, by="miles")
    with pytest.raises(ArtifactMismatch, match="groups by 'miles', which is no column of the model's input"):
        ModelService(FakeModel(), task, "run-1", interval=unknown)
    named = replace(task, output=Value("interval"))
    with pytest.raises(ArtifactMismatch, match="the number itself is called `interval`"):
        ModelService(FakeModel(), named, "run-1", interval=TABLE)
    model: Any = FakeModel()
    model.input_kind = "dicts"
    with pytest.raises(ArtifactMismatch, match="groups by 'trip_distance'"):
        ModelService(model, task, "run-1", interval=GROUPED)


def test_a_classifier_s_own_table_is_left_out_and_a_given_one_refused() -> None:
    class Sorts(WithTable):
        def predict(self, features: Any) -> Any:
            return np.array(["a"] * len(features))

    model: Any = Sorts(TABLE)
    model.answers = Answers(labels=True, classes=("a", "b"))
    classes = replace(task, output=Classes(kind=str))
    assert "interval" not in told(ModelService(model, classes, "run-1"), 1.0)[0]
    with pytest.raises(ArtifactMismatch, match="is not one number"):
        ModelService(model, classes, "run-1", interval=TABLE)


def test_groups_by_a_column_of_texts_are_refused_at_the_start() -> None:
    texts = Table({"trip_distance": np.array(["far"], dtype=object)})
    with pytest.raises(ModelFailed, match="which holds other things than numbers"):
        Intervals(GROUPED, ["trip_distance"], whole=False).around(np.ones(1), lambda _: texts)


def test_an_interval_holds_its_prediction_never_crosses_and_is_never_below_its_least() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [rng.normal(0, 50, 1_000), [0.0, -0.0, -3.0, 1.7976931348623157e308, -1.7976931348623157e308, 5e-324]]
    )
    ends = Intervals(replace_table(TABLE, high=(1e290,) * 3), [], whole=False).around(values, list)
    value, low, high = ends.T
    assert np.isfinite(ends).all()
    assert (low <= value).all()
    assert (value <= high).all()
    assert (low[value >= 0] >= 0).all()
    assert value.tobytes() == values.tobytes()


@pytest.mark.parametrize("kind", [np.int64, np.int8, np.uint64, np.int32])
def test_the_ends_of_integers_are_integers_and_exact_at_the_limits_of_their_type(kind: Any) -> None:
    limits = np.iinfo(kind)
    values = np.array([limits.min, 5, limits.max], dtype=kind)
    table = IntervalTable(0.8, (), (-1.5,), (2.2,))
    made = Intervals(table, [], whole=True).around(values, list).tolist()
    wide = np.iinfo(np.uint64 if kind is np.uint64 else np.int64)
    assert made == [[v, max(v - 2, wide.min), min(v + 3, wide.max)] for v in values.tolist()]
    assert json.loads(msgspec.json.encode(made)) == made


def test_a_number_beside_its_interval_is_still_one_value_to_whoever_reads_messages() -> None:
    assert value_in({"ride_duration": 2.0, "interval": [1.0, 3.5], "ride_id": 0}, "ride_id") == 2.0
    assert value_in({"a": 1.0, "interval": 2.0, "id": 0}, "id") == {"a": 1.0, "interval": 2.0}


def test_the_gate_of_a_promotion_judges_the_number_and_not_its_interval() -> None:
    assert gate._loss(Scored(1, Ranged(12.0, 8.0, 16.0), ()), 10.0) == 4.0
    assert gate._loss(Scored(1, ("yes", {"yes": 0.9}), ()), "no") == 1.0


def reference(residuals: list[float], coverage: float) -> tuple[float, float]:
    """Split conformal ends, in the textbook's words: counts of residuals at or beyond each end."""
    ordered, outside = sorted(residuals), (1 - coverage) / 2
    n = len(ordered)
    high = next(one for one in ordered if sum(r <= one for r in ordered) >= (n + 1) * (1 - outside))
    low = next(one for one in ordered[::-1] if sum(r >= one for r in ordered) >= (n + 1) * (1 - outside))
    return min(low, 0.0), max(high, 0.0)


def test_the_fitted_ends_are_those_of_split_conformal_prediction() -> None:
    rng = np.random.default_rng(2)
    predicted = rng.uniform(0, 30, 4_100)
    actual = predicted + rng.gamma(2.0, 1 + predicted / 10) - 3
    for coverage in (0.5, 0.8, 0.95):
        table = calibration.fitted(predicted, actual, coverage=coverage)
        assert len(table.low) == calibration.BINS
        at = np.searchsorted(table.edges, predicted, "right")
        for place in range(calibration.BINS):
            own = (actual - predicted)[at == place].tolist()
            assert (table.low[place], table.high[place]) == pytest.approx(reference(own, coverage))


def test_coverage_holds_on_events_that_the_table_was_not_fitted_to() -> None:
    shares = []
    for seed in range(20):
        (predicted, actual), (others, true) = (drawn(seed, 2_000), drawn(seed + 1_000, 2_000))
        shares.append(calibration.covered(calibration.fitted(predicted, actual), others, true).share)
    assert 0.79 < np.mean(shares) < 0.83


def test_a_drift_is_seen_in_the_coverage_and_recalibration_mends_it() -> None:
    predicted, actual = drawn(3, 5_000)
    table = calibration.fitted(predicted, actual, least=0)
    later = actual + 1.5 + 0.1 * predicted
    before = calibration.covered(table, predicted, later)
    newer = calibration.recalibrated(table, predicted[::2], later[::2])
    after = calibration.covered(newer, predicted[1::2], later[1::2])
    assert before.share < 0.7
    assert 0.77 < after.share < 0.83
    assert (newer.coverage, newer.least) == (0.8, 0)


def test_a_part_that_bins_of_the_value_leave_off_gets_a_group_and_keeps_it_when_recalibrated() -> None:
    predicted, actual = drawn(4, 12_000)
    miles = np.random.default_rng(5).uniform(0, 10, len(predicted))
    wild = miles < 2
    actual = np.where(wild, predicted + 5 * (actual - predicted), actual)
    parts = [calibration.Parts("trip_distance", miles, (0.0, 2.0, 5.0, 8.0))]
    plain, table = calibration.fitted(predicted, actual), calibration.fitted(predicted, actual, parts=parts)
    assert calibration.covered(plain, predicted[wild], actual[wild]).share < 0.7
    assert (table.by, table.by_edges) == ("trip_distance", (2.0,))
    for some in (wild, ~wild):
        share = calibration.covered(table, predicted[some], actual[some], miles[some]).share
        assert share == pytest.approx(0.8, abs=0.01)
    newer = calibration.recalibrated(table, predicted[::2], actual[::2], miles[::2])
    assert (newer.by, newer.by_edges, len(newer.low)) == ("trip_distance", (2.0,), 2 * len(newer.edges) + 2)
    with pytest.raises(DataError, match="groups by trip_distance, which the labels lack"):
        calibration.recalibrated(table, predicted, actual)


def test_alike_parts_get_no_groups() -> None:
    predicted, actual = drawn(6, 12_000)
    parts = [calibration.Parts("x", np.random.default_rng(7).uniform(0, 4, 12_000), (1.0, 2.0, 3.0))]
    assert calibration.fitted(predicted, actual, parts=parts).by is None


def test_coverage_is_measured_across_halves_of_the_time() -> None:
    predicted, actual = drawn(8, 4_000)
    order = np.random.default_rng(9).permutation(4_000)
    drifted = actual.copy()
    drifted[order[2_000:]] += 6.0  # the second half by time
    still = calibration.cross_measured(predicted, actual, order)
    drift = calibration.cross_measured(predicted, drifted, order)
    assert still.share == pytest.approx(0.8, abs=0.02)
    assert drift.share < 0.6
    assert calibration.covered(calibration.fitted(predicted, drifted), predicted, drifted).share > 0.79
    assert still.rows == 4_000


@pytest.mark.parametrize("n", [0, 1, 199])
def test_too_few_labels_make_no_table(n: int) -> None:
    with pytest.raises(DataError, match="wait for further labels"):
        calibration.fitted(*drawn(10, n))


def test_labels_that_are_no_numbers_are_left_out_and_equal_predictions_make_one_bin() -> None:
    predicted, actual = drawn(11, 1_000)
    actual[::3] = np.nan
    assert calibration.fitted(predicted, actual) == calibration.fitted(
        predicted[~np.isnan(actual)], actual[~np.isnan(actual)]
    )
    same = calibration.fitted(np.full(1_000, 5.0), np.linspace(0, 10, 1_000))
    assert calibration.covered(same, np.full(1_000, 5.0), np.linspace(0, 10, 1_000)).share == pytest.approx(
        0.8, abs=0.01
    )


def drawn(seed: int, n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(5, 30, n)
    return predicted, np.maximum(predicted + rng.normal(0, 1 + predicted / 10, n), 0)


def replace_table(table: IntervalTable, **changes: Any) -> IntervalTable:
    return msgspec.structs.replace(table, **changes)
