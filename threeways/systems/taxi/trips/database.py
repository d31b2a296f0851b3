"""Trips out of a database's table, for training: one row a ride, with when it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from threeways.batch import engine as engines
from threeways.errors import DataError
from threeways.systems.taxi.trips.reading import (
    DISTANCE,
    DROPOFF,
    DROPOFF_ZONE,
    PICKUP,
    PICKUP_ZONE,
    Source,
    Trips,
    digest_of,
    normalised,
)

if TYPE_CHECKING:
    import pandas as pd

TABLE = "rides"
_NUMBERS = (PICKUP_ZONE, DROPOFF_ZONE, DISTANCE, "payment_type", "tip_amount")


def is_named(spec: str) -> bool:
    """Tell whether a text is a database's URL, and no list of files."""
    return spec.partition("://")[0].partition("+")[0] in {"sqlite", "postgresql", "postgres"}


def read(url: str, variable: str) -> Trips:
    """Return the trips of a database: of its table `rides`, or of `…#table`. Raises DataError."""
    import pandas as pd

    address, _, table = url.partition("#")
    engine = engines.connect(address, variable, DataError)
    path, table = engines.sqlite_file(engine.url), table or TABLE
    if path and not path.is_file():
        raise DataError(f"{variable}: there is no database {path}; check the path in the URL")
    name = f"{engines.shown(engine)}#{table}"
    try:
        with engines.faults(f"{variable}={name}", DataError), engine.connect() as connection:
            found = pd.read_sql_table(table, connection)
    except ValueError as error:  # there is no such table
        raise DataError(f"{variable}={name}: {error}; name its table after a #: {address}#rides") from None
    finally:
        engine.dispose()
    if found.empty:
        raise DataError(f"{variable}={name} has no rows; name a table that has trips")
    frame = normalised(_typed(found), variable, name)
    return Trips(frame, (Source(name, len(frame), digest_of(frame)),))


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table with times and numbers where a database may hold texts; what is none is missing."""
    import pandas as pd

    made: dict[str, Any] = {}
    for name in found:
        column = str(name)
        if column.endswith((PICKUP, DROPOFF)):
            made[column] = pd.to_datetime(found[name], errors="coerce", format="ISO8601")
        elif column in _NUMBERS:
            made[column] = pd.to_numeric(found[name], errors="coerce")
    return pd.DataFrame(made)
