"""`threeways import`: log a model that is only a pickle to MLflow, with a signature from example rows."""

from __future__ import annotations

import importlib.metadata
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways import artifact
from threeways.artifact.inputs import Rows
from threeways.artifact.mlmodel import METHODS
from threeways.artifact.sklearn.input_kind import input_kind
from threeways.bootstrap import service_of
from threeways.errors import ArtifactError, ArtifactUnsupported, DataError, TrackingError, UsageError
from threeways.scoring import golden
from threeways.scoring.golden import examples as golden_examples
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.training import example_table, flavour, pickled, reference
from threeways.training.export_rows import numbers_of, table_of
from threeways.training.flavour import Onnx
from threeways.training.golden_set import GoldenMaker
from threeways.training.lock import exclusive
from threeways.training.registry import ALIAS, RegisteredModel, register, resolve
from threeways.training.report import step
from threeways.training.tracking import connect, experiment_id, named_faults, quieten, store_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

_SHOWN = 20
"""How many example rows the artifact keeps as its input example."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the person says of the model.

    name: what it is registered under. examples: a file of rows. sha256: the pickle's. event_id: the field
    with the events' id. method: what is called.
    """

    name: str
    examples: Path
    sha256: str | None = None
    event_id: str | None = None
    method: str = "predict"


def import_model(file: Path, chosen: Chosen, console: Console, folder: Path) -> RegisteredModel:
    """Load a pickle, log it with a signature, prove that it is served, and register it last.

    folder: where MLflow's store is. Raises UsageError: ArtifactError, DataError or TrackingError.
    """
    if not re.fullmatch(r"[\w.-]{1,200}", chosen.name):
        raise UsageError(f"--name {chosen.name!r} is no model's name; use letters, digits, - and _")
    if chosen.method not in METHODS:
        raise UsageError(f"--method {chosen.method} is none of {', '.join(METHODS)}; give one of them")
    estimator = pickled.load(file, chosen.sha256)
    if not callable(getattr(estimator, chosen.method, None)):
        raise ArtifactUnsupported(
            f"{file} holds a {type(estimator).__name__} that has no {chosen.method}; give another --method"
        )
    rows = example_table.features_of(example_table.read(chosen.examples), estimator, chosen.event_id)
    with step(console, f"predicting the {len(rows):,} example rows"):
        given = _logged(estimator, rows, _answers(estimator, rows, chosen), chosen)
    with tempfile.TemporaryDirectory() as scratch:
        with step(console, "proving that it is served"):
            made, service = _served_format(Path(scratch), given, chosen)
        given |= made
        with step(console, "writing it as ONNX, comparing that with scikit-learn"):
            compared = _compared(service, rows, chosen)
            onnx = _onnx(service, compared, chosen)
        told = None if compared is None else reference.of_service(service, compared, chosen.examples.name)
    if told is None:
        console.out(reference.LACKING, highlight=False)
    else:
        given["reference"] = told
    if isinstance(onnx, str):
        console.out(flavour.lacking(onnx), highlight=False)
    else:
        given["onnx"] = onnx
        console.out(f"ONNX flavour: {flavour.describe(onnx.gate)}", highlight=False)
    few: Any = rows.head(golden.MOST).to_dict("records")
    given["golden"] = GoldenMaker(service.declared, golden_examples.rows_as_events(service, few))
    store = store_of(folder)
    with (
        exclusive(folder / "train.lock", lambda: console.out("waiting for another training here to end")),
        step(console, f"logging to MLflow and registering, in {store.uri}"),
        named_faults(store),
    ):
        client = connect(store)
        experiment = experiment_id(client, store, chosen.name)
        run_id, model_id = _log(experiment, file, str(chosen.sha256), given)
        version = register(client, chosen.name, model_id, run_id, f"{file.name}, by `threeways import`.")
    found = resolve(f"models:/{chosen.name}/{version}", folder)
    if found is None:
        raise TrackingError(f"{chosen.name} version {version} was registered and is gone; import it again")
    console.out(
        f"registered {found.uri} as {ALIAS}, in the format {given['serialization_format']}; its events have "
        f"{', '.join([chosen.event_id or 'id', *(str(one) for one in rows if one != chosen.event_id)])}",
        highlight=False,
    )
    return found


