"""One training as MLflow keeps it: parameters, data, metrics, plots, and the model itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.scoring.task import Task
from threeways.training import flavour
from threeways.training.examples import Examples, Target, training_of
from threeways.training.flavour import Onnx

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one model on one set, in the output's unit: root mean square, mean, median absolute."""

    rmse: float
    mae: float
    median: float


def errors(predicted: Target, actual: Target) -> Errors:
    """Return the errors of (n,) predictions, n at least 1."""
    off = predicted - actual
    return Errors(
        rmse=float(np.sqrt(np.mean(off**2))),
        mae=float(np.mean(np.abs(off))),
        median=float(np.median(np.abs(off))),
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model of a task and its baseline, the two sets, and the errors of both on both.

    errors: 'validation', 'train', 'baseline_validation', 'baseline_train'. predicted, baseline_predicted:
    (n,) on the validation set. onnx: the model as a graph, if it could be written and is exact.
    """

    task: Task[Any]
    model: Pipeline
    training: Examples
    validation: Examples
    errors: dict[str, Errors]
    predicted: Target
    baseline_predicted: Target
    onnx: Onnx | None = None


def evaluated(
    task: Task[Any], fitted: Pipeline, baseline: Pipeline, training: Examples, validation: Examples
) -> Trained:
    """Measure both models' errors on both sets."""
    predicted, baseline_predicted = fitted.predict(validation.block), baseline.predict(validation.block)
    found = {
        "validation": errors(predicted, validation.target),
        "train": errors(fitted.predict(training.block), training.target),
        "baseline_validation": errors(baseline_predicted, validation.target),
        "baseline_train": errors(baseline.predict(training.block), training.target),
    }
    return Trained(task, fitted, training, validation, found, predicted, baseline_predicted)


def record(trained: Trained, experiment: str) -> tuple[str, str]:
    """Log a training as a run of the experiment with this id; return the run's id and the logged model's."""
    import mlflow
    from mlflow.models import Model

    task = trained.task
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_params(_parameters(trained))
        for context, examples in (("training", trained.training), ("validation", trained.validation)):
            _log_data(context, examples)
        info = Model.log(  # as mlflow.sklearn.log_model calls it
            artifact_path=None,
            name="model",
            flavor=flavour,
            onnx=trained.onnx,
            sk_model=trained.model,
            serialization_format="skops",
            skops_trusted_types=list(training_of(task).TRUSTED_TYPES),
            signature=_signature(len(task.columns)),
            input_example=trained.validation.block[:5],
            # Named here, for MLflow would find them out by loading the model in a process of its own.
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS],
            metadata={"task": task.name, "features": list(task.columns), **_told(trained)},
        )
        metrics = {
            f"{which}_{kind}": value
            for which, found in trained.errors.items()
            for kind, value in asdict(found).items()
        }
        mlflow.log_metrics(metrics, model_id=info.model_id)
        _log_plots(trained)
    return run.info.run_id, info.model_id


def _told(trained: Trained) -> dict[str, object]:
    """Return what the artifact tells of its training to whoever serves it and has no tracking server."""
    found = trained.errors["validation"]
    return {
        "trained_on": {
            which: {"name": _files(examples), "rows": len(examples.target), "sha256": _digest(examples)}
            for which, examples in (("training", trained.training), ("validation", trained.validation))
        },
        "metrics": {f"validation_{kind}": float(value) for kind, value in asdict(found).items()},
    }


def _files(examples: Examples) -> str:
    """Name the sources, without the folders of this machine."""
    return ", ".join(source.name.rstrip("/").rpartition("/")[2] for source in examples.sources)


_REQUIREMENTS = ("numpy", "scikit-learn", "skops")


def _parameters(trained: Trained) -> dict[str, object]:
    found = dict(training_of(trained.task).parameters())
    for which, examples in (("train", trained.training), ("validation", trained.validation)):
        found |= {f"{which}_data": examples.name, f"{which}_sha256": _digest(examples)}
        found[f"{which}_rows"] = len(examples.target)
    return found


def _digest(examples: Examples) -> str:
    """Return the one file's SHA-256, or the SHA-256 of several files' digests, one a line."""
    digests = [source.sha256 for source in examples.sources]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _log_data(context: str, examples: Examples) -> None:
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    for source in examples.sources:
        origin = CodeDatasetSource({"name": source.name, "rows": str(source.rows), "sha256": source.sha256})
        name = source.name.rstrip("/").rpartition("/")[2]
        # MLflow's digests have 36 characters at most; the whole one is in the source and in data/.
        dataset = MetaDataset(origin, name, source.sha256[:36])  # type: ignore[abstract]  # MLflow's own oversight
        mlflow.log_input(dataset, context)
    about = {
        "sources": [asdict(source) for source in examples.sources],
        "rows": examples.raw,
        "dropped": dict(examples.dropped),
        "used": len(examples.target),
    }
    mlflow.log_dict(about, f"data/{context}.json")


def _signature(width: int) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    number = np.dtype(np.float64)
    block = TensorSpec(number, (-1, width))
    return ModelSignature(Schema([block]), Schema([TensorSpec(number, (-1,))]))


def _log_plots(trained: Trained) -> None:
    import mlflow

    training = training_of(trained.task)
    figures = training.figures(
        trained.task, trained.validation, trained.predicted, trained.baseline_predicted
    )
    for name, figure in figures.items():
        mlflow.log_figure(figure, f"plots/{name}.png")
