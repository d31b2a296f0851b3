"""Ids of events: those of a source are all integers or all texts, whatever its types and its driver are."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from threeways.errors import InvalidEvent
from threeways.scoring.decoding import KEY_LENGTH

EXACT = 2**53
"""Up to here every integer has a float of its own."""


def of_one_kind(values: Sequence[Any], *, text: bool) -> tuple[list[Any], NDArray[np.bool_]]:
    """Ids of the source's kind, and which of n are not plainly ids that an event may have.

    Integral decimals and floats are integers, a UUID is its text, and where ids are texts an integer is its
    digits. What is no id at all stays as it is.
    """
    kinds = set(map(type, values))
    if kinds == {int} and not text and min(values) >= -(2**63) and max(values) < 2**63:
        return list(values), np.zeros(len(values), bool)
    if kinds == {str} and text:
        lengths = set(map(len, values))
        if "".join(values).isascii() and min(lengths) >= 1 and max(lengths) <= KEY_LENGTH:
            return list(values), np.zeros(len(values), bool)
    found = [_of_kind(value, text=text) for value in values]
    return found, np.array([not _is_plain(value, text=text) for value in found], bool)


def whole(value: Any) -> Any:
    """Return an integral decimal or float as an integer, as far as one is exact; anything else as it is."""
    if type(value) is float and abs(value) <= EXACT and value.is_integer():
        return int(value)
    if type(value) is Decimal and value.is_finite() and abs(value) < 2**63 and value % 1 == 0:
        return int(value)
    return value


def fault(value: Any, *, text: bool, at: str) -> InvalidEvent | None:
    """Return why a value is none of the source's ids, where no event could tell it; at: the id's place."""
    if isinstance(value, int | float | Decimal | None) or (text and type(value) is str):
        return None  # its event tells what is wrong with it, if anything is
    expected = "str" if text else "int"
    return InvalidEvent(f"Expected `{expected}`, got `{type(value).__name__}` - at `{at}`")


def _of_kind(value: Any, *, text: bool) -> Any:
    value = str(value) if isinstance(value, UUID) else whole(value)
    return str(value) if text and type(value) is int else value


def _is_plain(value: Any, *, text: bool) -> bool:
    if text:
        return type(value) is str and value.isascii() and 1 <= len(value) <= KEY_LENGTH
    return type(value) is int and -(2**63) <= value < 2**63
