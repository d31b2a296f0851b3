"""Each value is taken or refused as the stream does, whatever a table's types are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batch_lab import kept, rows, scored, table
from doubles import NOW
from other_tasks import READINGS, READINGS_BY_EVENT, Sum
from parity_rides import bits

from threeways.batch.report import page
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.scoring.task import Task

pytest_plugins = ["postgres_server"]


WHEN = "2021-02-01 08:15:00"
ODD: dict[str, list[Any]] = {
    "floor_number": [0, -3, -4, 199, 200, None, 2.0, 2.5, "2", 2**40],
    "warmth": [None, 0, 60, 60.1, -50, -49.9, 1e400, -1e400, "warm", 2**53 + 1],
    "is_open": [True, False, None, 2, "yes", 0.0],
    "guests": [None, 5, -(2**63), 2**62, 1.0, 1.5, "5"],
    "label": [None, "", "abcde", "abcdef", "ü", "\U0001f600" * 5, 5],
    "lit": [None, True, False, "no"],
    "taken_at": [WHEN, "2021-02-01T08:15:00", "2021-02-01T08:15:00Z", "2021-07-01T08:15:00.25+05:00", None,
                 "2021-02-01", "soon", "2021-02-30 08:00:00", 20210201, "0001-01-01T00:00:00"],
}  # fmt: skip
SOUND: dict[str, Any] = {"id": 0, "floor_number": 2, "warmth": 20.5, "is_open": True, "guests": 3,
                         "label": "hall", "lit": False, "taken_at": WHEN}  # fmt: skip
EVER: dict[str, Any] = {"start": "0001-01-01", "end": "2022-01-01"}


def streamed(given: Sequence[dict[str, Any]]) -> dict[Any, bytes | None]:
    """What the stream answers: of each event by its number, None where it is refused."""
    service: ModelService[Any] = ModelService(Sum(), READINGS, "v1")
    wire = {"floor_number": "floorNumber", "is_open": "isOpen"}
    answers: dict[Any, bytes | None] = {}
    for number, one in enumerate(given):
        room = {wire.get(name, name): one[name] for name in list(SOUND)[1:-1]}
        if room["label"] is None:  # the table has null where the stream has no such field
            del room["label"]
        event = {"id": one["id"], "room": room, "taken_at": one["taken_at"]}
        infinite = any(isinstance(value, float) and abs(value) == float("inf") for value in one.values())
        outcome = service.score([msgspec.json.encode(event)], [NOW])[0] if one["taken_at"] else None
        fits = isinstance(outcome, Scored) and not infinite
        answers[number] = bits(outcome.value) if fits and isinstance(outcome, Scored) else None
    return answers


@pytest.mark.parametrize("task", [READINGS, READINGS_BY_EVENT], ids=["by column", "by event"])
@pytest.mark.parametrize("chunk", [1, 100])
def test_each_odd_value_is_taken_or_refused_as_the_stream_does(
    tmp_path: Path, task: Task[Any], chunk: int
) -> None:
    odd = [SOUND | {name: value} for name, values in ODD.items() for value in values]
    given = [one | {"id": number} for number, one in enumerate(odd)]
    url = table(
        f"sqlite:///{tmp_path / 'r.db'}",
        "id INTEGER PRIMARY KEY, floor_number, warmth, is_open, guests, label, lit, taken_at",
        [tuple(one.values()) for one in given],
    )
    out = f"sqlite:///{tmp_path / 'p.db'}"
    done = scored(task, url, out, chunk=chunk, **EVER).run
    expected = streamed(given)
    found = {row[0]: bits(row[2]) for row in rows(out, "readings_predictions")}
    assert {number: answer for number, answer in expected.items() if answer} == found
    assert done.scored + done.quarantined == len(given)
    messages = " ".join(row[4] for row in rows(out, "readings_quarantine"))
    for at in ("$.room.floorNumber", "$.room.warmth", "$.room.isOpen", "$.room.label", "$.taken_at"):
        assert at in messages


@pytest.mark.parametrize("task", [READINGS, READINGS_BY_EVENT], ids=["by column", "by event"])
def test_arrows_types_are_taken_as_a_databases_are(tmp_path: Path, task: Task[Any]) -> None:
    columns = {
        "id": ["a", "b", "c", "d"],
        "floor_number": pa.array([1.0, 2.0, None, 2.5]),
        "warmth": pa.array([1, None, 3, 4], pa.int8()),
        "is_open": pa.array([True, False, True, True]),
        "guests": pa.array([None, 2**62, 1, 1], pa.int64()),
        "label": pa.array(["x", None, "y", "z"]).dictionary_encode(),
        "taken_at": pa.array([1_612_163_700_000_000] * 4, pa.timestamp("us", tz="UTC")),
        "metered": [5, 5, 5, 5],
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    done = scored(task, str(tmp_path / "r.parquet"), str(tmp_path / "out"), **EVER)
    found = {row["id"]: row for row in kept(tmp_path / "out")}
    assert found.keys() == {"a", "b"}
    assert str(found["a"]["taken_at"]) == "2021-02-01 08:15:00"
    given = [SOUND | {"floor_number": 1, "warmth": 1, "guests": None, "label": "x", "lit": None},
             SOUND | {"warmth": None, "is_open": False, "guests": 2**62, "label": None, "lit": None},
    ]  # fmt: skip
    assert [bits(found[key]["energy"]) for key in "ab"] == list(streamed(given).values())
    assert (done.run.quarantined, done.run.judged) == (2, 2)


@pytest.mark.parametrize("task", [READINGS, READINGS_BY_EVENT], ids=["by column", "by event"])
def test_postgresqls_types_are_taken_as_sqlites_are(postgres: str, task: Task[Any]) -> None:
    columns = (
        "id uuid primary key, floor_number numeric, warmth numeric, is_open boolean, guests bigint, "
        "label varchar(9), lit boolean, taken_at timestamptz"
    )
    key = "00000000-0000-0000-0000-00000000000{}"
    given = [
        (key.format(n), *row)
        for n, row in enumerate(
            [
                (2, 20.5, True, 3, "hall", None, "2021-02-01 07:15:00+00"),
                (2, None, False, None, None, True, "2021-02-01 08:15:00+01"),
                (2, "NaN", True, 3, "hall", False, "2021-02-01 07:15:00+00"),
                (2.5, 1, True, 3, "hall", False, "2021-02-01 07:15:00+00"),
                (2, 1, None, 3, "toolong", False, "2021-02-01 07:15:00+00"),
            ]
        )
    ]
    table(postgres, columns, given)
    done = scored(task, postgres, postgres, start="2021-02-01T08:15", end="2021-02-01T08:16", chunk=2).run
    found = rows(postgres, "readings_predictions")
    assert [row[0][-1] for row in found] == ["0", "1", "2"]
    assert {str(row[1]) for row in found} == {"2021-02-01 08:15:00"}
    same = [SOUND | {"lit": None}, SOUND | {"warmth": None, "is_open": False, "guests": None, "label": None}
            | {"lit": True}, SOUND | {"warmth": None}]  # fmt: skip
    assert [bits(row[2]) for row in found] == list(streamed(same).values())
    assert (done.scored, done.quarantined) == (3, 2)


def test_a_reports_parts_are_the_tasks_or_its_first_numbers(tmp_path: Path) -> None:
    given = [tuple((SOUND | {"id": n, "warmth": n / 10}).values()) for n in range(30)]
    names = "id INTEGER PRIMARY KEY, floor_number, warmth, is_open, guests, label, lit, taken_at"
    url = table(f"sqlite:///{tmp_path / 'r.db'}", names, given)
    done = scored(READINGS, url, f"sqlite:///{tmp_path / 'p.db'}")
    report = page(done)
    for part in (
        "By warmth",
        "By floor_number",
        "By hour of taken_at",
        "Europe/Berlin",
        "kWh",
        "readings, the",
    ):
        assert part in report
    assert "No energy of 0 to inf kWh is known" in report
    assert [int(slices.events.sum()) for _, slices in done.tally.parts] == [30, 30, 30]
