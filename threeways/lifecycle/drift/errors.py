"""Judge errors of predictions whose labels have come: by window, when they changed, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.reference import Errors, Reference
from threeways.lifecycle.drift.finding import FAMILY, Finding, Measured

LEAST_BLOCKS, LEAST_ROWS = 5, 30
SENSITIVITY = 1e-6
"""ADWIN's delta: how likely a change is told where there is none, at each look."""
UNLOOKED = "changes of the error are not looked for by ADWIN: that needs river (pip install river)"
_CLIP = 5.0
_ROBUST = 10
"""Of fewer blocks no median absolute deviation, and no mean of blocks, is told."""
_LEARNT = 0.6
"""A model whose error in training is a smaller part of that in validation has learnt its rows by heart."""
_MONDAY = np.datetime64("1970-01-05", "us")
BIAS, SQUARED = "bias", "mean squared error"

type Array = NDArray[Any]


@dataclass(frozen=True)
class Outcomes:
    """n predictions whose label has come, in order of time.

    at: (n,) datetime64[us]. predicted, actual: (n,). slices: a field's name -> (n,) values as texts. low,
    high: (n,) ends of intervals, NaN where there is none.
    """

    at: Array
    predicted: Array
    actual: Array
    slices: Mapping[str, Array] = field(default_factory=dict)
    low: Array | None = None
    high: Array | None = None

    @property
    def errors(self) -> Array:
        """Predicted minus actual."""
        return self.predicted - self.actual

    def sorted(self) -> Outcomes:
        """Return them in order of time, without those that have no time or no number."""
        kept = ~np.isnat(self.at) & np.isfinite(self.predicted) & np.isfinite(self.actual)
        order = np.flatnonzero(kept)[np.argsort(self.at[kept], kind="stable")]
        ends = (None if one is None else one[order] for one in (self.low, self.high))
        slices = {name: values[order] for name, values in self.slices.items()}
        return Outcomes(self.at[order], self.predicted[order], self.actual[order], slices, *ends)


def judge_errors(
    reference: Reference | None, outcomes: Outcomes, length: timedelta, family: float = FAMILY, unit: str = ""
) -> tuple[list[Finding], list[Measured], list[str]]:
    """Return what is worse than on the training's validation rows, the measures by window, and notes.

    length: of a window. Without a reference, only changes within the outcomes are told.
    """
    told = outcomes.sorted()
    if not len(told.at):
        return [], [], ["no label outcome has a time and a number"]
    findings, series, notes = list[Finding](), list[Measured](), list[str]()
    errors = reference.errors if reference else None
    if reference is None or errors is None or np.count_nonzero(errors.rows) < LEAST_BLOCKS:
        notes.append(
            "the reference has no errors of five blocks of time or more: bias and error are not compared"
        )
    else:
        findings, series = _by_window(reference, told, length, family / 2, unit)
    changed, note = change_of(told, family / 2, length)
    notes += [note] if note else []
    if changed is not None:
        findings += _since(told, changed, family / 2, unit)
    return findings, series, notes


def _by_window(
    reference: Reference, told: Outcomes, length: timedelta, family: float, unit: str
) -> tuple[list[Finding], list[Measured]]:
    step = np.timedelta64(int(length.total_seconds() * 1e6), "us")
    window = (told.at - _MONDAY) // step
    names = np.unique(window).tolist()
    days = max(1.0, length / timedelta(days=1))
    found, series = list[Finding](), list[Measured]()
    for measure, off in ((BIAS, told.errors), (SQUARED, told.errors**2)):
        at_rest = _at_rest(reference, measure)
        tail, measured = family / (2 * len(names)), []
        for name in names:
            mine = off[window == name]
            if len(mine) >= LEAST_ROWS:
                start, end = _MONDAY + name * step, _MONDAY + (name + 1) * step
                start = max(start, told.at[0].astype("datetime64[D]"))
                apart, limit = float(mine.mean()) - at_rest.centre, at_rest.threshold(len(mine), days, tail)
                measured.append(
                    Measured("error", measure, str(start)[:19], str(end)[:19], len(mine), apart, limit)
                )
        series += measured
        beyond = [one for one in measured if one.beyond]
        if beyond:
            found.append(_worse(measure, at_rest.centre, beyond, unit))
    return found, series


