"""The same job on Spark: the same chunks and the same model service, inside `mapInArrow`.

spark.apache.org/docs/latest/api/python/reference/pyspark.sql/api/pyspark.sql.DataFrame.mapInArrow.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.batch.chunk import FIELDS
from threeways.batch.interval import Interval
from threeways.scoring.service import ModelService
from threeways.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COLUMNS = ("ride_id", *FIELDS, "dropoff_datetime")
SCHEMA = (
    "ride_id {id}, pickup_datetime timestamp_ntz, ride_duration double, flags string, model_version string, "
    "actual_minutes double, code string, message string, payload string, refused_id string"
)
"""Predictions and refused rows in one; `code` is null for the predictions."""


def scored(
    frame: DataFrame, model: Path, interval: Interval, *, text_ids: bool, settings: Settings | None = None
) -> DataFrame:
    """The frame's rides of the interval with their predictions; each batch of rows is one `predict`.

    frame: the columns of `COLUMNS`. model: the artifact's folder, which every worker can read. text_ids:
    whether ids are told as texts. settings: how it is served, their defaults if None. The rows of a batch are
    `spark.sql.execution.arrow.maxRecordsPerBatch`.
    """
    schema = SCHEMA.format(id="string" if text_ids else "bigint")
    return frame.mapInArrow(_mapping(str(model), settings, interval, text_ids=text_ids), schema)


def _mapping(
    model: str, settings: Settings | None, interval: Interval, *, text_ids: bool
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    serving = msgspec.json.encode(settings or Settings())
    encoded = msgspec.json.encode(interval)

    def batches(parts: Iterator[Any]) -> Iterator[Any]:
        inside = msgspec.json.decode(encoded, type=Interval)
        service = loaded(model, serving)
        for part in parts:
            if len(part):
                yield _batch(service, part, inside, text_ids=text_ids)

    return batches


@cache
def loaded(model: str, settings: bytes) -> ModelService[Any]:
    """The model service of a worker's process, loaded once. settings: as JSON."""
    from threeways.batch.model import service_of

    return service_of(Path(model), msgspec.json.decode(settings, type=Settings))


def _batch(service: ModelService[Any], part: Any, interval: Interval, *, text_ids: bool) -> Any:
    import pyarrow as pa

    from threeways.batch.arrow import columns
    from threeways.batch.job import score
    from threeways.batch.tally import Tally

    chunk = columns(pa.Table.from_batches([part]), text_ids=text_ids).chunk(interval)
    scores = score(service, chunk, Tally())
    rows, refused = len(scores.ids), scores.refused
    minutes = dict(zip(chunk.ids, chunk.minutes.tolist(), strict=True))
    lacking = [None] * len(refused)
    none = [None] * rows
    ids = pa.string() if text_ids else pa.int64()
    pickups = [*scores.pickup.tolist(), *(one.pickup_datetime for one in refused)]
    return pa.record_batch(
        {
            "ride_id": pa.array([*scores.ids, *lacking], ids),
            "pickup_datetime": pa.array(pickups, pa.timestamp("us")),
            "ride_duration": pa.array([*scores.minutes.tolist(), *lacking], pa.float64()),
            "flags": pa.array([*scores.flags, *lacking], pa.string()),
            "model_version": pa.array([service.version] * (rows + len(refused)), pa.string()),
            "actual_minutes": pa.array([*(minutes[one] for one in scores.ids), *lacking], pa.float64()),
            "code": pa.array([*none, *(one.code for one in refused)], pa.string()),
            "message": pa.array([*none, *(one.message for one in refused)], pa.string()),
            "payload": pa.array([*none, *(one.payload for one in refused)], pa.string()),
            "refused_id": pa.array([*none, *(one.ride_id for one in refused)], pa.string()),
        }
    )
