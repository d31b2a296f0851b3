"""Drift: a window at rest raises nothing, and what moved is named with the time since when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_lab import reference_of, rows_of, times_of
from scipy import stats

from threeways.artifact.reference import Reference
from threeways.artifact.reference.binning import counts_of
from threeways.artifact.reference.building import build, errors_of
from threeways.lifecycle.counts import CountsRecord
from threeways.lifecycle.drift import Outcomes, Window, drifted, judge_counts, judge_errors, windows_of
from threeways.lifecycle.drift.distances import psi, wasserstein
from threeways.lifecycle.drift.errors import slices_moved
from threeways.lifecycle.monitoring import monitor
from threeways.lifecycle.report import page

DAY = timedelta(days=1)
BEGIN = datetime.fromisoformat("2021-02-01")
RANDOM = np.random.default_rng(7)


def windows(reference: Reference, rows: dict[str, NDArray[Any]], days: int = 7) -> list[Window]:
    prices = {"price": 2 * np.nan_to_num(rows["weight"])}
    times = times_of(len(rows["zone"]), days)

    def counted() -> Iterator[tuple[datetime, list[NDArray[np.int64]]]]:
        dates = times.astype("datetime64[D]")
        for day in np.unique(dates):
            yield datetime.fromisoformat(str(day)), counts_of(reference.columns, rows | prices, dates == day)

    return windows_of(counted(), DAY)


def test_windows_at_rest_raise_nothing_and_are_measured() -> None:
    reference = reference_of()
    for seed in range(1, 11):
        findings, series = judge_counts(reference, windows(reference, rows_of(3_500, seed)))
        assert findings == []
    assert {one.what for one in series} == {"weight", "zone", "payment", "price"}
    assert {one.measure for one in series} == {"PSI", "Wasserstein"}


def test_a_closed_zone_is_named_with_the_day_since_when() -> None:
    reference, rows = reference_of(), rows_of(7_000, 1)
    late = np.arange(7_000) >= 3_000
    rows["zone"][late & (rows["zone"] == 13)] = 14
    findings, _ = judge_counts(reference, windows(reference, rows))
    assert "13" in drifted(findings, "zone")
    assert set(drifted(findings)) <= {"13", "14"}
    closed = next(one for one in findings if one.part == "13")
    assert (closed.since[:10], closed.now) == ("2021-01-04", 0.0)
    assert "share of 13 in zone" in closed.told
    assert closed.advice


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("weight", lambda rows: rows["weight"] * 1.5),
        ("weight", lambda rows: np.where(np.arange(3_500) % 3, rows["weight"], np.nan)),
        (
            "payment",
            lambda rows: np.array(["token", *rows["payment"][:-1]], dtype=object)[[0, *range(3_499)]],
        ),
    ],
    ids=["larger", "missing", "same"],
)
def test_a_feature_that_moved_is_told_and_one_that_did_not_is_not(column: str, change: Any) -> None:
    reference, rows = reference_of(), rows_of(3_500, 1)
    findings, _ = judge_counts(reference, windows(reference, rows | {column: change(rows)}))
    told = {one.what for one in findings}
    assert told == ({"weight", "price"} if column == "weight" else set())


def test_a_value_that_was_never_seen_is_told_as_other() -> None:
    reference, rows = reference_of(), rows_of(3_500, 1)
    rows["payment"][::4] = "token"
    findings, _ = judge_counts(reference, windows(reference, rows))
    assert "other" in drifted(findings, "payment")


def test_a_change_within_the_reference_itself_is_told_and_hides_no_later_one() -> None:
    rows = rows_of(14_000)
    half = np.arange(14_000) >= 7_000
    rows["payment"] = np.where(half, "cash", "card").astype(object)
    made = build("shop", "January", rows, {}, times_of(14_000))
    assert made is not None
    later = rows_of(2_000, 3) | {"payment": np.full(2_000, "cash", object)}
    window = Window(BEGIN, BEGIN + DAY, counts_of(made.columns, later))
    findings, _ = judge_counts(made, [window])
    told = [one.told for one in findings if one.what == "payment"]
    assert any("within the reference itself, on 2021-01-15" in one for one in told)
    assert any("otherwise since 2021-02-01" in one for one in told)


def test_distances_are_scipys_and_the_literatures() -> None:
    first, second, means = (
        RANDOM.integers(1, 99, 8),
        RANDOM.integers(1, 99, 8),
        np.sort(RANDOM.normal(size=8)),
    )
    expected = stats.wasserstein_distance(means, means, first, second)
    assert wasserstein(first, second, means) == pytest.approx(expected)
    one, other = first / first.sum(), second / second.sum()
    symmetric = stats.entropy(one, other) + stats.entropy(other, one)
    assert psi(first, second) == pytest.approx(symmetric, rel=0.05)
    assert psi(first, first) == 0


def test_empty_and_tiny_windows_are_no_finding() -> None:
    reference = reference_of()
    empty = [np.zeros(one.width, np.int64) for one in reference.columns]
    tiny = counts_of(reference.columns, rows_of(20, 1) | {"price": np.full(20, 1e9)})
    assert judge_counts(reference, [Window(BEGIN, BEGIN + DAY, one) for one in (empty, tiny)]) == ([], [])


def errors(count: int, bias: float = 0.0, seed: int = 0, days: int = 28) -> tuple[NDArray[Any], NDArray[Any]]:
    """Predictions of times with a bias that is another each day, and what was so."""
    random = np.random.default_rng(seed)
    of_day = random.normal(0, 0.2, days)[np.arange(count) * days // count]
    actual = random.gamma(4, 4, count)
    return actual + bias + of_day + random.normal(0, 4, count), actual


def judged(bias: float, seed: int = 1, **slices: NDArray[Any]) -> list[Any]:
    predicted, actual = errors(14_000, seed=0)
    reference = build("shop", "x", rows_of(14_000), {}, times_of(14_000),
                      errors_of(predicted, actual, times_of(14_000)))  # fmt: skip
    later, real = errors(7_000, bias, seed, 7)
    told = Outcomes(times_of(7_000, 7).astype("datetime64[us]"), later, real, slices)
    return judge_errors(reference, told, DAY, unit="minutes")[0]


def test_a_bias_is_told_within_a_week_and_none_where_there_is_none() -> None:
    assert [one for seed in range(10) for one in judged(0.0, seed)] == []
    [found] = [one for one in judged(-1.5) if one.kind == "bias"]
    assert "too little on average since 2021-01-0" in found.told
    assert "minutes" in found.told


def test_the_slices_that_moved_are_named_and_no_others() -> None:
    predicted, actual = errors(7_000, days=7)
    zone = np.array([str(one) for one in RANDOM.integers(1, 6, 7_000)], dtype=object)
    changed = np.arange(7_000) >= 3_500
    predicted = predicted - 6 * (changed & (zone == "3"))
    outcomes = Outcomes(times_of(7_000, 7).astype("datetime64[us]"), predicted, actual, {"zone": zone})
    assert drifted(slices_moved(outcomes, 3_500), "zone") == ["3"]
    assert drifted(slices_moved(outcomes, 5_500), "zone")[:1] == ["3"]


def test_adwin_finds_when_the_error_changed_and_where() -> None:
    pytest.importorskip("river", reason="NOT RUN HERE: river is not installed")
    predicted, actual = errors(14_000)
    zone = np.array([str(one) for one in RANDOM.integers(1, 4, 14_000)], dtype=object)
    at = times_of(14_000).astype("datetime64[us]")
    quiet = Outcomes(at, predicted, actual, {"zone": zone})
    assert judge_errors(None, quiet, DAY)[0] == []
    moved = predicted + 8 * ((np.arange(14_000) >= 7_000) & (zone == "2"))
    findings, _, _ = judge_errors(None, Outcomes(at, moved, actual, {"zone": zone}), DAY)
    assert findings[0].kind == "change"
    assert findings[0].since[:10] in {"2021-01-14", "2021-01-15"}
    assert drifted(findings, "zone") == ["2"]


def test_outcomes_without_times_or_numbers_are_left_out() -> None:
    at = np.array(["NaT", "2021-01-01"], "datetime64[us]")
    none = Outcomes(at, np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    assert judge_errors(None, none, DAY)[2] == ["no label outcome has a time and a number"]


def record(reference: Reference, number: int, **changes: Any) -> CountsRecord:
    rows = rows_of(600, number)
    counts = [one.tolist() for one in counts_of(
        reference.columns, rows | {"price": 2 * np.nan_to_num(rows["weight"])})]  # fmt: skip
    start = datetime(2021, 2, 1, tzinfo=UTC) + number * DAY / 4
    given: dict[str, Any] = {
        "format": 1, "id": str(number), "task": "shop", "model": "m", "version": "v", "start": start,
        "bins": reference.bins_id, "end": start + DAY / 4, "rows": 600, "features": counts[:3],
        "predictions": counts[3:],
    }  # fmt: skip
    return CountsRecord(**(given | changes))


def test_records_of_other_versions_bins_and_empty_ones_are_passed_over_and_told() -> None:
    reference = reference_of()
    records = [record(reference, number) for number in range(8)]
    records += [record(reference, 9, version="w"), record(reference, 10, bins="other")]
    records += [record(reference, 11, rows=0, features=[[0] * len(one) for one in records[0].features])]
    made = monitor(reference, task="shop", version="v", length=DAY, records=records)
    assert (made.findings, made.windows, made.rows) == ([], 2, 4_800)
    assert [one.split(":")[0] for one in made.notes] == ["1 records of counts are passed over"] * 3
    assert any("cannot be compared" in one for one in made.notes)


def test_days_that_are_not_whole_are_not_judged() -> None:
    reference = reference_of()
    made = monitor(reference, task="shop", version="v", length=DAY,
                   records=[record(reference, number) for number in (3, 4, 5, 6, 7, 8)])  # fmt: skip
    assert (made.windows, made.rows) == (1, 2_400)
    assert made.notes == ["2 records are of days that are not whole yet"]
    morning = monitor(reference, task="shop", version="v", length=DAY, records=[record(reference, 0)])
    assert (morning.windows, morning.findings) == (0, [])


def test_a_quarantine_that_fills_is_a_finding() -> None:
    reference = reference_of()
    records = [record(reference, 0), record(reference, 1, quarantined={"invalid_event": 200})]
    made = monitor(reference, task="shop", version="v", length=DAY, records=records)
    [found] = made.findings
    assert (found.kind, found.since[:13]) == ("quarantine", "2021-02-01T06")
    assert made.figures()["quarantined"] == {"invalid_event": 200}


def test_the_report_escapes_what_others_have_written() -> None:
    reference = reference_of()
    records = [record(reference, 0, quarantined={"<script>alert(1)</script>": 300})]
    text = page(monitor(reference, task="<b>shop", version="v", length=DAY, records=records))
    assert "<script" not in text
    assert "<b>shop" not in text
    assert "http" not in text.replace("http-equiv", "")
