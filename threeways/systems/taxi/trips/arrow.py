"""One Arrow column of a trip file as pandas wants it: no absurd row and no metadata makes it unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800  # seconds since 1970
_A_DAY = 86_400


def times(column: Any) -> pd.Series[Any] | None:
    """A `pyarrow.ChunkedArray` as datetime64[us] on New York's clock; None where it holds no timestamps.

    A time far from the years 1 to 9999 becomes one just outside of them, so that cleaning finds it.
    What zone the file names is no matter, nor whether it is known: Arrow's moments are UTC with any
    (arrow.apache.org/docs/python/timestamps.html).
    """
    import pandas as pd
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        return None
    naive = _within_reach(column.cast(pa.timestamp(column.type.unit))).cast(pa.timestamp("us"), safe=False)
    found = pd.Series(naive.to_numpy(), dtype="datetime64[us]")
    if column.type.tz is None:
        return found
    first, end = (np.datetime64(second, "s") for second in (_YEAR_1, _YEAR_10000))
    convertible = found.where((found >= first) & (found < end))  # pandas converts these years only
    local = convertible.dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.tz_localize(None)
    return local.fillna(found)


def numbers(column: Any) -> pd.Series[Any] | None:
    """A `pyarrow.ChunkedArray` as integers or floats, NaN where missing; None where it holds others."""
    import pyarrow as pa

    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    found: pd.Series[Any] = column.to_pandas()
    return found


def _within_reach(moments: Any) -> Any:
    """Naive timestamps, none further than a day from the years 1 to 9999: coarse ones don't fit in us."""
    import pyarrow as pa
    import pyarrow.compute as pc

    second = _A_SECOND.get(moments.type.unit)
    if second is None:
        return moments  # nanoseconds reach from 1677 to 2262
    least, most = (pa.scalar(limit * second) for limit in (_YEAR_1 - _A_DAY, _YEAR_10000 + _A_DAY))
    counts = pc.max_element_wise(moments.cast(pa.int64()), least, skip_nulls=False)
    return pc.min_element_wise(counts, most, skip_nulls=False).cast(moments.type)
