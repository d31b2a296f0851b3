"""Change an array in NumPy's format: its values, length, shape, dtype and order."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REALS = (0.0, -1.0, 1.0, np.nan, np.inf, -np.inf, 1e308, 1e-308, 0.5, 1e9, 2.0**31)
_WHOLE = (0, 1, 2, -1, -2, 3, 4, 7, 60, 61, 62, 255, 256, 2**15, 2**31 - 1, 10**6)
_DTYPES = ("f8", "f4", "f2", "i8", "i4", "u4", "u1", "i1", "?", "U3")


def changed(rng: random.Random, content: bytes) -> bytes:
    """Return the array's bytes with one change."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    with np.errstate(all="ignore"):
        try:
            array = rng.choice((_values, _values, _values, _length, _shape, _dtype, _order))(rng, array)
        except (TypeError, ValueError, IndexError, OverflowError):
            array = array[:0] if array.ndim else array
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _values(rng: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    """One value, or all; of a tree's nodes one field."""
    array = array.copy()
    part = array[rng.choice(array.dtype.names)] if array.dtype.names else array
    real = part.dtype.kind == "f"
    value = rng.choice(_REALS if real else _WHOLE)
    if part.dtype.kind == "i" and rng.random() < 0.3:
        value = rng.choice((len(array), len(array) - 1, np.iinfo(part.dtype).max, np.iinfo(part.dtype).min))
    if not part.ndim or rng.random() < 0.1:
        part[...] = np.array(value).astype(part.dtype)
    else:
        part[tuple(rng.randrange(size) for size in part.shape)] = np.array(value).astype(part.dtype)
    return array


def _length(rng: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    axis = rng.randrange(array.ndim)
    if rng.random() < 0.5:
        return np.delete(array, rng.randrange(array.shape[axis]), axis)
    return np.concatenate([array] * rng.choice((2, 3, 20)), axis)


def _shape(rng: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    ways = (array.T, array.ravel(), array.reshape(1, *array.shape), array.reshape(*array.shape, 1), array[:0])
    return rng.choice(ways)


def _dtype(rng: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(rng.choice(_DTYPES))


def _order(rng: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    ways = (
        array[::-1],
        np.asfortranarray(array),
        np.sort(array, axis=0),
        np.roll(array, 1),
        np.repeat(array[:1], len(array), 0),
    )
    return rng.choice(ways)
