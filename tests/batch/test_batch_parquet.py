"""Parquet files in, parquet files and a manifest out, on disk and on S3."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batch_lab import LAYOUT, service
from doubles import FakeModel
from rich.console import Console

from threeways.batch import parquet, predictions_parquet
from threeways.batch.interval import now, wall
from threeways.batch.job import Asked, Done, run
from threeways.emulator.server import Emulator
from threeways.errors import BatchError, DataError, ModelFailed
from threeways.systems.taxi.trips import demo
from threeways.systems.taxi.trips.cleaning import clean


def batch(spec: str, place: str, *, version: str = "v1", model: Any = None, **asked: Any) -> Done:
    with (
        parquet.opened(spec, lambda _line: None, LAYOUT) as source,
        predictions_parquet.opened(place, LAYOUT) as sink,
    ):
        console = asked.pop("console", None) or Console(file=io.StringIO())
        return run(Asked(**asked), source, sink, lambda: service(version, model), console)


def listed(folder: Path, kind: str = "predictions") -> list[dict[str, Any]]:
    """The rows of the files that the manifest names."""
    manifest = json.loads((folder / "manifest.json").read_text())
    rows = []
    for entry in manifest["entries"]:
        for part in entry[kind]:
            table = pq.read_table(folder / part["name"])
            assert len(table) == part["rows"]
            rows += table.to_pylist()
    return sorted(rows, key=lambda row: row["ride_id"])


@pytest.fixture
def month(tmp_path: Path) -> str:
    return str(demo.parquet(tmp_path / "rides.parquet", 500))


def test_a_month_of_trips_is_scored_by_its_rows_numbers(month: str, tmp_path: Path) -> None:
    done = batch(month, str(tmp_path / "out"), chunk=120)
    made = listed(tmp_path / "out")
    assert done.run.scored == int(clean(demo.frame(500)).valid.sum()) == len(made)
    assert [row["ride_id"] for row in made] == list(range(500))
    miles = demo.frame(500)["trip_distance"].tolist()
    assert [row["ride_duration"] for row in made] == [2 * one for one in miles]
    assert done.run.judged > 400


def test_the_same_interval_again_leaves_equal_rows_and_no_file_beside_them(
    month: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for version in ("v1", "v2"):
        batch(month, str(out), start="2021-03-01", end="2021-04-01", chunk=200, version=version)
    made = listed(out)
    assert {row["model_version"] for row in made} == {"v2"}
    assert {file.name for file in out.glob("*.parquet")} == {
        part["name"]
        for entry in json.loads((out / "manifest.json").read_text())["entries"]
        for part in entry["predictions"]
    }


def test_an_interval_that_overlaps_another_is_refused(month: str, tmp_path: Path) -> None:
    batch(month, str(tmp_path / "out"), start="2021-03-01", end="2021-03-11")
    with pytest.raises(BatchError, match="overlaps; give FROM= and TO= of that"):
        batch(month, str(tmp_path / "out"), start="2021-03-10", end="2021-03-12")
    batch(month, str(tmp_path / "out"), start="2021-03-11", end="2021-03-12")


def test_a_run_that_fails_leaves_no_file_and_the_manifest_as_it_was(month: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(month, str(out), end="2021-03-11")
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    class Dies(FakeModel):
        def __init__(self) -> None:
            super().__init__(lambda _block: len(self.calls) > 2)

    with pytest.raises(ModelFailed):
        batch(month, str(out), chunk=50, model=Dies())
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_bad_rows_and_ids_of_the_files_own(tmp_path: Path) -> None:
    table = pa.table(
        {
            "ride_id": ["a", "b", None, "d", "e"],
            "PULocationID": pa.array([1.0, None, 2.0, 3.0, 301.0]),
            "DOLocationID": pa.array([5, 5, 5, 2**40, 5]),
            "trip_distance": pa.array([1.5, 1.5, 1.5, 1.5, 2.5]),
            "pickup_datetime": [
                "2021-02-01 08:15:00",
                "2021-02-01",
                "2021-02-01T08:15",
                "",
                "2021-02-01T08:15Z",
            ],
        }
    )
    pq.write_table(table, tmp_path / "rides.parquet")
    done = batch(str(tmp_path / "rides.parquet"), str(tmp_path / "out"))
    made = listed(tmp_path / "out")
    assert [(row["ride_id"], row["ride_duration"], row["flags"]) for row in made] == [
        ("a", 3.0, ""),
        ("e", 5.0, "unknown_zone"),
    ]
    assert [row["ride_id"] for row in listed(tmp_path / "out", "quarantine")] == ["None", "b", "d"]
    assert (done.run.quarantined, done.run.undated) == (3, 2)


def test_times_with_a_zone_are_taken_to_new_york(tmp_path: Path) -> None:
    moments = pa.array([1_612_185_300_000_000], pa.timestamp("us", tz="UTC"))  # 13:15 UTC
    table = pa.table(
        {"PULocationID": [1], "DOLocationID": [2], "trip_distance": [1.0], "pickup_datetime": moments}
    )
    pq.write_table(table, tmp_path / "rides.parquet")
    batch(str(tmp_path / "rides.parquet"), str(tmp_path / "out"))
    assert [str(row["pickup_datetime"]) for row in listed(tmp_path / "out")] == ["2021-02-01 08:15:00"]


def test_a_file_that_is_none_or_lacks_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"PULocationID": [1]}), tmp_path / "b.parquet")
    for name, says in (("a", "no whole parquet file"), ("b", "lacks DOLocationID, trip_distance")):
        with (
            pytest.raises(DataError, match=says),
            parquet.opened(str(tmp_path / f"{name}.parquet"), lambda _line: None, LAYOUT),
        ):
            raise AssertionError


def test_two_runs_at_once_are_refused(month: str, tmp_path: Path) -> None:
    with (
        predictions_parquet.opened(str(tmp_path / "out"), LAYOUT),
        pytest.raises(BatchError, match="another batch run"),
    ):
        batch(month, str(tmp_path / "out"))


def test_from_s3_to_s3(
    month: str, tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    s3 = boto3.Session().client("s3")
    s3.create_bucket(Bucket="batch-rides")
    s3.upload_file(month, "batch-rides", "in/rides.parquet")
    spec, place = "s3://batch-rides/in/*.parquet", "s3://batch-rides/out"
    for version in ("v1", "v2"):
        batch(spec, place, version=version, end="2021-04-01", chunk=200)
    with predictions_parquet.opened(place, LAYOUT), pytest.raises(BatchError, match="another batch run"):
        batch(spec, place)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="batch-rides", Prefix="out/")["Contents"]]
    for key in keys:
        s3.download_file("batch-rides", key, str(tmp_path / Path(key).name))
    assert {row["model_version"] for row in listed(tmp_path)} == {"v2"}
    assert len(keys) == 4, keys  # three parts and the manifest: no lease, no part of the first run
    with pytest.raises(
        BatchError, match="PREDICTIONS=s3://no-such-bucket-here/out: its bucket does not exist"
    ):
        batch(spec, "s3://no-such-bucket-here/out")


def test_an_endpoint_that_is_no_url_is_said(month: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9")
    with pytest.raises(BatchError, match=r"PREDICTIONS=s3://b/out: .*localhost:9.*check .*AWS_ENDPOINT_URL"):
        batch(month, "s3://b/out")


def test_a_place_in_s3_without_a_bucket_is_refused(month: str) -> None:
    for place in ("s3://", "s3:///out", "s3a:///out"):
        with pytest.raises(BatchError, match=r"PREDICTIONS=s3://.* names no bucket; give s3://bucket/prefix"):
            batch(month, place)


def test_dates_without_a_time_are_told_and_the_interval_is_not_done(tmp_path: Path) -> None:
    table = {"PULocationID": [1], "DOLocationID": [2], "trip_distance": [1.0]}
    rides, out = tmp_path / "rides.parquet", tmp_path / "out"
    for when, scored in ((pa.array([18_659], pa.date32()), 0), (pa.array(["2021-02-01 08:15:00"]), 1)):
        pq.write_table(pa.table(table | {"pickup_datetime": when}), rides)
        run = batch(str(rides), str(out)).run
        assert (run.scored, run.undated, run.good(0.05)) == (scored, 1 - scored, bool(scored))
    assert (len(listed(out)), listed(out, "quarantine")) == (1, [])


def test_an_end_in_the_future_is_now_for_files(month: str, tmp_path: Path) -> None:
    said = Console(file=io.StringIO(), width=200)
    first = batch(month, str(tmp_path / "out"), end="2099-01-01", console=said).run
    assert first.interval
    assert first.interval.end < wall(now(), LAYOUT.zone) + timedelta(seconds=1)
    assert "is in the future: the interval ends now" in said.file.getvalue()  # type: ignore[attr-defined]
    after = batch(month, str(tmp_path / "out")).run.interval
    assert after
    assert after.start == first.interval.end


@pytest.mark.parametrize("key", [int, str])
@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_an_id_that_files_repeat_is_told_and_its_first_row_counts(
    tmp_path: Path, chunk: int, key: type
) -> None:
    given = [[7, 1, 2, 1], [2, 3, -1, -2, 9]]
    for n, ids in enumerate(given):
        table = {
            "ride_id": [key(one) for one in ids],
            "PULocationID": [1] * len(ids),
            "DOLocationID": [2] * len(ids),
            "trip_distance": [float(10 * n + row) for row in range(len(ids))],
            "pickup_datetime": ["2021-02-01 08:15:00"] * len(ids),
        }
        pq.write_table(pa.table(table), tmp_path / f"rides-{n}.parquet")
    done = batch(str(tmp_path / "rides-*.parquet"), str(tmp_path / "out"), chunk=chunk)
    assert (done.run.scored, done.run.quarantined) == (7, 2)
    assert {row["ride_id"]: row["ride_duration"] / 2 for row in listed(tmp_path / "out")} == {
        key(one): miles for one, miles in ((7, 0), (1, 1), (2, 2), (3, 11), (-1, 12), (-2, 13), (9, 14))
    }
    assert [row["code"] for row in listed(tmp_path / "out", "quarantine")] == ["repeated_id"] * 2
