"""Events of any task out of parquet, JSON lines and CSV: fields by name, the truth and the id by theirs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from events_lab import DURATION, workload
from parcels_lab import (
    ROWS,
    TASK,
    WRITERS,
    Parcel,
    Write,
    csv,
    decoded,
    json_lines,
    parquet,
    read,
)

from threeways.emulator.server import Emulator
from threeways.errors import DataError, UsageError
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.events import Source, load
from threeways.scoring import Features, Task, Value
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.reading import normalised
from threeways.systems.taxi.trips.rides import events_of


@pytest.mark.parametrize("write", WRITERS)
def test_so_many_as_are_asked_for_are_sent(write: Write, tmp_path: Path) -> None:
    path = write(ROWS, tmp_path / "rows")
    assert len(workload(3, spec=str(path), task=TASK)) == 3
    assert len(workload(50, spec=str(path), task=TASK)) == 5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has no rows"),
        (b"\n \n", "has no rows"),
        (b"\x1f\x8b\x08\x00", "is gzip"),
        (b"[\n{}\n]", "is a JSON array"),
        (b"PAR1 and no more", "cannot be read"),
        (b"a,b\n\xff\xfe,1\n", "cannot be read"),
        (b'{"parcel_id": 1\n', "none of its 1 rows is a valid event"),
        (b"a,b\n1,2\n", "none of its 1 rows is a valid event"),
        (b"parcel_id,weight\n1,2,3\n", "it has 1 more values than the header has names"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as refused:
        read(path)
    assert "\n" not in str(refused.value)
    assert "EVENTS" in str(refused.value)


@pytest.mark.parametrize("spec", ["nowhere.csv", "s3://bucket", "ftp://bucket/events.csv", "*.nothing", " "])
def test_a_place_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(DataError, match="EVENTS"):
        read(spec)


def test_a_folder_is_refused_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder; give"):
        read(tmp_path)


def test_several_files_are_read_in_their_order(tmp_path: Path) -> None:
    csv(ROWS[:2], tmp_path / "b.csv")
    parquet(ROWS[2:], tmp_path / "a.parquet")
    assert list(read(f"{tmp_path}/b.csv,{tmp_path}/a.parquet").ids) == ["p0", "p1", "p2", "p3", "p4"]
    assert list(read(f"{tmp_path}/*.*").ids) == ["p2", "p3", "p4", "p0", "p1"]


def test_columns_without_a_file_are_refused() -> None:
    with pytest.raises(UsageError, match="give that as EVENTS="):
        workload(5, columns=ColumnNames(actual="x"))


def test_the_rides_producer_reads_trips_and_the_names_of_an_event_s_fields_anything_else(
    tmp_path: Path,
) -> None:
    frame = normalised(city.month(2021, 3, 50))
    rides = list(events_of(frame))
    trips = tmp_path / "trips.parquet"
    city.month(2021, 3, 50).to_parquet(trips)
    assert decoded(read(trips, DURATION)) == rides
    flat = [{"ride_id": f"r{one['ride_id']}", **one["ride"]} for one in rides]
    by_name = [{"ride_id": f"r{one['ride_id']}", "ride": one["ride"]} for one in rides]
    for write in WRITERS:
        events = read(write(flat, tmp_path / write.__name__), DURATION)
        assert decoded(events) == by_name
        assert events.name == str(tmp_path / write.__name__)
    with_truth = [row | {"dropoff_datetime": f"{frame['dropoff_datetime'][n]}"} for n, row in enumerate(flat)]
    minutes = (frame["dropoff_datetime"] - frame["pickup_datetime"]).dt.total_seconds() / 60
    events = read(json_lines(with_truth, tmp_path / "truth"), DURATION)
    assert events.truth.tolist() == minutes.tolist()
    assert events.counted.tolist() == minutes.between(1, 60).tolist()


def test_a_task_without_a_producer_is_sent_variations_of_its_example() -> None:
    said: list[str] = []
    events = load(Source(count=500), TASK, said.append)
    made = decoded(events)
    assert "no producer of events" in said[0]
    assert [one["parcel_id"] for one in made] == list(events.ids) == list(range(500))
    assert len({one["weight"] for one in made}) > 400
    assert all(1.25 <= one["weight"] <= 3.75 for one in made)
    assert {one["place"]["floor"] for one in made} <= set(range(1, 6))
    assert {(one["place"]["zip"], one["express"], one["sent"]) for one in made} == {
        ("1011", True, "2026-01-02T03:04:05")
    }
    assert np.isnan(events.truth).all()
    assert list(load(Source(count=500), TASK, said.append).payloads()) == list(events.payloads())
    assert len(events.payloads().__next__()) > 0
    assert dict(events.labels(3)).keys() == {"parcel_id", "weight", "express", "zip"}


def test_a_number_that_a_task_takes_as_it_is_only_is_not_varied() -> None:
    def exact(events: Any, arrived: Any) -> Features:
        from threeways.errors import InvalidEvent

        faults: Any = {n: InvalidEvent("other") for n, one in enumerate(events) if one.weight != 2.5}
        return Features(np.zeros((len(events), 1)), [()] * len(events), faults)

    task: Any = Task(
        name="exact", event=Parcel, id="parcel_id", columns=("x",), features=exact, output=Value("days"),
        example=TASK.example,
    )  # fmt: skip
    assert {one["weight"] for one in decoded(workload(50, task=task).events)} == {2.5}


def test_files_in_s3_are_read_where_the_endpoint_says(
    new_bucket: Callable[[str], Any], tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    client, said = new_bucket("events-of-a-run"), list[str]()
    for name, write in (("a.csv", csv), ("b.jsonl", json_lines)):
        client.upload_file(str(write(ROWS, tmp_path / name)), "events-of-a-run", f"in/{name}")
    events = load(Source("s3://events-of-a-run/in/*"), TASK, said.append)
    assert list(events.ids) == [row["parcel_id"] for row in ROWS] * 2
    assert emulator.endpoint_url in said[0]


def test_a_header_that_begins_like_a_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("PK,parcel_id,weight,express,zip\n1,7,1,true,0123\n")
    assert list(read(path).ids) == [7]
