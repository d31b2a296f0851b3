"""Events of any task out of parquet, JSON lines and CSV: fields by name, the truth and the id by theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from events_lab import DURATION, workload
from msgspec import Meta

from threeways.emulator.server import Emulator
from threeways.errors import DataError, UsageError
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.events import Source, load
from threeways.scoring import Features, Task, Time, Truth, Value
from threeways.scoring.decoding import Id
from threeways.scoring.events import Events
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.reading import normalised
from threeways.systems.taxi.trips.rides import events_of


class Place(msgspec.Struct, frozen=True):
    zip: str
    floor: Annotated[int, Meta(ge=0, le=200)] = 0


class Parcel(msgspec.Struct, frozen=True):
    parcel_id: Id
    weight: Annotated[float, Meta(gt=0)]
    express: bool
    place: Place
    sent: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | None = None


def features(events: Any, arrived: Any) -> Features:
    return Features(np.zeros((len(events), 1)), [()] * len(events))


TASK = Task(
    name="parcels", event=Parcel, id="parcel_id", columns=("x",), features=features, output=Value("days"),
    example=Parcel("p", 2.5, True, Place("1011", 3), "2026-01-02T03:04:05"), time=Time("sent"),
    truth=Truth(column="arrived", since=True, most=90),
)  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"parcel_id": f"p{n}", "weight": n + 0.5, "express": n % 2 == 0, "zip": f"0{n}", "floor": n,
     "sent": f"2026-01-02T03:{n:02}:00", "arrived": "2026-01-02T04:00:00"}
    for n in range(5)
]  # fmt: skip


def events_from(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "parcel_id": row["parcel_id"], "weight": row["weight"], "express": row["express"],
        "place": {"zip": row["zip"], "floor": row["floor"]}, "sent": row["sent"],
    }  # fmt: skip


def parquet(rows: list[dict[str, Any]], path: Path) -> Path:
    pd.DataFrame(rows).to_parquet(path)
    return path


def csv(rows: list[dict[str, Any]], path: Path) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def json_lines(rows: list[dict[str, Any]], path: Path) -> Path:
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    return path


WRITERS = [parquet, csv, json_lines]
type Write = Callable[[list[dict[str, Any]], Path], Path]


def read(path: object, task: Task[Any] = TASK, **columns: str) -> Events:
    return workload(spec=str(path), task=task, columns=ColumnNames(**columns)).events


def decoded(events: Events) -> list[Any]:
    return [json.loads(payload) for payload in events.payloads()]


@pytest.mark.parametrize("write", WRITERS)
def test_rows_become_events_by_the_names_of_their_fields(write: Write, tmp_path: Path) -> None:
    events = read(write(ROWS, tmp_path / "a file"))
    assert decoded(events) == [events_from(row) for row in ROWS]
    assert list(events.ids) == [row["parcel_id"] for row in ROWS]
    assert events.truth.tolist() == [60.0 - n for n in range(5)]
    assert events.skipped == 0


@pytest.mark.parametrize("write", WRITERS)
def test_the_truth_and_the_id_are_in_the_columns_that_are_named(write: Write, tmp_path: Path) -> None:
    rows = [row | {"took": n * 1.5 if n != 1 else None, "number": n + 7} for n, row in enumerate(ROWS)]
    events = read(write(rows, tmp_path / "rows"), actual="took", id="number")
    assert list(events.ids) == [7, 8, 9, 10, 11]
    assert [one["parcel_id"] for one in decoded(events)] == [7, 8, 9, 10, 11]
    assert np.array_equal(events.truth, [0.0, np.nan, 3.0, 4.5, 6.0], equal_nan=True)
    assert events.counted.tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("write", WRITERS)
def test_a_column_that_is_named_and_is_not_there_is_refused(write: Write, tmp_path: Path) -> None:
    path = write(ROWS, tmp_path / "rows")
    with pytest.raises(DataError, match=r"ACTUAL=took: .* has no such column \(it has parcel_id, weight"):
        read(path, actual="took")
    with pytest.raises(DataError, match="ID=number"):
        read(path, id="number")


@pytest.mark.parametrize("write", WRITERS)
def test_rows_that_are_no_event_stay_out_and_are_counted_with_the_first_reason(
    write: Write, tmp_path: Path
) -> None:
    rows = [ROWS[0] | {"weight": -1.0}, ROWS[1] | {"zip": None}, *ROWS[2:]]
    events = read(write(rows, tmp_path / "rows"))
    assert (len(events), events.skipped) == (3, 2)
    assert "weight" in events.skipped_because
    with pytest.raises(
        DataError, match=r"none of its 1 rows is a valid event of TASK=parcels.*weight.*place.zip"
    ):
        read(write(rows[:1], tmp_path / "none"))


@pytest.mark.parametrize("write", WRITERS)
def test_so_many_as_are_asked_for_are_sent(write: Write, tmp_path: Path) -> None:
    path = write(ROWS, tmp_path / "rows")
    assert len(workload(3, spec=str(path), task=TASK)) == 3
    assert len(workload(50, spec=str(path), task=TASK)) == 5


def test_without_an_id_in_the_file_rows_are_numbered(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "parcel_id"} for row in ROWS]
    assert list(read(csv(rows, tmp_path / "rows.csv")).ids) == [0, 1, 2, 3, 4]


def test_a_json_line_that_is_an_event_stays_as_it_is(tmp_path: Path) -> None:
    lines = [json.dumps(events_from(row) | {"more": [1]}, indent=None) for row in ROWS]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    events = read(tmp_path / "events.jsonl")
    assert [payload.decode() for payload in events.payloads()] == lines
    renamed = read(tmp_path / "events.jsonl", id="zip")
    assert list(renamed.ids) == ["00", "01", "02", "03", "04"]


def test_dotted_names_and_objects_within_rows_are_read_too(tmp_path: Path) -> None:
    dotted = [
        {("place." if name in ("zip", "floor") else "") + name: row[name] for name in row} for row in ROWS
    ]
    assert decoded(read(csv(dotted, tmp_path / "dotted.csv"))) == [events_from(row) for row in ROWS]
    nested = [row | {"place": {"zip": row["zip"], "floor": row["floor"]}} for row in ROWS]
    nested = [{name: row[name] for name in row if name not in ("zip", "floor")} for row in nested]
    assert decoded(read(parquet(nested, tmp_path / "nested"))) == [events_from(row) for row in ROWS]


def test_what_pandas_makes_of_missing_integers_and_of_times_is_read(tmp_path: Path) -> None:
    rows = [
        row | {"floor": None if n == 0 else n, "sent": pd.Timestamp(2026, 1, 2, 3, n)}
        for n, row in enumerate(ROWS)
    ]
    made = decoded(read(parquet(rows, tmp_path / "rows")))
    assert "floor" not in made[0]["place"]
    assert made[1:] == [events_from(row) for row in ROWS[1:]]


def test_a_text_that_looks_like_a_number_stays_one_where_the_field_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("parcel_id,weight,express,zip\n007,1,true,0123\n12,2.5,FALSE,99\n")
    events = read(path)
    assert list(events.ids) == ["007", 12]
    assert [one["place"]["zip"] for one in decoded(events)] == ["0123", "99"]
    assert [one["express"] for one in decoded(events)] == [True, False]


def test_fields_that_no_column_has_are_told(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in row if name not in ("sent", "floor")} for row in ROWS]
    said: list[str] = []
    load(Source(str(csv(rows, tmp_path / "rows.csv"))), TASK, said.append)
    assert said == [f"EVENTS={tmp_path}/rows.csv has no column place.floor, sent: its events go without"]


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


def test_a_truth_that_is_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    path = csv([row | {"took": "long" if n == 2 else "1.5"} for n, row in enumerate(ROWS)], tmp_path / "rows")
    with pytest.raises(DataError, match="row 3 has 'long' in took"):
        read(path, actual="took")


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


def test_labels_of_long_values_and_missing_ones_stay_short(tmp_path: Path) -> None:
    row = ROWS[0] | {"zip": "1\x1b\n" * 300, "sent": None, "weight": 1.4056468971780578}
    labels = read(json_lines([row], tmp_path / "rows")).labels(0)
    assert labels["weight"] == "1.40565"
    assert all(text.isprintable() for text in labels.values())
    assert max(map(len, labels.values())) <= 24
    assert "sent" not in labels


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
