"""Spark answers what the job on one machine answers, bit for bit."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parity_rides import bits, events, values_of
from rich.console import Console
from second_task import tip_model
from small_training import Training
from test_batch_values import broken

from threeways.batch.command import Options, run
from threeways.batch.job import Asked
from threeways.batch.model import service_of
from threeways.errors import BatchError
from threeways.settings import Settings


def rides(folder: Path) -> str:
    """The thousand rides of the parity test in two files, as far as parquet's types hold them."""
    rows = [values_of(one) for one in events()]

    def fits(value: Any, kind: Any) -> Any:
        return value if type(value) is kind and (kind is not int or abs(value) < 2**62) else None

    columns = {
        "ride_id": [row[0] for row in rows],
        "PULocationID": [fits(row[1], int) for row in rows],
        "DOLocationID": [fits(row[2], int) for row in rows],
        "trip_distance": [fits(row[3], float) for row in rows],
        "pickup_datetime": [fits(row[4], str) for row in rows],
    }
    table = pa.table(columns)
    for n, part in enumerate((table[:300], table[300:])):
        pq.write_table(part, folder / f"rides-{n}.parquet")
    return str(folder / "rides-*.parquet")


def listed(folder: Path, kind: str) -> list[dict[str, Any]]:
    [entry] = json.loads((folder / "manifest.json").read_text())["entries"]
    rows = [row for part in entry[kind] for row in pq.read_table(folder / part["name"]).to_pylist()]
    return sorted(rows, key=lambda row: (str(row["ride_id"]), row.get("payload", "")))


def odd_rides(folder: Path) -> str:
    """Files whose ids and columns are of other types, with values that are none."""
    usual = {"PULocationID": [130] * 4, "DOLocationID": [205] * 4, "trip_distance": [3.66] * 4}
    when = ["2021-02-01 08:15:00"] * 4
    moments = pa.array([0, 2**61, -(2**61), None], pa.timestamp("us"))
    decimals = [Decimal(1), Decimal("130.5"), None, Decimal(2)]
    tables = [
        {"ride_id": ["007", "7e3", "b\0c", None], **usual, "pickup_datetime": when},
        {"ride_id": [7, 8, None, 2**63 - 1], **usual, "pickup_datetime": when},
        {"ride_id": [1.0, 2.5, None, 3.0], **usual, "pickup_datetime": moments},
        {"ride_id": broken(b"a", b"b\xff", "ü".encode(), b""), **usual, "pickup_datetime": when},
        {"ride_id": pa.array(["x", "y", "x2", "z"]).dictionary_encode(), **usual, "pickup_datetime": when}
        | {"PULocationID": decimals, "dropoff_datetime": moments},
        {"ride_id": [Decimal(70), Decimal(80), Decimal(10**19), None], **usual, "pickup_datetime": when}
        | {"trip_distance": decimals, "dropoff_datetime": broken(*[when[0].encode()] * 3, b"\xff")},
    ]
    (folder / "odd rides").mkdir()
    for n, columns in enumerate(tables):
        pq.write_table(pa.table(columns), folder / "odd rides" / f"rides {n}.parquet")
    return str(folder / "odd rides" / "*.parquet")


def spark_or_skip() -> Any:
    pytest.importorskip("pyspark", reason="Spark is NOT tested: no pyspark; pipenv sync --categories spark")
    if shutil.which("java") is None:
        pytest.skip("Spark is NOT tested: no Java here; to run it, apt-get install openjdk-17-jre-headless")
    from threeways.batch.spark_run import run_spark

    return run_spark