def _answers(estimator: Any, rows: pd.DataFrame, chosen: Chosen) -> Any:
    """Return what the model answers for the example rows. Raises DataError where it refuses them."""
    kind = input_kind(estimator)
    try:
        taken: Any = rows
        if kind == "dicts":
            taken = rows.to_dict("records")
        elif kind == "texts":
            taken = list(rows.iloc[:, 0])
        elif not hasattr(estimator, "feature_names_in_"):
            taken = rows.to_numpy()
        return getattr(estimator, chosen.method)(taken)
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"--examples {chosen.examples}: the model fails on these rows: {type(error).__name__}: {reason}; "
            "give rows of what it was trained on"
        ) from error


def _logged(estimator: Any, rows: pd.DataFrame, answers: Any, chosen: Chosen) -> dict[str, Any]:
    """Return the arguments of `mlflow.sklearn.save_model` that both formats share. Raises DataError."""
    quieten()
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

    try:
        with _silent():  # of integers that may be missing: the rows say whether they may
            signature = infer_signature(rows, answers)
    except MlflowException as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"--examples {chosen.examples} makes no signature ({reason}); give each column one type"
        ) from error
    versions = [f"{name}=={importlib.metadata.version(name)}" for name in ("numpy", "scikit-learn", "skops")]
    return {
        "sk_model": estimator,
        "signature": signature,
        "input_example": rows.head(_SHOWN),
        "pyfunc_predict_fn": chosen.method,
        "metadata": {"id": chosen.event_id} if chosen.event_id else None,
        "pip_requirements": versions,
    }


def _served_format(
    scratch: Path, given: dict[str, Any], chosen: Chosen
) -> tuple[dict[str, Any], ModelService[Any]]:
    """Return the arguments of the first format in which the model is served, and the service.

    skops comes first, which no one has to pin.

    Raises ArtifactError: the model cannot be served as a pickle either.
    """
    import skops.io

    try:
        content = skops.io.dumps(given["sk_model"])
        trusted = skops.io.get_untrusted_types(data=content)
        made = {"serialization_format": "skops", "skops_trusted_types": trusted}
        service = _proven(scratch / "skops", given | made, chosen)
    except Exception:  # noqa: BLE001  (whatever skops or the allow-list says: a pickle may still be served)
        made = {"serialization_format": "cloudpickle"}
        service = _proven(scratch / "pickle", given | made, chosen)
    return made, service


def _proven(folder: Path, arguments: dict[str, Any], chosen: Chosen) -> ModelService[Any]:
    import mlflow.sklearn

    with _silent():
        mlflow.sklearn.save_model(path=str(folder), **arguments)
    pinned = None if arguments["serialization_format"] == "skops" else artifact.digest(folder)
    try:
        return service_of(folder, Settings(model_sha256=pinned, model_name=chosen.name))
    except ArtifactError as error:
        raise type(error)(str(error).replace(str(folder), "the model")) from error


def _compared(service: ModelService[Any], rows: pd.DataFrame, chosen: Chosen) -> Rows | None:
    """Return the example rows as the model takes them; None where it takes dicts or texts."""
    model: Any = service.model
    if model.input_kind in {"dicts", "texts"}:
        return None
    where = f"--examples {chosen.examples}"
    frame = model.input_kind == "frame"
    return table_of(rows, model.table_types.columns, where) if frame else numbers_of(rows, where)


def _onnx(service: ModelService[Any], rows: Rows | None, chosen: Chosen) -> Onnx | str:
    """Return the model's graph, compared on the example rows, or the reason why there is none."""
    model: Any = service.model
    if rows is None:
        return str(flavour.onnx_of(model.estimator, np.empty((0, 1))))
    return flavour.onnx_of(model.estimator, rows, model.input_types, model.table_types, chosen.method)


def _log(experiment: str, file: Path, sha256: str, given: dict[str, Any]) -> tuple[str, str]:
    import mlflow
    from mlflow.models import Model

    with mlflow.start_run(experiment_id=experiment) as run, _silent():
        mlflow.log_params({"imported_from": file.name, "sha256": sha256})
        info = Model.log(artifact_path=None, name="model", flavor=flavour, **given)  # as log_model calls it
    return run.info.run_id, info.model_id


@contextmanager
def _silent() -> Iterator[None]:
    """Keep MLflow's advice off the console: it tries the example on pyfunc, which gives no model dicts."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
