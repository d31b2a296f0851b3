"""Run the same job on Spark: the same chunks and the same model service, inside `mapInArrow`.

spark.apache.org/docs/latest/api/python/reference/pyspark.sql/api/pyspark.sql.DataFrame.mapInArrow.html
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threeways.batch import layout as layouts
from threeways.batch.chunk import Refused
from threeways.batch.interval import Interval
from threeways.batch.layout import Layout, Naming
from threeways.scoring.service import ModelService
from threeways.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


_TYPES = {float: "double", int: "bigint", str: "string", bool: "boolean"}
"""Spark's types of an output's columns."""


def output_names(layout: Layout) -> dict[str, str]:
    """Return what the output's columns are called in a frame, by position, and their own names."""
    return {f"value_{place}": name for place, name in enumerate(layout.written)}


def actual_names(layout: Layout) -> dict[str, bool]:
    """Return what the columns of the truth are called in a frame, and whether each has labels."""
    if not layout.truths:
        return {"actual_0": layout.has_labels}
    kinds = layout.task.output.columns
    return {f"actual_{place}": kinds[name] in (str, bool) for place, name in enumerate(layout.truths)}


def schema(layout: Layout, *, text_ids: bool) -> dict[str, str]:
    """Return the columns of predictions and refused rows in one; `code` is null for the predictions."""
    texts = dict.fromkeys(("flags", "model_version", "id", "payload", "code", "message"), "string")
    output = layout.written
    values = {ours: _TYPES[output[name]] for ours, name in output_names(layout).items()}
    actual = {name: "string" if labels else "double" for name, labels in actual_names(layout).items()}
    kind = "string" if text_ids else "bigint"
    return {"event_id": kind, "time": "timestamp_ntz", **values, **actual, **texts}


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
    serving, naming = settings or Settings(), layout.naming
    keys = {column_of(position): one.key for position, one in enumerate(layout.wanted)}

    def batches(parts: Iterator[Any]) -> Iterator[Any]:
        service, ours = loaded(model, serving, naming)
        for part in parts:
            if len(part):
                table = {keys[name]: part.column(name) for name in part.schema.names}
                yield from _batches(service, table, ours, interval, text_ids=text_ids)

    columns = ", ".join(map(" ".join, schema(layout, text_ids=text_ids).items()))
    return frame.mapInArrow(batches, columns)


def column_of(position: int) -> str:
    """Return what a wanted column is called in a frame, by its position among them."""
    return f"c{position}"


@cache
def loaded(model: Path, settings: Settings, naming: Naming) -> tuple[ModelService[Any], Layout]:
    """Return the model service of a worker's process and its layout, made once."""
    from threeways.batch.model import service_of

    service = service_of(model, settings, naming)
    return service, layouts.of(service.declared, naming)


def _batches(
    service: ModelService[Any],
    table: dict[str, Any],
    layout: Layout,
    interval: Interval | None,
    *,
    text_ids: bool,
) -> list[Any]:
    import numpy as np
    import pyarrow as pa

    from threeways.batch.columns import Rows
    from threeways.batch.job import score
    from threeways.batch.predictions_files import ARROW, refused_table
    from threeways.batch.tally import Tally
    from threeways.batch.values import Values

    output = layout.written
    chunk = Rows(Values(table, layout.zone), layout, text_ids=text_ids).chunk(interval)
    scores = score(service, chunk, Tally(layout))
    predictions = {
        "event_id": pa.array(scores.ids, pa.string() if text_ids else pa.int64()),
        "time": pa.array(scores.time, pa.timestamp("us")),
        **{
            ours: pa.array(scores.columns[name], ARROW[output[name]])
            for ours, name in output_names(layout).items()
        },
        **{
            name: pa.array(
                actual.astype(object if labels else np.float64), pa.string() if labels else pa.float64()
            )
            for (name, labels), actual in zip(
                actual_names(layout).items(), np.atleast_2d(scores.actual.T), strict=True
            )
        },
        "flags": pa.array(scores.flags, pa.string()),
    }
    refused = refused_table(scores.refused, {name: name for name in Refused.__struct_fields__})
    both = pa.concat_tables([pa.table(predictions), refused], promote_options="default")
    both = both.append_column("model_version", pa.array([service.version] * len(both), pa.string()))
    return both.select(list(schema(layout, text_ids=text_ids))).combine_chunks().to_batches()  # type: ignore[no-any-return]
