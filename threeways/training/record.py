"""One training as MLflow keeps it: parameters, data, metrics, plots, and the model itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import COLUMNS
from threeways.training import flavour, model, plots
from threeways.training.data import Rides
from threeways.training.evaluation import Errors, errors
from threeways.training.flavour import Onnx
from threeways.training.model import Minutes

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model and its baseline, the two sets, and the errors of both on both.

    errors: 'validation', 'train', 'baseline_validation', 'baseline_train'. predicted, baseline_predicted:
    (n,) minutes on the validation set. onnx: the model as a graph, if it could be written and is exact.
    """

    model: Pipeline
    training: Rides
    validation: Rides
    errors: dict[str, Errors]
    predicted: Minutes
    baseline_predicted: Minutes
    onnx: Onnx | None = None


def judged(fitted: Pipeline, baseline: Pipeline, training: Rides, validation: Rides) -> Trained:
    """Both models' errors on both sets."""
    predicted, baseline_predicted = fitted.predict(validation.block), baseline.predict(validation.block)
    found = {
        "validation": errors(predicted, validation.minutes),
        "train": errors(fitted.predict(training.block), training.minutes),
        "baseline_validation": errors(baseline_predicted, validation.minutes),
        "baseline_train": errors(baseline.predict(training.block), training.minutes),
    }
    return Trained(fitted, training, validation, found, predicted, baseline_predicted)


def record(trained: Trained, experiment: str) -> tuple[str, str]:
    """Log a training as a run of the experiment with this id. The run's id and the logged model's."""
    import mlflow
    from mlflow.models import Model

    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_params(_parameters(trained))
        for context, rides in (("training", trained.training), ("validation", trained.validation)):
            _log_data(context, rides)
        info = Model.log(  # as mlflow.sklearn.log_model calls it
            artifact_path=None,
            name="model",
            flavor=flavour,
            onnx=trained.onnx,
            sk_model=trained.model,
            serialization_format="skops",
            skops_trusted_types=model.TRUSTED_TYPES,
            signature=_signature(),
            input_example=trained.validation.block[:5],
            # Named here, for MLflow would find them out by loading the model in a process of its own.
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS],
            metadata={"task": task.name, "features": list(COLUMNS), **_told(trained)},
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
    """What the artifact itself tells of its training, for whoever serves it and has no tracking server."""
    found = trained.errors["validation"]
    return {
        "trained_on": {
            which: {"name": _files(rides), "rides": len(rides.minutes), "sha256": _digest(rides)}
            for which, rides in (("training", trained.training), ("validation", trained.validation))
        },
        "metrics": {f"validation_{kind}": float(value) for kind, value in asdict(found).items()},
    }


def _files(rides: Rides) -> str:
    """Where it came from, without the folders of this machine."""
    return ", ".join(source.name.rstrip("/").rpartition("/")[2] for source in rides.sources)


_REQUIREMENTS = ("numpy", "scikit-learn", "skops")


def _parameters(trained: Trained) -> dict[str, object]:
    return {
        "seed": model.SEED,
        "encoding_folds": model.FOLDS,
        **model.BOOSTING,
        "train_data": trained.training.name,
        "train_sha256": _digest(trained.training),
        "train_rides": len(trained.training.minutes),
        "validation_data": trained.validation.name,
        "validation_sha256": _digest(trained.validation),
        "validation_rides": len(trained.validation.minutes),
    }


def _digest(rides: Rides) -> str:
    """The one file's SHA-256, or the SHA-256 of several files' digests, one a line."""
    digests = [source.sha256 for source in rides.sources]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _log_data(context: str, rides: Rides) -> None:
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    for source in rides.sources:
        origin = CodeDatasetSource({"name": source.name, "rows": str(source.rows), "sha256": source.sha256})
        name = source.name.rstrip("/").rpartition("/")[2]
        # MLflow's digests have 36 characters at most; the whole one is in the source and in data/.
        dataset = MetaDataset(origin, name, source.sha256[:36])  # type: ignore[abstract]  # MLflow's own oversight
        mlflow.log_input(dataset, context)
    about = {
        "sources": [asdict(source) for source in rides.sources],
        "rows": rides.raw,
        "dropped": rides.dropped,
        "used": len(rides.minutes),
    }
    mlflow.log_dict(about, f"data/{context}.json")


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    number = np.dtype(np.float64)
    block = TensorSpec(number, (-1, len(COLUMNS)))
    return ModelSignature(Schema([block]), Schema([TensorSpec(number, (-1,))]))


def _log_plots(trained: Trained) -> None:
    import mlflow

    block, actual = trained.validation.block, trained.validation.minutes
    guesses = (trained.predicted, trained.baseline_predicted)
    mlflow.log_figure(
        plots.predicted_against_actual(guesses[0], actual), "plots/predicted_against_actual.png"
    )
    mlflow.log_figure(plots.error_by_hour(block, *guesses, actual), "plots/error_by_hour.png")
    mlflow.log_figure(plots.error_by_distance(block, *guesses, actual), "plots/error_by_distance.png")
