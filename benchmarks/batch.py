"""The batch job beside the usual way: pandas, `to_dict(orient="records")`, one pyfunc predict, and out.

Both sides read the same rides, predict with the same registered model and write predictions: from an SQLite
file to another, and from a month of trips in parquet to parquet (`--month`: TLC's file; else one of the
city). Rounds of the two are interleaved, the medians compared. Then each side without its `predict`; `--flat`
adds ten million rides, in a process of their own, for the memory. Prints a table and writes
`.local/bench-batch.json`.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.starting import peak_mb  # noqa: E402 - the path first
from threeways.settings import makes_variables  # noqa: E402

LOCAL = ROOT / ".local"
ROUNDS, GOAL = 3, 10.0
FLAT_ROWS, FLAT_MB = 10_000_000, 1024


class NoWork:
    """A model that takes no time, so that what is measured is everything else."""

    input_kind = "block"

    def predict(self, block: Any) -> Any:
        return np.ones(len(block))


def usual_way(rides: Path, out: Path, predict: Callable[[Any], Any]) -> None:
    """The script as tutorials have it: a frame, a dict a ride, features in a loop, one predict, a table."""
    import sqlite3

    import pandas as pd

    with sqlite3.connect(rides) as connection:
        frame = pd.read_sql("SELECT * FROM rides", connection, parse_dates=["pickup_datetime"])
    frame["ride_duration"] = predict(_features(frame))
    frame["model_version"] = "bench"
    with sqlite3.connect(out) as connection:
        columns = ["ride_id", "pickup_datetime", "ride_duration", "model_version"]
        frame[columns].to_sql("predictions", connection, index=False, if_exists="replace")


def usual_month(rides: Path, out: Path, predict: Callable[[Any], Any]) -> None:
    """Score a month's parquet file of trips the usual way: pandas and one predict."""
    import pandas as pd

    frame = pd.read_parquet(rides).rename(columns={"lpep_pickup_datetime": "pickup_datetime"})
    frame["ride_id"] = range(len(frame))
    frame["ride_duration"] = predict(_features(frame))
    frame["model_version"] = "bench"
    frame[["ride_id", "pickup_datetime", "ride_duration", "model_version"]].to_parquet(out)


def _features(frame: Any) -> Any:
    rows = []
    for ride in frame.to_dict(orient="records"):
        pickup = ride["pickup_datetime"]
        zones = ride["PULocationID"], ride["DOLocationID"]
        rows.append(
            [
                *zones, zones[0] * 1000 + zones[1], ride["trip_distance"],
                pickup.hour * 60 + pickup.minute, pickup.weekday(),
            ]
        )  # fmt: skip
    return np.array(rows, dtype=np.float64)


def our_month(rides: Path, out: Path, service: Any) -> None:
    """The job on the same file: its manifest, quarantine and tally included."""
    from threeways.batch import layout, parquet, predictions_parquet
    from threeways.batch.job import Asked, run
    from threeways.systems.taxi.duration import task

    with (
        parquet.opened(str(rides), print, layout.of(task)) as source,
        predictions_parquet.opened(str(out), layout.of(task)) as sink,
    ):
        run(Asked(), source, sink, lambda: service, Console(file=io.StringIO()))


def our_way(rides: Path, out: Path, service: Any) -> None:
    """The job, whole: its quarantine, transaction, record of runs and tally included."""
    from threeways.batch import database, layout, predictions_database
    from threeways.batch.job import Asked, run
    from threeways.systems.taxi.duration import task

    with (
        database.opened(f"sqlite:///{rides}", "rides", layout.of(task)) as source,
        predictions_database.opened(f"sqlite:///{out}", layout.of(task)) as sink,
    ):
        run(Asked(), source, sink, lambda: service, Console(file=io.StringIO()))


def table_of(path: Path, rows: int) -> Path:
    """A database of sound rides: a month of the city, repeated under new ids."""
    import sqlalchemy as sa

    from threeways.systems.taxi.trips import demo

    month = demo.frame(min(rows, 500_000))
    names = ["PULocationID", "DOLocationID", "trip_distance"]
    times = [month[name].dt.strftime("%Y-%m-%d %H:%M:%S") for name in ("pickup_datetime", "dropoff_datetime")]
    values = list(
        zip(*(month[name].tolist() for name in names), *(one.tolist() for one in times), strict=True)
    )
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE rides (ride_id INTEGER PRIMARY KEY, PULocationID INTEGER, DOLocationID INTEGER, "
            "trip_distance REAL, pickup_datetime DATETIME, dropoff_datetime DATETIME)"
        )
        for first in range(0, rows, len(values)):
            part = values[: rows - first]
            connection.exec_driver_sql(
                "INSERT INTO rides VALUES (?, ?, ?, ?, ?, ?)",
                [(first + n, *one) for n, one in enumerate(part)],
            )
    engine.dispose()
    return path


