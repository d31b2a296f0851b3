"""Run `make batch ENGINE=spark`: parquet files in, a folder of parquet files and its manifest out."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console

from threeways.aws import s3_files as s3
from threeways.batch import command
from threeways.batch import layout as layouts
from threeways.batch.ids import Repeats
from threeways.batch.intervals import layout_of
from threeways.batch.job import CHUNK, chosen, recorded, same_source
from threeways.batch.layout import Layout
from threeways.batch.model import service_of
from threeways.batch.parquet import ParquetSource
from threeways.batch.parquet import opened as opened_events
from threeways.batch.predictions_parquet import ParquetWriter
from threeways.batch.predictions_parquet import opened as opened_predictions
from threeways.batch.record import tell
from threeways.batch.spark import actual_names, column_of, output_names, scored
from threeways.batch.tally import Tally
from threeways.errors import BatchError
from threeways.masking import masked
from threeways.scoring.task import EventId
from threeways.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def run_spark(
    options: command.Options,
    find_model: Callable[[], tuple[Path, Settings]],
    console: Console,
    local: Path,
) -> bool:
    """Run the job on a local Spark, or on the one that `spark-submit` has set up. Whether few rows were bad.

    find_model: returns the artifact's folder, and how it is served. Raises UsageError: no Java, no pyspark, a
    database where parquet files are needed.
    """
    ours = options.layout()
    place = s3.plain(options.predictions or str(local / "predictions-spark"))
    _require_files(options.events, place)
    if ours is None or not ours.is_whole:
        found = find_model()
        ours = layouts.of(service_of(*found, options.naming).declared, options.naming)
        find_model = lambda: found  # noqa: E731
    events = options.events or command.demo_of(ours.task).files(local)
    with (
        opened_events(events, lambda line: console.print(line, markup=False), ours) as source,
        opened_predictions(place, ours) as sink,
        session(console, str(ours.zone)) as spark,
    ):
        before = sink.history()
        same_source(options.asked, source, sink, before)
        if options.asked.lookback not in (None, "0"):
            raise BatchError(
                "ENGINE=spark takes no rows that were entered late; leave LOOKBACK= or ENGINE= out"
            )
        if before and not (options.asked.start or options.asked.end):
            console.print(
                "Rows entered late into an interval that is done are not scored by Spark", soft_wrap=True
            )
        if ours.time is None and before:
            raise BatchError(
                "ENGINE=spark scores all events where they have no time, and does not look for those without "
                "a prediction; name the time's column, TIME=, another PREDICTIONS=, or leave ENGINE= out"
            )
        asked, interval = options.asked, chosen(options.asked, sink, before, console)
        folder, serving = find_model()
        model = folder.absolute()
        service = service_of(model, serving, options.naming)
        ours = layout_of(ours, service.output)
        sink.take(ours)
        console.print(f"Events: {source.name}, {interval or 'all'}, on Spark {spark.version}", soft_wrap=True)
        began = time.monotonic()
        with sink.writing(interval, text_ids=source.text_ids) as writer:
            scratch = Path(place).absolute() / "_spark"
            try:
                spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", asked.chunk)
                # Each file by itself: a union would bring their columns to common types, and may fail at it.
                texts = writer.text_ids
                parts = [
                    scored(one, model, interval, ours, text_ids=texts, settings=serving)
                    for one in frames(spark, source, ours)
                ]
                out = reduce(lambda one, other: one.union(other), parts)
                out.write.mode("overwrite").parquet(str(scratch))
                tally = _collect(scratch, writer, source, ours)
                done = recorded(source, interval, tally, service.version, time.monotonic() - began, before)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            writer.finish(done)
    tell(local / "last-batch.json", done)
    console.print(
        f"read {done.read:,}, scored {done.scored:,}, quarantined {done.quarantined:,}, "
        f"{done.rows_per_s:,.0f} rows a second with Spark's start; model version {done.model_version}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"Predictions and quarantine: {masked(place)}, listed in its manifest.json", soft_wrap=True)
    return done.good(options.tolerate)


def _require_files(events: str | None, place: str) -> None:
    if (events and command.is_database(events)) or command.is_database(place) or place.startswith("s3://"):
        raise BatchError(
            "ENGINE=spark reads parquet files and writes a folder; give EVENTS=events/*.parquet "
            "PREDICTIONS=folder, or leave ENGINE= out"
        )


@contextmanager
def session(console: Console, zone: str) -> Iterator[SparkSession]:
    """Start a Spark session with this Python for its workers; zone: its clock.

    Raises BatchError without Java or pyspark.
    """
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException, PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise BatchError("ENGINE=spark needs pyspark: `make batch ENGINE=spark` installs it") from None
    if shutil.which("java") is None:
        raise BatchError("ENGINE=spark needs Java 17 or later on the PATH (openjdk-17-jre-headless, say)")
    console.print("Starting Spark", highlight=False)
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *(one or str(Path.cwd()) for one in sys.path)]  # a task may be in the user's own package
    settings = {
        "spark.sql.session.timeZone": zone,
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(paths),
        "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
        "spark.sql.warehouse.dir": "/nonexistent",
    }
    try:
        builder = SparkSession.builder.appName("batch predictions")
        for name, value in settings.items():
            builder = builder.config(name, value)
        spark = builder.getOrCreate()
    except (PySparkRuntimeError, OSError) as error:
        raise BatchError(f"Spark does not start: {error}; it needs Java 17 or later") from None
    spark.sparkContext.setLogLevel("ERROR")
    if str(spark.sparkContext.master).startswith("local"):
        spark.sparkContext.pythonExec = sys.executable  # else its workers are whatever `python3` is
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BatchError(f"Spark says: {reason}; check the files of EVENTS=, or leave ENGINE= out") from None
    finally:
        spark.stop()


def frames(spark: SparkSession, source: ParquetSource, layout: Layout) -> Iterator[DataFrame]:
    """Yield each file's events as a frame of the wanted columns, numbered as the source numbers them."""
    from pyspark.sql import functions as fn

    for place, theirs, first in source.files:
        part = spark.read.parquet(place)
        taken = []
        for position, wanted in enumerate(layout.wanted):
            if wanted.key in theirs:
                column = fn.col(f"`{theirs[wanted.key].replace('`', '``')}`")
            elif wanted.key == layout.id.name:
                # Parquet's own row number: it does not depend on how Spark splits the file.
                column = fn.col("_metadata.row_index") + fn.lit(first)
            else:
                continue
            taken.append(column.alias(column_of(position)))
        yield part.select(*taken)


