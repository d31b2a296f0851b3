"""Rules on the order of an array's values, which compiled code and bisection rely on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from threeways.artifact.sklearn.forms import Scope


def increasing(values: Any, where: str, the: Scope) -> None:
    """Refuse numbers that are not in order; equal ones are."""
    the.require(bool(np.all(np.diff(values) >= 0)), f"{where} is not in order")


def columns(values: Any, where: str, the: Scope) -> None:
    """Refuse indices that are not those of columns, each at most once and in order."""
    sound = not len(values) or (
        values[0] >= 0 and values[-1] < the.dims["in"] and np.all(np.diff(values) > 0)
    )
    the.require(bool(sound), f"{where} is no list of columns in order")


def categories(values: Any, where: str, the: Scope) -> None:
    """Refuse categories that are not sorted, each once, with one None or NaN at most, which is last.

    They are found by bisection: in any other order a value is found behind the last one.
    """
    the.require(len(values) > 0, f"{where} has a feature without categories")
    known = values.tolist()
    while known and _is_missing(known[-1]) and len(values) - len(known) < 2:
        known.pop()
    lost = values[len(known) :].tolist()
    twice = len(lost) == 2 and (lost[0] is None) == (lost[1] is None)
    the.require(not twice, f"{where} has a missing value twice")
    kinds = {str if isinstance(value, str) else float for value in known}
    the.require(len(kinds) <= 1, f"{where} has texts and numbers")
    sound = all(a < b for a, b in pairwise(known)) and not any(map(_is_missing, known))
    the.require(sound, f"{where} is not sorted, each category once and a missing value last")


def _is_missing(value: Any) -> bool:
    return value is None or value != value
