"""Parse Protocol Buffers' wire format, as far as needed to inspect a message without protobuf's library.

An inspection of a file that another library will parse has to see what that library sees: only what the
library skips is skipped here, and what it may interpret differently is an error.
protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUN = 0
"""The field number under which `fields` yields a run; no real field has it."""
type Value = int | memoryview
"""A varint's number, or the bytes of a length-delimited field: a text, a message, packed numbers."""

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT, _64_BITS = 10, 2**64 - 1
_MAX_KEY = 2**32 - 1
"""The library reads only 32 bits of a key: a larger one would be another field to it."""


def run_of(field: int) -> re.Pattern[bytes]:
    """Return a pattern of consecutive, unpacked varints of one repeated field, with number 15 at most."""
    return re.compile(b"(?:%c[\\x80-\\xff]{0,9}[\\x00-\\x7f])+" % (field << 3 | _VARINT), re.DOTALL)


def numbers_of(run: memoryview) -> NDArray[np.int64]:
    """Return the numbers of a run."""
    import numpy as np  # here: a join reads aggregated records, and its image has no numpy

    octets = np.frombuffer(run, dtype=np.uint8)
    ends = np.flatnonzero(octets < 0x80)  # the last bytes of keys and numbers, alternately
    keys, sizes = ends[::2], np.diff(ends)[::2]
    found = np.zeros(len(keys), dtype=np.uint64)
    for place in range(int(sizes.max(initial=0))):
        longer = sizes > place
        septet = octets[keys[longer] + 1 + place].astype(np.uint64) & np.uint64(0x7F)
        found[longer] |= septet << np.uint64(7 * place)
    return found.view(np.int64)


def fields[Bytes: (bytes, memoryview)](
    message: Bytes, run: re.Pattern[bytes] | None = None, skipped: int | None = None
) -> Iterator[tuple[int, int | Bytes]]:
    """Yield the number and value of each field, in order. Raises ValueError, and nothing else, if malformed.

    Fields of four or eight bytes are skipped: no caller needs one, and the library identifies a field by
    number and wire type, so that one of them under another field's number is not that field. run: a pattern
    of fields (see `run_of`) that are yielded together as the field RUN. skipped: the limit on fields that are
    skipped.
    """
    at, end = 0, len(message)
    while at < end:
        if run and (found := run.match(message, at)):
            yield RUN, message[at : found.end()]
            at = found.end()
            continue
        key, at = _varint(message, at)
        if not 8 <= key <= _MAX_KEY:
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
            if skipped is not None and (skipped := skipped - 1) < 0:
                raise ValueError(f"too many fields of {size} bytes, at byte {at}")
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if size > end - at:
            raise ValueError(f"a field of {size} bytes at byte {at}, where {end - at} are left")
        if wire == _LENGTH:
            yield key >> 3, message[at : at + size]
        at += size


def packed(value: memoryview) -> list[int]:
    """Parse the numbers of a packed repeated field. Raises ValueError as `fields` does."""
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(number)
    return found


def bytes_of(value: Value) -> memoryview:
    """Return a field's bytes. Raises ValueError if it is a number."""
    if isinstance(value, int):
        raise ValueError("a number where a message is expected")  # noqa: TRY004 - the file's fault
    return value


def _varint(message: bytes | memoryview, at: int) -> tuple[int, int]:
    """Parse a varint; return the number and the index after it."""
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
