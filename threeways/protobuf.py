"""Protocol Buffers' wire format, as far as it takes to look into a message without its library.

Who looks into a file that another library will read has to see what that one sees: what is passed over here
is what the library passes over, and what it may read otherwise is an error.
protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RUN = 0
"""No field has this number."""
type Value = int | memoryview
"""A varint's number, or the bytes of what has a length: a text, a message, numbers in one piece."""

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT, _64_BITS = 10, 2**64 - 1
_MOST_KEY = 2**32 - 1
"""Of a key, the library reads 32 bits and drops what is beyond: to it, that would be another field."""


def run_of(field: int) -> re.Pattern[bytes]:
    """A run of one field's numbers, each with its key, as a repeated field of up to number 15 is written."""
    return re.compile(b"(?:%c[\\x80-\\xff]{0,9}[\\x00-\\x7f])+" % (field << 3 | _VARINT), re.DOTALL)


def numbers_of(run: memoryview) -> NDArray[np.int64]:
    """The numbers in a run."""
    octets = np.frombuffer(run, dtype=np.uint8)
    ends = np.flatnonzero(octets < 0x80)  # a key's, a number's, and so on
    keys, sizes = ends[::2], np.diff(ends)[::2]
    found = np.zeros(len(keys), dtype=np.uint64)
    for place in range(int(sizes.max(initial=0))):
        longer = sizes > place
        septet = octets[keys[longer] + 1 + place].astype(np.uint64) & np.uint64(0x7F)
        found[longer] |= septet << np.uint64(7 * place)
    return found.view(np.int64)


def fields[Bytes: (bytes, memoryview)](
    message: Bytes, run: re.Pattern[bytes] | None = None
) -> Iterator[tuple[int, int | Bytes]]:
    """The number and value of each field, in order. Raises ValueError, alone, where the bytes are no message.

    Fields of four or eight bytes are passed over: nobody here asks for one, and the library knows no field by
    a number alone, so that one of them under another field's number is not that field.
    run: whole fields that are given in one piece, as the field RUN.
    """
    at, end = 0, len(message)
    while at < end:
        if run and (found := run.match(message, at)):
            yield RUN, message[at : found.end()]
            at = found.end()
            continue
        key, at = _varint(message, at)
        if not 8 <= key <= _MOST_KEY:
            raise ValueError(f"no field has the number {key >> 3}")
        wire = key & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if wire == _LENGTH:
            size, at = _varint(message, at)
        elif wire in {_EIGHT_BYTES, _FOUR_BYTES}:
            size = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if size > end - at:
            raise ValueError(f"a field of {size} bytes at byte {at}, where {end - at} are left")
        if wire == _LENGTH:
            yield key >> 3, message[at : at + size]
        at += size


def packed(value: memoryview) -> list[int]:
    """The numbers of a repeated field that is written in one piece. Raises ValueError as `fields` does."""
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(number)
    return found


def bytes_of(value: Value) -> memoryview:
    """The value of a field that is no number. Raises ValueError where it is one."""
    if isinstance(value, int):
        raise ValueError("a number stands where a message is due")  # noqa: TRY004 - the file's fault
    return value


def _varint(message: bytes | memoryview, at: int) -> tuple[int, int]:
    """A number, and where the next thing begins."""
    try:
        number = message[at]
        if number < 0x80:
            return number, at + 1
        number &= 0x7F
        for place in range(1, _LONGEST_VARINT):
            byte = message[at + place]
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return number & _64_BITS, at + place + 1
    except IndexError:
        raise ValueError(f"a number at byte {at} has no end") from None
    raise ValueError(f"a number at byte {at} has more than 64 bits")
