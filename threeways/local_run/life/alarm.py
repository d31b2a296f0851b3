"""Tell from the errors of closed events that they have risen, since when, and in which slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]

DAY = np.timedelta64(1, "D")
LEAST_DAYS = 3
"""Days of events that errors are compared with, at the least."""
SURE, RISE = 5.0, 1.1
"""An alarm takes a rise of so many standard errors of the mean square, and of the RMSE by this factor."""
PART_EVENTS = 15
"""Events of a part, before and since, by which it is told to have moved."""


@dataclass(frozen=True)
class Alarm:
    """Errors have risen. at: up to which event they were looked at. onset: from which one on they are higher.

    before, since: RMSE. parts: field -> the names of the parts that moved, the one with most of it first.
    """

    at: int
    onset: int
    before: float
    since: float
    parts: Mapping[str, Sequence[str]]


def look(errors: Floats, times: NDArray[np.datetime64], parts: Mapping[str, Sequence[str]]) -> Alarm | None:
    """Compare the newest day of closed events with all before it; None where nothing is certain.

    errors: (n,) in the order of time, NaN where an event is not judged. times: (n,) theirs.
    """
    if not len(errors) or times[-1] - times[0] < (LEAST_DAYS + 1) * DAY:
        return None
    known = np.isfinite(errors)
    recent = times > times[-1] - DAY
    squares = errors**2
    old, new = squares[known & ~recent], squares[known & recent]
    if min(len(old), len(new)) < 10 * PART_EVENTS:
        return None
    spread = float(np.hypot(old.std() / len(old) ** 0.5, new.std() / len(new) ** 0.5))
    risen = new.mean() - old.mean()
    if risen < SURE * spread or new.mean() < RISE**2 * old.mean():
        return None
    return described(errors, parts)


def described(errors: Floats, parts: Mapping[str, Sequence[str]]) -> Alarm:
    """Tell since when the errors are higher, and where; the longer that is, the surer."""
    known, squares = np.isfinite(errors), errors**2
    onset = _onset(squares, known)
    since = np.arange(len(errors)) >= onset
    return Alarm(
        at=len(errors),
        onset=onset,
        before=float(np.sqrt(squares[known & ~since].mean())),
        since=float(np.sqrt(squares[known & since].mean())),
        parts={field: _moved(errors, known, since, names) for field, names in parts.items()},
    )


def _onset(squares: Floats, known: NDArray[np.bool_]) -> int:
    """Return the event from which on the mean square differs most surely: where CUSUM is the furthest off."""
    rows = np.flatnonzero(known)
    values = squares[rows]
    walk = np.cumsum(values - values.mean())
    return int(rows[int(np.argmin(walk))]) + 1


def _moved(
    errors: Floats, known: NDArray[np.bool_], since: NDArray[np.bool_], names: Sequence[str]
) -> list[str]:
    """Return the parts whose mean error has moved, all of them together at 99.9 %."""
    parts = np.array(names[: len(errors)])
    found = []
    every, place = np.unique(parts[known], return_inverse=True)
    at = np.full(len(errors), -1)
    at[known] = place
    sure = NormalDist().inv_cdf(1 - 0.0005 / max(1, len(every)))
    for number, name in enumerate(every.tolist()):
        mine = at == number
        old, new = errors[mine & ~since], errors[mine & since]
        if min(len(old), len(new)) < PART_EVENTS:
            continue
        moved = new.mean() - old.mean()
        spread = float(np.hypot(old.std() / len(old) ** 0.5, new.std() / len(new) ** 0.5))
        if abs(moved) > sure * spread:
            found.append((abs(moved) * len(new), name))
    return [name for _, name in sorted(found, reverse=True)]