@dataclass(frozen=True)
class _AtRest:
    """What the mean of an error should be, how far a day is from it, and what is known of that.

    blocks: of time that tell it. usual: rows of a block.
    """

    centre: float
    deviation: float
    blocks: int
    usual: float

    def threshold(self, rows: int, days: float, tail: float) -> float:
        """Return how far a window is with this probability. Days hang together: a week counts as two."""
        from scipy import stats

        apart = max(1 / max(1.0, days / 3.5), self.usual / rows)
        return float(self.deviation * np.sqrt(apart) * stats.t.isf(tail / 2, self.blocks - 1))


def _at_rest(reference: Reference, measure: str) -> _AtRest:
    """Return it for the bias by the training's own days, and for the squared error by the validation's.

    No model knows the date, so that a day's bias is the same in training; where one has learnt its rows by
    heart, they tell nothing, and the validation's bias has to do. Of the bias the median absolute deviation
    counts: a holiday among the days must not hide what comes later.
    """
    from scipy import stats

    errors, trained = reference.errors, reference.trained
    assert errors is not None  # noqa: S101 - the caller's
    chosen = errors
    if measure == BIAS and trained is not None and _square(trained) > _LEARNT**2 * _square(errors):
        chosen = trained
    rows, sums = np.array(chosen.rows), np.array(chosen.sums if measure == BIAS else chosen.squares)
    kept = rows > 0
    means = sums[kept] / rows[kept]
    robust = measure == BIAS and len(means) >= _ROBUST
    spread = float(stats.median_abs_deviation(means, scale="normal") if robust else np.std(means, ddof=1))
    usual = float(np.median(rows[kept]))
    chance = np.sqrt(_square(errors) / usual) if measure == BIAS else 0.0
    return _AtRest(float(sums.sum() / rows.sum()), max(spread, float(chance)), len(means), usual)


def _square(errors: Errors) -> float:
    return sum(errors.squares) / max(1, sum(errors.rows))


def _worse(measure: str, centre: float, beyond: Sequence[Measured], unit: str) -> Finding:
    first, last = beyond[0], beyond[-1]
    now, since = centre + first.value, first.start[:10]
    if measure == BIAS:
        what = "too much" if now > 0 else "too little"
        told = f"predictions are {abs(now):.2f} {unit} {what} on average since {since}"
        advice = (
            "Retrain on newer rows; until then make recalibrate POINTER= EVENTS= fits the intervals to the "
            "newest labels."
        )
        return Finding(
            "bias", "error", "", first.start, centre, now, last.rows,
            f"{' '.join(told.split())}, in {len(beyond)} windows; {centre:+.2f} in the reference", advice,
        )  # fmt: skip
    before, now = float(np.sqrt(centre)), float(np.sqrt(max(0.0, now)))
    told = (
        f"the root mean squared error is {now:.2f} {unit} since {since}, and was {before:.2f} in validation"
    )
    advice = "See the slices and features that moved; retrain, and promote only what is better on new rows."
    return Finding("error", "error", "", first.start, before, now, last.rows, " ".join(told.split()), advice)


def change_of(told: Outcomes, family: float, length: timedelta) -> tuple[int | None, str]:
    """Return from which outcome on the error is another; None where it never changed, and a note.

    ADWIN says that there is one, and where at the earliest; the likeliest place is that of the largest
    difference of means. As errors of one hour hang together, and ADWIN takes each for itself, a change has to
    show in the means of days, too, where there are enough of them.
    """
    try:
        from river import drift
    except ModuleNotFoundError:
        return None, UNLOOKED
    adwin: Any = drift.ADWIN  # untyped
    errors = told.errors
    middle = np.median(errors)
    scale = np.median(np.abs(errors - middle)) * 1.4826 or 1.0
    off = np.clip((errors - middle) / scale, -_CLIP, _CLIP) / (2 * _CLIP) + 0.5
    places = set[int]()
    for values in (off, np.abs(off - 0.5) * 2):
        window: Any = adwin(delta=SENSITIVITY)
        for place, value in enumerate(values.tolist(), 1):
            window.update(value)
            if window.drift_detected:
                places |= {place - int(window.width), _split(values)}
    tested = [(_likely(told, place, length), place) for place in places if 0 < place < len(errors)]
    likely, changed = min(tested, default=(1.0, 0))
    return (changed if likely < family / max(1, len(tested)) else None), ""