def _collect(scratch: Path, writer: ParquetWriter, source: ParquetSource, layout: Layout) -> Tally:
    """Write the rows that Spark has left in a folder as the run's, and add them up.

    Raises BatchError where events share an id: Spark's rows have no order, so that none is the first.
    """
    tally, repeats, repeated = Tally(layout), Repeats(), set[EventId]()
    times = {"time": layout.time_name} if layout.time else {}
    output, others = output_names(layout), {"flags": "flags", "model_version": "model_version"}
    bounds = {ours: name for ours, name in output.items() if name in layout.bounds}
    made = {ours: name for ours, name in output.items() if ours not in bounds}
    names = {
        "predictions": {"event_id": layout.id.name, **times, **made, **others, **bounds},
        "quarantine": layout.refused_columns,
    }
    for file in sorted(scratch.glob("part-*.parquet")):
        for batch in pq.ParquetFile(file).iter_batches(CHUNK):
            table = pa.table(batch)
            is_scored = pc.is_null(table["code"])
            scored, refused = table.filter(is_scored), table.filter(pc.invert(is_scored))
            for kind, rows in (("predictions", scored), ("quarantine", refused)):
                writer.add(kind, rows.select(list(names[kind])).rename_columns(list(names[kind].values())))
            columns = {name: _array(scored[ours]) for ours, name in output.items()}
            actual = [_array(scored[name]) for name in actual_names(layout)]
            tally.count(columns, np.column_stack(actual).astype(object) if layout.truths else actual[0])
            tally.quarantined += len(refused)
            tally.undated += refused["time"].null_count if layout.time else 0
            if source.owned:
                ids = scored["event_id"].to_pylist()
                repeated |= {ids[row] for row in np.flatnonzero(repeats.among(ids)).tolist()}
    if repeated:
        raise BatchError(
            f"{source.name}: {len(repeated):,} {layout.id.name}s are there more than once; make each unique, "
            "or leave ENGINE=spark out: then the first row of each counts"
        )
    return tally


def _array(column: Any) -> NDArray[Any]:
    """(n,) a column's values: numbers, or texts and booleans as objects."""
    found: NDArray[Any] = column.to_numpy()
    return found
