"""Measures monitoring on real months: `python tools/measure_drift.py FOLDER`, with TLC's green trips in it.

It wants green_tripdata_2021-01, -2021-02, -2022-01 and -2022-02.parquet, from
nyc.gov/site/tlc/about/tlc-trip-record-data.page, and fails if a claim of docs/life.md does not hold: two
halves of a month are quiet over 20 random splits, tips of rows without a payment type are told, and a year's
bias is told within a week. Where the months are not there it says so, with status 3.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

MONTHS = ("2021-01", "2021-02", "2022-01", "2022-02")
SPLITS = 20
type Array = Any


def main(folder: str) -> int:
    """Measure all of it; 0 where each claim holds."""
    files = {month: Path(folder) / f"green_tripdata_{month}.parquet" for month in MONTHS}
    lacking = [str(one) for one in files.values() if not one.is_file()]
    if lacking:
        print(f"NOT MEASURED: {', '.join(lacking)} is not there; download it, or name another folder")
        return 3
    sys.path.insert(0, str(Path(__file__).parents[1]))  # it may be run from anywhere
    from threeways.systems.taxi.duration import task
    from threeways.systems.taxi.training import fit, sample

    months = {month: sample(task, str(file), lambda _: None) for month, file in files.items()}
    model = fit(task, months["2021-01"])
    predicted = {month: model.predict(one.block) for month, one in months.items()}
    claims = [
        *_quiet(months["2021-01"], predicted["2021-01"]),
        *_biases(months, predicted),
        _tips(files["2021-01"], files["2021-02"]),
    ]
    for holds, line in claims:
        print("ok   " if holds else "FAILS", line)
    return 0 if all(holds for holds, _ in claims) else 1


def _named(examples: Any, predicted: Array, kept: Array) -> dict[str, Array]:
    from threeways.systems.taxi.duration import task

    features = {name: examples.block[kept, place] for place, name in enumerate(task.columns)}
    return features | {"ride_duration": predicted[kept]}


def _reference(examples: Any, predicted: Array, kept: Array, *errors: Any) -> Any:
    from threeways.artifact.reference.building import build

    features = _named(examples, predicted, kept)
    predictions = {"ride_duration": features.pop("ride_duration")}
    made = build("ride_duration", "2021-01", features, predictions, examples.times[kept], *errors)
    assert made is not None  # noqa: S101
    return made


def _windows(reference: Any, values: dict[str, Array], times: Array, days: int) -> list[Any]:
    from threeways.artifact.reference.binning import counts_of
    from threeways.lifecycle.drift import windows_of

    def counted() -> Iterator[tuple[datetime, list[Any]]]:
        dates = times.astype("datetime64[D]")
        for day, rows in zip(*np.unique(dates, return_counts=True), strict=True):
            if rows >= 100:  # a month's file has a few rides of other years
                here = dates == day
                yield datetime.fromisoformat(str(day)), counts_of(reference.columns, values, here)

    return windows_of(counted(), timedelta(days=days))


def _quiet(examples: Any, predicted: Array) -> Iterator[tuple[bool, str]]:
    """Compare two halves of a month, by day, by week and whole."""
    from threeways.lifecycle.drift import Window, judge_counts

    for days in (1, 7, 31):
        false, compared, alarmed = 0, 0, 0
        for seed in range(SPLITS):
            half = np.random.default_rng(seed).random(len(predicted)) < 0.5
            reference = _reference(examples, predicted, half)
            windows = _windows(
                reference, _named(examples, predicted, ~half), examples.times[~half], min(days, 7)
            )
            if days == 31:
                parts = [one.counts for one in windows]
                whole = [np.sum(each, axis=0) for each in zip(*parts, strict=True)]
                windows = [Window(windows[0].start, windows[-1].end, whole, 31)]
            findings, series = judge_counts(reference, windows)
            false, compared, alarmed = false + len(findings), compared + len(series), alarmed + bool(findings)
        yield (
            false <= 1,
            f"halves of a month, by {days} days: {false} false findings of {compared:,}, in {alarmed} splits",
        )


def _biases(months: dict[str, Any], predicted: dict[str, Array]) -> Iterator[tuple[bool, str]]:
    """Tell a year's bias of the model of 2021-01, which was validated on 2021-02."""
    from threeways.artifact.reference.building import errors_of
    from threeways.lifecycle.drift import Outcomes, judge_errors

    january, validation = months["2021-01"], months["2021-02"]
    trained = errors_of(predicted["2021-01"], january.target, january.times)
    errors = errors_of(predicted["2021-02"], validation.target, validation.times)
    every = np.ones(len(january.target), bool)
    reference = _reference(january, predicted["2021-01"], every, errors, trained)
    for month in ("2021-02", "2022-01", "2022-02"):
        one = months[month]
        off = predicted[month] - one.target
        outcomes = Outcomes(one.times.astype("datetime64[us]"), predicted[month], one.target)
        findings, _, _ = judge_errors(reference, outcomes, timedelta(days=1), unit="minutes")
        told = next((one for one in findings if one.kind == "bias"), None)
        first = np.datetime64(f"{month}-01")
        after = (
            None if told is None else int((np.datetime64(told.since) - first) / np.timedelta64(1, "D")) + 1
        )
        yield (
            after is not None and after <= (7 if month == "2022-02" else 31),
            f"{month}: a bias of {off.mean():+.2f} minutes is told after {after} days",
        )


def _tips(january: Path, february: Path) -> tuple[bool, str]:
    """Tell that tips of rows without a payment type are others."""
    import pandas as pd

    from threeways.lifecycle.drift import judge_counts
    from threeways.monitor.watched import reference_of, values_of
    from threeways.systems.taxi.tip import task

    before, now = (values_of(pd.read_parquet(one), task) for one in (january, february))
    reference = reference_of(*before, task.name, "2021-01")
    assert reference is not None  # noqa: S101
    findings, _ = judge_counts(reference, _windows(reference, *now, 7))
    told = [one for one in findings if one.what == "tip_amount where payment_type is missing"]
    first = told[0].told if told else "nothing was told"
    return bool(told), f"{len(findings)} findings of tips by payment type, one of them: {first}"


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["."])))