@pytest.mark.exhaustive
@pytest.mark.parametrize("given", [rides, odd_rides])
def test_spark_and_one_machine_leave_equal_rows(
    training: Training, tmp_path: Path, given: Callable[[Path], str]
) -> None:
    run_spark = spark_or_skip()
    folder, spec, console = training.report.model.folder, given(tmp_path), Console(file=io.StringIO())
    asked = Asked(end="9000-01-01", chunk=128)
    runs = {}
    for name in ("here", "spark"):
        options = Options(spec, predictions=str(tmp_path / name), asked=asked, tolerate=1)
        if name == "spark":
            assert run_spark(options, lambda: (folder, Settings()), console, tmp_path)
        else:
            assert run(options, lambda: service_of(folder), console, tmp_path)
        runs[name] = json.loads((tmp_path / "last-batch.json").read_text())
    for kind in ("predictions", "quarantine"):
        ours, theirs = (listed(tmp_path / name, kind) for name in ("here", "spark"))
        assert ours == theirs
        assert len(ours) > 9
    assert [bits(row["ride_duration"]) for row in listed(tmp_path / "here", "predictions")] == [
        bits(row["ride_duration"]) for row in listed(tmp_path / "spark", "predictions")
    ]
    for name in ("read", "scored", "quarantined", "undated", "model_version", "judged"):
        assert runs["here"][name] == runs["spark"][name]


@pytest.mark.exhaustive
def test_spark_scores_a_second_task_as_one_machine_does(tmp_path: Path) -> None:
    run_spark = spark_or_skip()
    settings, console = Settings(task="ride_tip"), Console(file=io.StringIO())
    folder = tip_model(tmp_path / "model", "ride_tip")
    spec = rides(tmp_path)
    for path in tmp_path.glob("rides-*.parquet"):
        table = pq.read_table(path)
        tips = pa.array([n / 10 for n in range(len(table))])
        table = table.append_column("tip_amount", tips)
        table = table.append_column("payment_type", pa.array([1 + n % 2 for n in range(len(table))]))
        pq.write_table(table.rename_columns({"pickup_datetime": "lpep_pickup_datetime"}), path)
    asked = Asked(end="9000-01-01", chunk=128)
    runs = {}
    for name in ("here", "spark"):
        place = str(tmp_path / name)
        options = Options(spec, predictions=place, asked=asked, tolerate=1, task="ride_tip")
        if name == "spark":
            assert run_spark(options, lambda: (folder, settings), console, tmp_path)
        else:
            assert run(options, lambda: service_of(folder, settings), console, tmp_path)
        runs[name] = json.loads((tmp_path / "last-batch.json").read_text())
    for kind in ("predictions", "quarantine"):
        assert listed(tmp_path / "here", kind) == listed(tmp_path / "spark", kind)
    assert "tip" in listed(tmp_path / "spark", "predictions")[0]
    assert runs["here"]["judged"] > 100
    for name in ("read", "scored", "quarantined", "task", "zone", "judged"):
        assert runs["here"][name] == runs["spark"][name]
    assert runs["here"]["mae"] == pytest.approx(runs["spark"]["mae"])


@pytest.mark.exhaustive
def test_spark_refuses_an_id_that_is_there_twice(training: Training, tmp_path: Path) -> None:
    run_spark = spark_or_skip()
    table = {
        "ride_id": [1, 2, 1],
        "PULocationID": [1, 2, 3],
        "DOLocationID": [1, 2, 3],
        "trip_distance": [1.0, 2.0, 3.0],
        "pickup_datetime": ["2021-02-01 08:15:00"] * 3,
    }
    pq.write_table(pa.table(table), tmp_path / "rides.parquet")
    options = Options(str(tmp_path / "rides.parquet"), predictions=str(tmp_path / "out"))
    folder = training.report.model.folder
    with pytest.raises(BatchError, match="1 ride_ids are there more than once"):
        run_spark(options, lambda: (folder, Settings()), Console(file=io.StringIO()), tmp_path)
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_what_spark_cannot_read_is_refused_before_it_starts(tmp_path: Path) -> None:
    from threeways.batch.spark_run import run_spark

    options = Options("sqlite:///rides.db")
    with pytest.raises(BatchError, match="reads parquet files"):
        run_spark(options, lambda: (tmp_path, Settings()), Console(file=io.StringIO()), tmp_path)
