"""Information on the served model, from its artifact alone, without a tracking server."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec

from threeways.artifact import Model
from threeways.scoring.service import ModelService

logger = logging.getLogger(__name__)

MOST = 2**17
"""The limit on a field's size in the answer, in characters and values; the largest honest one is a tenth."""


class Signature(msgspec.Struct, frozen=True):
    """The model's columns and output, as recorded by MLflow."""

    inputs: Any = None
    outputs: Any = None


class About(msgspec.Struct, frozen=True):
    """The model that answers. What its artifact does not record, or at too great a length, is null.

    trained: when its artifact was made, ISO 8601, UTC. trained_on: what it was trained on
    and judged by, each with name, size and SHA-256. metrics: its errors on the latter.
    runtime: what serves it, `onnx` or `sklearn`.
    """

    model: str
    task: str
    version: str | None
    model_id: str | None = None
    trained: str | None = None
    trained_on: dict[str, Any] | None = None
    metrics: dict[str, float] | None = None
    features: tuple[str, ...] | None = None
    signature: Signature | None = None
    mlflow_version: str | None = None
    sklearn_version: str | None = None
    runtime: str | None = None


def about(service: ModelService[Any]) -> About:
    """Return the artifact's information; for a model without an artifact, its names only."""
    known: dict[str, Any] = _of_artifact(service.model) if isinstance(service.model, Model) else {}
    too_large = [name for name, value in known.items() if not _fits(value)]
    for name in too_large:
        logger.warning("GET /model leaves out %s: the artifact records over %d characters of it", name, MOST)
    return About(
        model=service.task.model_name,
        task=service.task.name,
        version=service.version,
        features=service.task.columns,
        **{name: value for name, value in known.items() if name not in too_large},
    )


def _fits(value: Any) -> bool:
    """Return whether a value is within MOST; one that contains itself has no end."""
    left, waiting = MOST, [value]
    while waiting and left >= 0:
        one = waiting.pop()
        left -= 1
        if isinstance(one, str | bytes):
            left -= len(one)
        elif isinstance(one, int):
            left -= one.bit_length() // 3
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        elif isinstance(one, Signature):
            waiting += [one.inputs, one.outputs]
    return left >= 0


def _of_artifact(model: Model) -> dict[str, Any]:
    info = model.info
    metadata = info.metadata or {}
    trained = str(info.utc_time_created).replace(" ", "T") if info.utc_time_created else None
    return {
        "model_id": info.model_id or info.model_uuid,
        "trained": trained and f"{trained}Z",
        "trained_on": metadata.get("trained_on"),
        "metrics": metadata.get("metrics"),
        "signature": _signature(model),
        "mlflow_version": info.mlflow_version,
        "sklearn_version": info.flavors.sklearn and info.flavors.sklearn.sklearn_version,
        "runtime": model.runtime,
    }


def _signature(model: Model) -> Signature | None:
    raw = model.info.signature
    if raw is None:
        return None
    return Signature(*(json.loads(side) if side else None for side in (raw.inputs, raw.outputs)))
