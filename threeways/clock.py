"""Parse texts to times of a clock, vectorised; `wall_clock` does it one by one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

PLAIN = 19
NO_TIME = " " * PLAIN
"""The placeholder in `plain_times` for a missing time."""
LENGTHS = (PLAIN, 26)
"""The lengths of texts in the plain form: 2021-02-01 08:15:00 (or with a T), and with microseconds."""
_FORM = np.frombuffer(b"0000-00-00T00:00:00.000000", np.uint8)[:, np.newaxis]
_DIGITS, _PARTING = np.equal(_FORM, ord("0")), 10
_LOWEST, _SPAN = _FORM.copy(), np.where(_DIGITS, 9, 0).astype(np.uint8)
"""For each position the lowest character of the plain form, and the size of its range."""
_LOWEST[_PARTING], _SPAN[_PARTING] = 0, 255  # the separator of date and time is checked separately


def plain_times(values: Sequence[str], length: int) -> NDArray[np.datetime64]:
    """Parse n texts of one of `LENGTHS` to (n,) datetime64[us]; NaT for another form or an invalid date."""
    whole = "".join(values).encode("ascii", "replace")  # "?" is valid nowhere
    signs = np.frombuffer(whole, np.uint8).reshape(-1, length)
    places = np.ascontiguousarray(signs.T)
    fits = (places - _LOWEST[:length] <= _SPAN[:length]).all(axis=0)  # a lower character wraps around
    fits &= (places[_PARTING] == ord("T")) | (places[_PARTING] == ord(" "))
    fits &= (places[:4] != ord("0")).any(axis=0)  # Python has no year 0
    texts = signs.view(f"S{length}")[:, 0]
    found = np.full(len(values), "NaT", "datetime64[us]")
    try:
        if fits.all():
            return texts.astype("datetime64[us]")
        found[fits] = texts[fits].astype("datetime64[us]")
    except ValueError:  # some date is invalid, such as June 31: parse each on its own
        for row in np.flatnonzero(fits).tolist():
            with suppress(ValueError):
                found[row] = np.datetime64(values[row], "us")
    return found
