"""Ids of events: those of a source are all integers or all texts, whatever its types and its driver are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from threeways.errors import InvalidEvent
from threeways.scoring.decoding import KEY_LENGTH

EXACT = 2**53
"""Up to here every integer has a float of its own."""


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


def of_kind(value: Any, *, text: bool) -> Any:
    """Return an id as one of the source's kind; what is no id at all stays as it is.

    Integral decimals and floats are integers, a UUID is its text, and where ids are texts an integer is its
    digits.
    """
    value = str(value) if isinstance(value, UUID) else whole(value)
    return str(value) if text and type(value) is int else value


def is_plain(value: Any, *, text: bool) -> bool:
    """Return whether a value is plainly an id that an event may have."""
    if text:
        return type(value) is str and value.isascii() and 1 <= len(value) <= KEY_LENGTH
    return type(value) is int and -(2**63) <= value < 2**63
