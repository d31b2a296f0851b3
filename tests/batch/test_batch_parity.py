"""One number: the stream's handler and the batch job answer the same rides alike, bit for bit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batch_lab import LAYOUT, rows
from doubles import NOW, FakeContext, FakeKinesis, kinesis_event
from parity_rides import bits, events, values_of
from rich.console import Console
from small_training import Training

from threeways.batch import database, predictions_database
from threeways.batch.job import Asked, run
from threeways.batch.model import service_of
from threeways.scoring.outcomes import Scored
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import NoQuarantine
from threeways.systems.taxi.trips import demo

type Answers = dict[int, tuple[tuple[bytes, ...], str]]
EVER = Asked(end="9999-12-31T23:59:59.999999")


@pytest.fixture(scope="module")
def folder(training: Training) -> Path:
    return training.report.model.folder


def streamed(folder: Path, sound: list[dict[str, Any]]) -> Answers:
    """What the Lambda handler puts on the output stream for one batch."""
    kinesis: Any = FakeKinesis()
    handler = StreamHandler(service_of(folder), StreamDelivery(kinesis, "predictions"), NoQuarantine())
    answer = handler(kinesis_event([msgspec.json.encode(one) for one in sound]), FakeContext())
    assert answer["batchItemFailures"] == []
    made = [json.loads(record["Data"]) for record in kinesis.stored]
    return {
        one["prediction"]["ride_id"]: (numbers_of(one["prediction"]), ",".join(one["flags"])) for one in made
    }


def numbers_of(prediction: dict[str, Any]) -> tuple[bytes, ...]:
    """The bits of the number and of its interval's two ends."""
    return tuple(map(bits, (prediction["ride_duration"], *prediction["interval"])))


def table_of(path: Path, given: list[dict[str, Any]]) -> str:
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        # No types: SQLite keeps each value as it is given.
        connection.exec_driver_sql(
            "CREATE TABLE rides (ride_id INTEGER PRIMARY KEY, PULocationID, DOLocationID, trip_distance, "
            "pickup_datetime)"
        )
        values = [tuple(one if one != 2**63 else 2.0**63 for one in values_of(event)) for event in given]
        connection.exec_driver_sql("INSERT INTO rides VALUES (?, ?, ?, ?, ?)", values)
    engine.dispose()
    return f"sqlite:///{path}"


def batched(folder: Path, tmp_path: Path, given: list[dict[str, Any]]) -> tuple[Answers, set[int]]:
    sink = f"sqlite:///{tmp_path / 'predictions.db'}"
    with (
        database.opened(table_of(tmp_path / "rides.db", given), "rides", LAYOUT) as source,
        predictions_database.opened(sink, LAYOUT) as place,
    ):
        run(EVER, source, place, lambda: service_of(folder), Console(file=io.StringIO()))
    refused = {int(row[0]) for row in rows(sink, "ride_quarantine")}
    return {row[0]: (tuple(map(bits, (row[2], *row[5:]))), row[3]) for row in rows(sink)}, refused


def test_stream_and_batch_agree_on_a_thousand_rides_refusals_and_flags_included(
    folder: Path, tmp_path: Path
) -> None:
    given = events()
    outcomes = service_of(folder).score([msgspec.json.encode(one) for one in given], [NOW] * len(given))
    sound = [one for one, outcome in zip(given, outcomes, strict=True) if isinstance(outcome, Scored)]
    answers, refused = batched(folder, tmp_path, given)
    assert refused == {one["ride_id"] for one in given} - {one["ride_id"] for one in sound}
    assert len(refused) > 15
    expected = streamed(folder, sound)
    assert answers == expected
    assert sum(bool(flags) for _, flags in expected.values()) > 5


def test_the_parquet_of_a_month_gives_what_the_stream_gives(folder: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from threeways.batch import parquet, predictions_parquet
    from threeways.systems.taxi.trips.rides import events_of

    frame = demo.frame(1000)
    file = demo.parquet(tmp_path / "rides.parquet", 1000)
    with (
        parquet.opened(str(file), lambda _line: None, LAYOUT) as source,
        predictions_parquet.opened(str(tmp_path / "out"), LAYOUT) as sink,
    ):
        run(EVER, source, sink, lambda: service_of(folder), Console(file=io.StringIO()))
    [part] = (tmp_path / "out").glob("predictions_*.parquet")
    made = pq.read_table(part).to_pylist()
    numbers = ("ride_duration", "ride_duration_low", "ride_duration_high")
    told = {one["ride_id"]: (tuple(bits(one[name]) for name in numbers), one["flags"]) for one in made}
    assert told == streamed(folder, list(events_of(frame)))
