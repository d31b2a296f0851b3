"""Predicting rows of which some make `predict` raise: few calls, from the first row on, within a time.

Adaptive group testing by binary splitting (F. K. Hwang, "A Method for Detecting All Defective Members in a
Population by Group Testing", Journal of the American Statistical Association 67, 1972). For n rows of which b
raise it takes at most b * (2 * ceil(log2 n) + 2) + ceil(log2 n) + 1 calls, and never more than
2 * n + ceil(log2 n). A row counts as predicted only by a call that succeeded with it, and as one that raises
only by a call with it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from threeways.errors import ModelFailed, without_frames

type Call = Callable[[Sequence[int]], NDArray[Any]]
"""Predicts some rows, one answer each along the first axis.

Raises ModelFailed where the model is at fault, and whatever else `predict` raises."""


class Pace:
    """How long `predict` takes, as calls that succeeded have shown.

    Fewer rows are taken to need no longer than more, and k times the rows no longer than k times as long.
    """

    def __init__(self) -> None:
        self._shown: dict[int, tuple[int, float]] = {}
        """By the bits of their number: the rows of the latest such call, and its seconds. Never changed in
        place, since a service may be asked by several threads."""

    def succeeded(self, rows: int, seconds: float) -> None:
        """Note a call that succeeded."""
        self._shown = {**self._shown, rows.bit_length(): (rows, seconds)}

    def failed(self, rows: int, seconds: float) -> None:
        """Note a call that raised: as many rows take at least so long, and more rows too."""
        self._shown = {
            bits: (count, max(before, seconds) if count >= rows else before)
            for bits, (count, before) in self._shown.items()
        }

    def seconds(self, rows: int) -> float:
        """Return the most that so many rows are expected to take; 0 while nothing is known."""
        shown = self._shown.values()
        return min((seconds * max(1.0, rows / count) for count, seconds in shown), default=0.0)


def isolate(
    call: Call,
    rows: Sequence[int],
    pace: Pace,
    time_left: Callable[[], float],
    prove: Callable[[], None],
    *,
    failed: bool,
) -> dict[int, NDArray[Any] | Exception]:
    """Return each row's prediction, an array of one, or what `predict` raises on it alone.

    Rows without time left are missing. The rows are worked on in order. No call is expected to take more than
    half of the time that is left, so that the first rows are done however many of them raise; only the very
    first row may take longer.
    time_left: seconds. prove: called once if calls raise and none has succeeded; raises ModelFailed where the
    model is at fault. failed: whether a call with all rows has raised already.
    """
    found: dict[int, NDArray[Any] | Exception] = {}
    at = singled = 0
    size = len(rows)  # of the next group, where none of it is suspected
    suspected = len(rows) if failed else 0  # a call with the rows up to here has raised
    proven = failed
    while at < len(rows):
        among = suspected - at
        group = _fitting(max(1, among // 2) if among > 0 else size, pace, time_left(), first=not found)
        if not group:
            break
        part = rows[at : at + group]
        try:
            answers = call(part)
            found.update((row, answers[place : place + 1]) for place, row in enumerate(part))
            proven = True
            singles = among == 1
        except ModelFailed:
            raise
        except Exception as error:  # noqa: BLE001 - a model may raise anything at all
            if not proven:
                prove()
                proven = True
            if len(part) > 1:
                suspected = at + len(part)
                continue
            found[part[0]] = without_frames(error)
            singles = True
        at += len(part)
        if singles:
            singled += 1
            size = max(1, at // singled)  # as many as there were, on average, to each such row
        elif among <= 0:
            size = 2 * len(part)
    return found


def _fitting(group: int, pace: Pace, left: float, *, first: bool) -> int:
    """So many rows, or as many fewer as half of the time suffices for; 0: none."""
    if left <= 0:
        return 0
    while group and pace.seconds(group) > left / 2:
        group //= 2
    return group or int(first)
