"""One Arrow column of a trip file as pandas wants it: no absurd row and no metadata makes it unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from threeways.arrow_times import wall_times
from threeways.systems.taxi.clock import NEW_YORK

if TYPE_CHECKING:
    import pandas as pd


def times(column: Any) -> pd.Series[Any] | None:
    """Return a `pyarrow.ChunkedArray` as datetime64[us] on New York's clock; None: it holds no timestamps.

    A time far from the years 1 to 9999 becomes one just outside of them, so that cleaning finds it.
    """
    import pandas as pd
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        return None
    return pd.Series(wall_times(column, NEW_YORK), dtype="datetime64[us]")


def numbers(column: Any) -> pd.Series[Any] | None:
    """Return a `pyarrow.ChunkedArray` as integers or floats, NaN where missing; None: it holds others."""
    import pyarrow as pa

    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return None
    found: pd.Series[Any] = column.to_pandas()
    return found
