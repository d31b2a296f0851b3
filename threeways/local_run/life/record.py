"""What is known of each event of a life's run: its prediction, its label, and which model served it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.lifecycle.compare import Actual, Comparison, Told, compared
from threeways.scoring.slices import Slice
from threeways.scoring.task import EventId

type Floats = NDArray[np.float64]


class Record:
    """The served predictions of n events by their position, and those of the shadow.

    error, shadow: (n,) predicted less actual, NaN until the label is there, or where it is not judged.
    actual: (n,) what really was. inside: (n,) whether the interval held it, NaN without one. decided: (n,)
    whether nothing more is waited for. version: (n,) of the model that served it. parts: field -> (n,) names
    of its parts.
    """

    def __init__(self, ids: Sequence[EventId], slices: Sequence[Slice]) -> None:
        n = len(ids)
        self.place = {key: position for position, key in enumerate(ids)}
        self.error, self.inside, self.shadow, self.actual, self._guess = np.full((5, n), np.nan)
        self.decided = np.zeros(n, np.bool_)
        self.version: list[str | None] = [None] * n
        self.slices = tuple(slices)
        self.parts: dict[str, list[str]] = {one.field: [""] * n for one in slices}
        self._closed = 0

    def take(self, outcome: dict[str, Any], id_name: str) -> None:
        """Take an outcome of the join of labels; of several the event's first counts."""
        place = self.place.get(outcome[id_name])
        if place is None or self.decided[place]:
            return
        self.decided[place] = True
        actual = outcome.get("actual")
        for one in self.slices:
            self.parts[one.field][place] = one.part(outcome["slices"].get(one.field, np.nan))
        if actual is None or not outcome.get("judged", True) or "predicted" not in outcome:
            return
        self.error[place] = outcome["predicted"] - actual
        self.actual[place] = actual
        self.shadow[place] = self._guess[place] - actual
        if interval := outcome.get("interval"):
            self.inside[place] = interval[0] <= actual <= interval[1]

    def served(self, key: EventId, version: str | None) -> None:
        """Take note of which model's prediction came for an event; the first one counts."""
        place = self.place.get(key)
        if place is not None and self.version[place] is None:
            self.version[place] = version

    def shadowed(self, key: EventId, value: float) -> None:
        """Take a prediction of the shadow."""
        place = self.place.get(key)
        if place is not None and np.isnan(self._guess[place]):
            self._guess[place] = value
            self.shadow[place] = value - self.actual[place]

    @property
    def closed(self) -> int:
        """How many of the first events are all decided.

        Errors are judged of them alone: the labels that come soonest are those of what was short.
        """
        open_ = np.flatnonzero(~self.decided[self._closed :])
        self._closed = int(self._closed + open_[0]) if len(open_) else len(self.decided)
        return self._closed

    @property
    def versions(self) -> dict[str | None, int]:
        """How many events each version served."""
        return dict(Counter(one for one in self.version if one is not None))

    def compared(
        self,
        begin: int,
        end: int,
        times: NDArray[np.datetime64],
        names: tuple[str, str],
        unit: str,
        looks: int = 1,
    ) -> Comparison | None:
        """Compare the served predictions of some events with the shadow's; None without one of both.

        names: of the two models. looks: how often this is asked at most.
        """
        rows = begin + np.flatnonzero(
            np.isfinite(self.error[begin:end]) & np.isfinite(self.shadow[begin:end])
        )
        if not len(rows):
            return None
        at = (times[rows].astype("datetime64[us]").astype(np.int64) / 1e6).tolist()
        served, shadowed = (
            [
                Told(str(row), row, float(self.actual[row] + errors[row]), name, time)
                for row, time in zip(rows.tolist(), at, strict=True)
            ]
            for errors, name in zip((self.error, self.shadow), names, strict=True)
        )
        actual: dict[EventId, Actual] = {
            row: Actual(float(self.actual[row]), time) for row, time in zip(rows.tolist(), at, strict=True)
        }
        return compared(served, shadowed, actual, names=names, unit=unit, looks=looks)

    def of_version(self, version: str | None) -> NDArray[np.bool_]:
        """Tell which events a version served."""
        return np.array([one == version for one in self.version], np.bool_)


def rmse(errors: Floats) -> float | None:
    """Return the root mean square of the errors that are known; None without any."""
    known = errors[np.isfinite(errors)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else None
