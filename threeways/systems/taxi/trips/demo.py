"""Make a table of rides for a batch job that is given none: a month of the synthetic city, some rows bad."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from threeways.atomic_files import replacing
from threeways.batch.engine import faults
from threeways.errors import DataError
from threeways.systems.taxi.rides import FIELDS

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

RIDES, MONTH = 100_000, (2021, 3)
TABLE = "rides"
_TOLD = ("payment_type", "tip_amount")
"""What tells the truth of other tasks than the duration, where the city has it."""
_BAD = {  # every so many rides -> a column and what stands there
    997: ("trip_distance", None),
    1_499: ("trip_distance", -1.5),
    1_999: ("PULocationID", None),
    2_503: ("pickup_datetime", "last Tuesday"),
    4_999: ("DOLocationID", "JFK"),
    3_001: ("PULocationID", 301),  # scored, and flagged
    7_001: ("pickup_datetime", None),
}


def table(folder: Path) -> tuple[str, str]:
    """Return the URL of a database in a folder, made if it is not there yet, and the name of its table."""
    return f"sqlite:///{database(folder / 'rides.db')}", TABLE


def files(folder: Path) -> str:
    """Return the path of the same month in parquet, made if it is not there yet."""
    return str(parquet(folder / "rides" / "rides.parquet"))


def database(path: Path, rides: int = RIDES) -> Path:
    """Return an SQLite file with a table `rides`, made whole if it is not there yet."""
    if path.exists():
        return path
    import sqlalchemy as sa

    path.parent.mkdir(parents=True, exist_ok=True)
    with faults(f"the rides of {path}", DataError), replacing(path) as part:
        engine = sa.create_engine(f"sqlite:///{part}", poolclass=sa.NullPool)
        with engine.begin() as connection:
            trips = frame(rides)
            told = [name for name in _TOLD if name in trips]
            made = _table(told)
            made.create(connection)
            rows, marks = _rows(trips, told), ", ".join("?" * len(made.columns))
            for start in range(0, len(rows), 10_000):
                connection.exec_driver_sql(
                    f"INSERT INTO rides VALUES ({marks})",  # noqa: S608 - marks alone
                    rows[start : start + 10_000],
                )
    return path


def parquet(path: Path, rides: int = RIDES) -> Path:
    """Return the same month as a parquet file in TLC's schema, made whole if it is not there yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            frame(rides).to_parquet(part)
    return path


def frame(rides: int) -> pd.DataFrame:
    """Return the trips, as `Trips.frame` has them."""
    from threeways.systems.taxi.trips.city import trips

    return trips(*MONTH, rides=rides).frame


def _table(told: list[str]) -> sa.Table:
    import sqlalchemy as sa

    return sa.Table(
        "rides",
        sa.MetaData(),
        sa.Column("ride_id", sa.Integer, primary_key=True),
        sa.Column("PULocationID", sa.Integer),
        sa.Column("DOLocationID", sa.Integer),
        sa.Column("trip_distance", sa.Double),
        sa.Column("pickup_datetime", sa.DateTime),
        sa.Column("dropoff_datetime", sa.DateTime),
        *(sa.Column(name, sa.Double) for name in told),
    )


def _rows(frame: pd.DataFrame, told: list[str]) -> list[tuple[Any, ...]]:
    columns: dict[str, list[Any]] = {name: frame[name].tolist() for name in FIELDS[:3]}
    for name in ("pickup_datetime", "dropoff_datetime"):
        columns[name] = frame[name].dt.strftime("%Y-%m-%d %H:%M:%S").tolist()
    columns |= {name: frame[name].tolist() for name in told}
    for every, (name, value) in _BAD.items():
        columns[name][every - 1 :: every] = [value] * len(columns[name][every - 1 :: every])
    return list(zip(range(1, len(frame) + 1), *columns.values(), strict=True))
