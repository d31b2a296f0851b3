"""Rows of a file become a task's events: fields, ids, truth and labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from parcels_lab import (
    ROWS,
    TASK,
    WRITERS,
    Write,
    csv,
    decoded,
    events_from,
    json_lines,
    parquet,
    read,
)

from threeways.errors import DataError
from threeways.local_run.events import Source, load


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


def test_a_truth_that_is_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    path = csv([row | {"took": "long" if n == 2 else "1.5"} for n, row in enumerate(ROWS)], tmp_path / "rows")
    with pytest.raises(DataError, match="row 3 has 'long' in took"):
        read(path, actual="took")


def test_labels_of_long_values_and_missing_ones_stay_short(tmp_path: Path) -> None:
    row = ROWS[0] | {"zip": "1\x1b\n" * 300, "sent": None, "weight": 1.4056468971780578}
    labels = read(json_lines([row], tmp_path / "rows")).labels(0)
    assert labels["weight"] == "1.40565"
    assert all(text.isprintable() for text in labels.values())
    assert max(map(len, labels.values())) <= 24
    assert "sent" not in labels
