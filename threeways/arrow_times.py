"""Take Arrow's timestamps to a zone's wall clock, whatever their unit and however far they lie."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

FIRST, END = np.datetime64("0001-01-01", "s"), np.datetime64("10000-01-01", "s")
"""The times that Python holds reach from the one to just before the other."""
_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}
_A_DAY = 86_400


def wall_times(column: Any, zone: ZoneInfo) -> NDArray[np.datetime64]:
    """Return a `pyarrow` array of timestamps as (n,) naive datetime64[us] on the zone's clock.

    A time far from the years 1 to 9999 becomes one just outside of them, a missing one NaT. What zone the
    column names is no matter, nor whether it is known: Arrow's moments are UTC with any
    (arrow.apache.org/docs/python/timestamps.html).
    """
    import pandas as pd
    import pyarrow as pa

    kind = column.type
    naive = _within_reach(column.cast(pa.timestamp(kind.unit))).cast(pa.timestamp("us"), safe=False)
    found = np.array(naive).astype("datetime64[us]")
    if kind.tz is not None:
        inside = (found >= FIRST) & (found < END)  # pandas converts these years only
        moments = pd.Series(found[inside]).dt.tz_localize("UTC").dt.tz_convert(str(zone))
        found[inside] = moments.dt.tz_localize(None).to_numpy()
    return found


def _within_reach(moments: Any) -> Any:
    """Naive timestamps, none further than a day from the years 1 to 9999: coarse ones don't fit in us."""
    import pyarrow as pa
    import pyarrow.compute as pc

    second = _A_SECOND.get(moments.type.unit)
    if second is None:
        return moments  # nanoseconds reach from 1677 to 2262
    seconds = (int(FIRST.astype(np.int64)) - _A_DAY, int(END.astype(np.int64)) + _A_DAY)
    least, most = (pa.scalar(limit * second) for limit in seconds)
    counts = pc.max_element_wise(moments.cast(pa.int64()), least, skip_nulls=False)
    return pc.min_element_wise(counts, most, skip_nulls=False).cast(moments.type)