def compared(rides: Path, rows: int, sides: dict[str, Callable[[Path], None]]) -> dict[str, float]:
    """Each side's median rows a second over interleaved rounds, the first of which warms both up."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(ROUNDS + 1):
        for name, side in sides.items():
            with tempfile.TemporaryDirectory(dir=rides.parent) as folder:
                began = time.perf_counter()
                side(Path(folder) / "out.db")
                if round_number:
                    taken[name].append(time.perf_counter() - began)
    return {name: rows / median(seconds) for name, seconds in taken.items()}


def flat(rows: int) -> None:
    """Score `rows` rides in this process and print its rows a second and peak memory in MB, as JSON."""
    from threeways.batch.model import service_of
    from threeways.training.train import resolve_or_train

    folder = resolve_or_train(console=Console(stderr=True), folder=LOCAL).folder
    with tempfile.TemporaryDirectory(dir=LOCAL) as place:
        rides = Path(place) / "rides.db"
        subprocess.run(  # noqa: S603 - this file; making the rides must not count
            [sys.executable, __file__, "--make", str(rides), "--rows", str(rows)], check=True
        )
        began = time.perf_counter()
        our_way(rides, Path(place) / "out.db", service_of(folder))
        seconds = time.perf_counter() - began
    print(json.dumps({"rows_per_s": rows / seconds, "peak_mb": peak_mb()}))


def measured(rows: int, month: Path | None, console: Console) -> list[dict[str, Any]]:
    """The comparisons, with the model and without its predict."""
    import mlflow
    import pyarrow.parquet as pq

    from threeways.batch.model import service_of
    from threeways.scoring.service import ModelService
    from threeways.systems.taxi.duration import task
    from threeways.systems.taxi.trips import demo
    from threeways.training.train import resolve_or_train

    model = resolve_or_train(console=console, folder=LOCAL)
    pyfunc = mlflow.pyfunc.load_model(str(model.folder))
    service = service_of(model.folder)
    idle: Any = ModelService(NoWork(), task, "bench")  # type: ignore[arg-type]  # it reads the same block
    measures = []
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        rides = table_of(Path(folder) / "rides.db", rows)
        file = month or demo.parquet(Path(folder) / "month.parquet", rows)
        trips = pq.read_metadata(file).num_rows
        nothing = lambda block: np.ones(len(block))  # noqa: E731 - one of a pair
        database, parquet = (our_way, usual_way, rides, rows), (our_month, usual_month, file, trips)
        for name, ours, usual, (our_side, usual_side, where, count) in (
            ("rows a second, SQLite to SQLite", service, pyfunc.predict, database),
            ("rows a second, a month of parquet to parquet", service, pyfunc.predict, parquet),
            ("the same without predict", idle, nothing, parquet),
        ):
            console.print(f"{name}: {count:,} rides, {ROUNDS} rounds of each side")
            found = compared(
                rides,
                count,
                {
                    "ours": partial(_with, our_side, where, ours),
                    "usual": partial(_with, usual_side, where, usual),
                },
            )
            ratio = found["ours"] / found["usual"]
            goal = None if ours is idle else GOAL
            met = None if goal is None else ratio >= goal
            measures.append({"name": name, **found, "ratio": ratio, "goal": goal, "met": met})
    return measures


def _with(side: Callable[[Path, Path, Any], None], rides: Path, predicts: Any, out: Path) -> None:
    side(rides, out, predicts)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--month", type=Path, help="TLC's parquet file of a month")
    parser.add_argument(
        "--flat", type=int, nargs="?", const=FLAT_ROWS, help="score this many in a process of its own"
    )
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    by_make = [f"--{name.lower()}={value}" for name, value in makes_variables().items()]
    given = parser.parse_args([*sys.argv[1:], *by_make])
    LOCAL.mkdir(exist_ok=True)
    if given.make:
        table_of(given.make, given.rows)
        return
    if given.in_process:
        flat(given.flat)
        return
    console = Console()
    measures = measured(given.rows, given.month, console)
    if given.flat:
        command = [sys.executable, __file__, "--in-process", "--flat", str(given.flat)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
        found = json.loads(said.splitlines()[-1])
        peak = found["peak_mb"]
        console.print(f"{given.flat:,} rides: {found['rows_per_s']:,.0f}/s, {peak:,.0f} MB at the peak")
        name = f"{given.flat:,} rides, peak MB"
        measures.append(
            {"name": name, "ours": peak, "usual": None, "ratio": None, "goal": FLAT_MB, "met": peak < FLAT_MB}
        )
    table = Table(title="The batch job beside the usual way", title_justify="left")
    for name in ("what", "ours", "usual", "ratio", "goal", "met"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for one in measures:
        usual, ratio = one["usual"], one["ratio"]
        table.add_row(
            one["name"], f"{one['ours']:,.0f}", f"{usual:,.0f}" if usual else "-",
            f"{ratio:.1f} x" if ratio else "-", f"{one['goal']:g}" if one["goal"] else "-",
            {True: "yes", False: "no", None: "-"}[one["met"]],
        )  # fmt: skip
    console.print(table)
    (LOCAL / "bench-batch.json").write_text(json.dumps({"measures": measures}, indent=2) + "\n")
    console.print(f"Written to {LOCAL / 'bench-batch.json'}")


main()
