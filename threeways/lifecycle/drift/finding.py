"""What monitoring tells: a measured series, and what of it is a finding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

FAMILY = 0.01
"""How likely a report of a model at rest has any finding at all: all its comparisons share it."""

type Kind = Literal["feature", "prediction", "share", "error", "bias", "slice", "change", "quarantine"]


class Measured(msgspec.Struct, frozen=True):
    """One measure of one window. start, end: ISO times. threshold: beyond it, it is a finding."""

    what: str
    measure: str
    start: str
    end: str
    rows: int
    value: float
    threshold: float

    @property
    def beyond(self) -> bool:
        """Whether it is a finding; but for a bias only what is too large is one."""
        return (abs(self.value) if self.measure == "bias" else self.value) > self.threshold


class Finding(msgspec.Struct, frozen=True):
    """One thing that changed. what: a feature, the prediction, the error. part: a category or a slice.

    since: the first window's start, ISO. before, now: the shares or means. told: a sentence for people.
    advice: what to do, a sentence.
    """

    kind: Kind
    what: str
    part: str
    since: str
    before: float
    now: float
    rows: int
    told: str
    advice: str


def drifted(findings: Iterable[Finding], what: str | None = None) -> list[str]:
    """Return the parts that findings name, each once, the strongest first. what: of this feature or slice."""
    parts = [one.part for one in findings if one.part and (what is None or one.what == what)]
    return list(dict.fromkeys(parts))