def _split(values: Array) -> int:
    """Return where the means of the parts before and after differ the most, weighted by their rows."""
    count = len(values)
    place = np.arange(1, count)
    sums = values.cumsum()
    apart = sums[:-1] / place - (sums[-1] - sums[:-1]) / (count - place)
    return int(np.argmax(np.abs(apart) * np.sqrt(place * (count - place)))) + 1


def _likely(told: Outcomes, changed: int, length: timedelta) -> float:
    """Return how likely such a change is by chance: of the mean error, or of the mean absolute error."""
    from scipy import stats

    step = np.timedelta64(int(min(length, timedelta(days=1)).total_seconds() * 1e6), "us")
    block = (told.at - told.at[changed]) // step
    parts = [np.unique(one, return_inverse=True)[1] for one in (block[:changed], block[changed:])]
    found = []
    for off in (told.errors, np.abs(told.errors)):
        sides: list[Array] = [off[:changed], off[changed:]]
        means = [np.bincount(part, side) / np.bincount(part) for part, side in zip(parts, sides, strict=True)]
        by_block = sum(map(len, means)) >= _ROBUST and min(map(len, means)) > 0
        chosen = means if by_block else sides
        found.append(float(stats.ttest_ind(*chosen, equal_var=by_block).pvalue))
    return float(2 * np.nanmin([*found, 0.5]))


def _since(told: Outcomes, changed: int, family: float, unit: str) -> list[Finding]:
    """Return the change, and the slices whose error moved with it, the strongest first."""
    since, errors = str(told.at[changed])[:19], told.errors
    before, now = float(errors[:changed].mean()), float(errors[changed:].mean())
    sizes = [float(np.sqrt((part**2).mean())) for part in (errors[:changed], errors[changed:])]
    sentence = (
        f"the error changed at about {since}: bias {before:+.2f} before and {now:+.2f} {unit} since, root "
        f"mean square {sizes[0]:.2f} and {sizes[1]:.2f}"
    )
    change = Finding(
        "change", "error", "", since, sizes[0], sizes[1], len(errors) - changed, " ".join(sentence.split()),
        "Look at what happened then, and at the slices below.",
    )  # fmt: skip
    return [change, *slices_moved(told, changed, family, unit)]


def slices_moved(told: Outcomes, changed: int, family: float = FAMILY, unit: str = "") -> list[Finding]:
    """Return the slices whose mean error or mean absolute error is another from an outcome on."""
    from scipy import stats

    tests = []
    for name, values in told.slices.items():
        for part in np.unique(values).tolist():
            mine = np.flatnonzero(values == part)
            first, second = told.errors[mine[mine < changed]], told.errors[mine[mine >= changed]]
            if min(len(first), len(second)) < LEAST_ROWS:
                continue
            likely = min(
                float(stats.ttest_ind(one, other, equal_var=False).pvalue)
                for one, other in ((first, second), (np.abs(first), np.abs(second)))
            )
            tests.append((likely, name, str(part), first, second))
    since = str(told.at[changed])[:19]
    limit = family / max(1, 2 * len(tests))
    return [
        Finding(
            "slice", name, part, since, float(first.mean()), float(second.mean()), len(second),
            _slice_told(name, part, since, first, second, unit),
            "Find out what changed there; a retraining needs rows of it from since then.",
        )
        for likely, name, part, first, second in sorted(tests, key=lambda one: one[0])
        if likely < limit
    ]  # fmt: skip


def _slice_told(name: str, part: str, since: str, first: Array, second: Array, unit: str) -> str:
    sizes = np.abs(first).mean(), np.abs(second).mean()
    told = (
        f"{name} {part}: bias {first.mean():+.2f} before {since} and {second.mean():+.2f} {unit} since, mean "
        f"absolute error {sizes[0]:.2f} and {sizes[1]:.2f}"
    )
    return " ".join(told.split())
