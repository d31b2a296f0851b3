"""`make batch ENGINE=spark`: parquet files in, a folder of parquet files and its manifest out."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow.parquet as pq
from rich.console import Console

from threeways.batch import demo, run
from threeways.batch import interval as intervals
from threeways.batch.job import chosen, same_source
from threeways.batch.parquet import ParquetSource
from threeways.batch.parquet import opened as opened_rides
from threeways.batch.predictions_parquet import ParquetWriter
from threeways.batch.predictions_parquet import opened as opened_predictions
from threeways.batch.record import Run, tell, undated_before
from threeways.batch.spark import COLUMNS, loaded, scored
from threeways.errors import BatchError
from threeways.settings import Settings
from threeways.systems.taxi.trips import s3
from threeways.systems.taxi.trips.cleaning import LONGEST_MINUTES, SHORTEST_MINUTES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def run_spark(
    options: run.Options,
    find_folder: Callable[[], Path],
    console: Console,
    local: Path,
    settings: Settings | None = None,
) -> bool:
    """Run the job on a local Spark, or on the one that `spark-submit` has set up. Whether few rows were bad.

    settings: how the model is served, their defaults if None. Raises UsageError: no Java, no pyspark, a
    database where parquet files are needed.
    """
    rides = options.rides or str(demo.parquet(local / "rides" / "rides.parquet"))
    place = s3.plain(options.predictions or str(local / "predictions-spark"))
    if run.is_database(rides) or run.is_database(place) or place.startswith("s3://"):
        raise BatchError(
            "ENGINE=spark reads parquet files and writes a folder; give RIDES=rides/*.parquet "
            "PREDICTIONS=folder, or leave ENGINE= out"
        )
    with (
        opened_rides(rides, lambda line: console.print(line, markup=False)) as source,
        opened_predictions(place) as sink,
        session(console) as spark,
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
        asked, interval = options.asked, chosen(options.asked, sink, before, console)
        model, serving = find_folder().absolute(), settings or Settings()
        console.print(f"Rides: {source.name}, {interval}, on Spark {spark.version}", soft_wrap=True)
        began = time.monotonic()
        with sink.writing(interval, text_ids=source.text_ids) as writer:
            scratch = Path(place).absolute() / "_spark"
            try:
                spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", asked.chunk)
                # Each file by itself: a union would bring their columns to common types, and may fail at it.
                texts = writer.text_ids
                parts = [
                    scored(one, model, interval, text_ids=texts, settings=serving)
                    for one in frames(spark, source)
                ]
                out = reduce(lambda one, other: one.union(other), parts)
                out.write.mode("overwrite").parquet(str(scratch))
                found = spark.read.parquet(str(scratch))
                _refuse_repeats(found, source)
                _adopt(writer, found, scratch)
                version = loaded(str(model), msgspec.json.encode(serving)).version
                done = _summary(found, source.name, interval, version, began, before)
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
    console.print(f"Predictions and quarantine: {place}, listed in its manifest.json", soft_wrap=True)
    return done.good(options.tolerate)


@contextmanager
def session(console: Console) -> Iterator[SparkSession]:
    """A Spark session with this Python for its workers. Raises BatchError without Java or pyspark."""
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException, PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise BatchError("ENGINE=spark needs pyspark: `make batch ENGINE=spark` installs it") from None
    if shutil.which("java") is None:
        raise BatchError("ENGINE=spark needs Java 17 or later on the PATH (openjdk-17-jre-headless, say)")
    console.print("Starting Spark", highlight=False)
    settings = {
        "spark.sql.session.timeZone": "America/New_York",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
        "spark.sql.warehouse.dir": "/nonexistent",
    }
    try:
        builder = SparkSession.builder.appName("ride predictions")
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
        raise BatchError(f"Spark says: {reason}; check the files of RIDES=, or leave ENGINE= out") from None
    finally:
        spark.stop()


def frames(spark: SparkSession, source: ParquetSource) -> Iterator[DataFrame]:
    """The rides of each file as a frame of `COLUMNS`, numbered as the source numbers them."""
    from pyspark.sql import functions as fn

    for place, names, first in source.files():
        part = spark.read.parquet(place)
        if "ride_id" not in names:
            # Parquet's own row number: it does not depend on how Spark splits the file.
            part = part.withColumn("ride_id", fn.col("_metadata.row_index") + fn.lit(first))
        lacking = fn.lit(None).cast("timestamp_ntz")
        taken = [
            (fn.col(names[name]) if name in names else fn.col(name) if name == "ride_id" else lacking).alias(
                name
            )
            for name in COLUMNS
        ]
        yield part.select(*taken)


def _refuse_repeats(found: DataFrame, source: ParquetSource) -> None:
    """Raises BatchError where rides share an id: Spark's rows have no order, so that none is the first."""
    if not source.owned:
        return
    repeats = found.where("code IS NULL").groupBy("ride_id").count().where("count > 1").count()
    if repeats:
        raise BatchError(
            f"{source.name}: {repeats:,} ride_ids are there more than once; make each unique, or leave "
            "ENGINE=spark out: then the first row of each counts"
        )


def _adopt(writer: ParquetWriter, found: DataFrame, scratch: Path) -> None:
    """Spark's files become the run's: the predictions' and the refused rows' apart, under the run's names."""
    predictions = ["ride_id", "pickup_datetime", "ride_duration", "flags", "model_version"]
    refused = ["refused_id AS ride_id", "pickup_datetime", "payload", "code", "message"]
    for kind, condition, columns in (
        ("predictions", "code IS NULL", predictions),
        ("quarantine", "code IS NOT NULL", refused),
    ):
        folder = scratch.with_name(f"_spark_{kind}")
        try:
            found.where(condition).selectExpr(*columns).write.mode("overwrite").parquet(str(folder))
            for file in sorted(folder.glob("part-*.parquet")):
                rows = pq.read_metadata(file).num_rows
                if rows:
                    writer.adopt(kind, file, rows)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _summary(
    found: DataFrame,
    source: str,
    interval: intervals.Interval,
    version: str | None,
    began: float,
    before: list[Run],
) -> Run:
    kept = f"actual_minutes BETWEEN {SHORTEST_MINUTES} AND {LONGEST_MINUTES}"
    off = "(ride_duration - actual_minutes)"
    row: Any = found.selectExpr(
        "count(*) AS read",
        "count(ride_duration) AS scored",
        "count_if(code IS NOT NULL AND pickup_datetime IS NULL) AS undated",
        "avg(ride_duration) AS mean",
        f"count_if({kept}) AS judged",
        f"avg(abs{off}) FILTER (WHERE {kept}) AS mae",
        f"sqrt(avg({off} * {off}) FILTER (WHERE {kept})) AS rmse",
    ).first()
    return Run(
        source=source,
        interval=interval,
        finished_at=intervals.now(),
        seconds=round(time.monotonic() - began, 3),
        read=row["read"],
        scored=row["scored"],
        quarantined=row["read"] - row["scored"],
        undated=row["undated"],
        **undated_before(before),
        model_version=version,
        mean_minutes=row["mean"],
        judged=row["judged"],
        mae=row["mae"],
        rmse=row["rmse"],
    )
