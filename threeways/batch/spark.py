"""Run the same job on Spark: the same chunks and the same model service, inside `mapInArrow`.

spark.apache.org/docs/latest/api/python/reference/pyspark.sql/api/pyspark.sql.DataFrame.mapInArrow.html
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.batch import layout as layouts
from threeways.batch.interval import Interval
from threeways.batch.layout import Layout, Naming
from threeways.scoring import tasks
from threeways.scoring.service import ModelService
from threeways.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def schema(*, text_ids: bool) -> str:
    """Return the schema of predictions and refused rows in one; `code` is null for the predictions."""
    kind = "string" if text_ids else "bigint"
    return (
        f"event_id {kind}, event_time timestamp_ntz, value double, flags string, model_version string, "
        "actual double, code string, message string, payload string, refused_id string"
    )


def scored(
    frame: DataFrame,
    model: Path,
    interval: Interval | None,
    layout: Layout,
    *,
    text_ids: bool,
    settings: Settings | None = None,
) -> DataFrame:
    """Return the frame's events of the interval with their predictions; each batch of rows is one `predict`.

    frame: columns by their keys (see `Layout.wanted`), as `column_of` names them. model: the artifact's
    folder, which every worker can read. text_ids: whether ids are told as texts. settings: how it is served,
    their defaults if None. The rows of a batch are `spark.sql.execution.arrow.maxRecordsPerBatch`.
    """
    serving = msgspec.json.encode(settings or Settings())
    encoded, naming = msgspec.json.encode(interval), msgspec.json.encode(layout.naming)
    keys = [one.key for one in layout.wanted]
    there = {column_of(keys.index(key)): key for key in keys if column_of(keys.index(key)) in frame.columns}
    folder = str(model)

    def batches(parts: Iterator[Any]) -> Iterator[Any]:
        inside = msgspec.json.decode(encoded, type=Interval | None)
        service, ours = loaded(folder, serving, naming)
        for part in parts:
            if len(part):
                table = {there[name]: part.column(name) for name in part.schema.names}
                yield _batch(service, table, ours, inside, text_ids=text_ids)

    return frame.mapInArrow(batches, schema(text_ids=text_ids))


def column_of(position: int) -> str:
    """Return what a wanted column is called in a frame, by its position among them."""
    return f"c{position}"


@cache
def loaded(model: str, settings: bytes, naming: bytes) -> tuple[ModelService[Any], Layout]:
    """Return the model service of a worker's process and its layout, made once. settings, naming: as JSON."""
    from threeways.batch.model import service_of

    serving = msgspec.json.decode(settings, type=Settings)
    ours = layouts.of(tasks.find(serving.task), msgspec.json.decode(naming, type=Naming))
    return service_of(Path(model), serving), ours


def _batch(
    service: ModelService[Any],
    table: dict[str, Any],
    layout: Layout,
    interval: Interval | None,
    *,
    text_ids: bool,
) -> Any:
    import pyarrow as pa

    from threeways.batch.columns import Rows
    from threeways.batch.job import score
    from threeways.batch.tally import Tally
    from threeways.batch.values import Values

    chunk = Rows(Values(table, layout.zone), layout, text_ids=text_ids).chunk(interval)
    scores = score(service, chunk, Tally(layout))
    rows, refused = len(scores.ids), scores.refused
    lacking = [None] * len(refused)
    none = [None] * rows
    ids = pa.string() if text_ids else pa.int64()
    times = [*scores.time.tolist(), *(one.time for one in refused)]
    return pa.record_batch(
        {
            "event_id": pa.array([*scores.ids, *lacking], ids),
            "event_time": pa.array(times, pa.timestamp("us")),
            "value": pa.array([*scores.values.tolist(), *lacking], pa.float64()),
            "flags": pa.array([*scores.flags, *lacking], pa.string()),
            "model_version": pa.array([service.version] * (rows + len(refused)), pa.string()),
            "actual": pa.array([*scores.actual.tolist(), *lacking], pa.float64()),
            "code": pa.array([*none, *(one.code for one in refused)], pa.string()),
            "message": pa.array([*none, *(one.message for one in refused)], pa.string()),
            "payload": pa.array([*none, *(one.payload for one in refused)], pa.string()),
            "refused_id": pa.array([*none, *(one.id for one in refused)], pa.string()),
        }
    )
