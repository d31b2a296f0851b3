"""Rows of a made-up shop: a number, a category, a text, something missing; and their reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.reference import Reference
from threeways.artifact.reference.building import build

DAYS = 28


def rows_of(count: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Rows by column: no two seeds have the same."""
    random = np.random.default_rng(seed)
    weight = random.gamma(2, 3, count)
    weight[random.random(count) < 0.03] = np.nan
    texts = np.array(["card", "cash", "voucher"], dtype=object)[random.choice(3, count, p=[0.6, 0.3, 0.1])]
    return {"weight": weight, "zone": random.integers(1, 21, count).astype(float), "payment": texts}


def times_of(count: int, days: int = DAYS) -> NDArray[np.datetime64]:
    """Return even times over so many days."""
    seconds = (np.arange(count) * days * 86_400 // count).astype("timedelta64[s]")
    found: NDArray[np.datetime64] = np.datetime64("2021-01-01") + seconds
    return found


def reference_of(count: int = 14_000, seed: int = 0) -> Reference:
    """Return the reference of as many rows over four weeks."""
    rows = rows_of(count, seed)
    made = build("shop", "January", rows, {"price": 2 * np.nan_to_num(rows["weight"])}, times_of(count))
    assert made is not None
    return made
