"""One training as MLflow keeps it: parameters, data, metrics, plots, and the model itself."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from threeways.artifact import interval
from threeways.artifact.inputs import Table
from threeways.artifact.signature import Column
from threeways.artifact.tables import TableTypes
from threeways.scoring.task import Task
from threeways.training import flavour, golden_set, measures, reference
from threeways.training.examples import Examples, Fitted, Measured, training_of
from threeways.training.flavour import Onnx
from threeways.training.intervals import FittedIntervals
from threeways.training.times import until

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model of a task, the two sets, and how good it and its baseline are on both.

    measured: 'validation', 'train', 'baseline_validation', 'baseline_train'. more: further measures, as of
    cross-validation. onnx: the model as a graph, if it could be written and is exact. intervals: of its
    predictions, where they are numbers.
    """

    task: Task[Any]
    fitted: Fitted
    training: Examples[Any]
    validation: Examples[Any]
    measured: Mapping[str, Measured]
    more: Mapping[str, float]
    onnx: Onnx | None = None
    intervals: FittedIntervals | None = None


def evaluated(
    task: Task[Any],
    fitted: Pipeline | Fitted,
    baseline: Pipeline | Fitted,
    training: Examples[Any],
    validation: Examples[Any],
) -> Trained:
    """Measure both models on both sets."""
    how = training_of(task)
    measure = getattr(how, "measured", measures.of_model)
    model, simple = (one if isinstance(one, Fitted) else Fitted(one) for one in (fitted, baseline))
    found = {
        "validation": measure(task, model, validation),
        "train": measure(task, model, training),
        "baseline_validation": measure(task, simple, validation),
        "baseline_train": measure(task, simple, training),
    }
    validate = getattr(how, "cross_validated", None)
    more = validate(task, training, validation) if validate else {}
    return Trained(task, model, training, validation, found, more)


def record(trained: Trained, experiment: str) -> tuple[str, str]:
    """Log a training as a run of the experiment with this id; return the run's id and the logged model's."""
    import mlflow
    from mlflow.models import Model

    task, how = trained.task, training_of(trained.task)
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_params(_parameters(trained))
        for context, examples in (("training", trained.training), ("validation", trained.validation)):
            _log_data(context, examples)
        info = Model.log(  # as mlflow.sklearn.log_model calls it
            artifact_path=None,
            name="model",
            flavor=flavour,
            onnx=trained.onnx,
            reference=_reference(trained),
            golden=golden_set.of_training(task, trained.validation),
            sk_model=trained.fitted.model,
            serialization_format="skops",
            skops_trusted_types=list(how.TRUSTED_TYPES),
            pyfunc_predict_fn=method_of(task),
            signature=_signature(trained),
            input_example=trained.validation.rows[:5],
            # Named here, for MLflow would find them out by loading the model in a process of its own.
            pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in _REQUIREMENTS],
            metadata={"task": task.name, "features": list(task.columns), **_told(trained)},
        )
        metrics = {
            f"{which}_{kind}": value
            for which, found in trained.measured.items()
            for kind, value in found.values.items()
        } | dict(trained.more)
        mlflow.log_metrics(metrics, model_id=info.model_id)
        _log_plots(trained)
    return run.info.run_id, info.model_id


def _reference(trained: Trained) -> bytes | None:
    measured = trained.measured["train"], trained.measured["validation"]
    sets = trained.training, trained.validation
    return reference.of_training(trained.task, trained.fitted.model, method_of(trained.task), sets, measured)


def _told(trained: Trained) -> dict[str, object]:
    """Return what the artifact tells of its training to whoever serves it and has no tracking server."""
    found = trained.measured["validation"].values
    chosen = {"chosen": dict(trained.fitted.chosen)} if trained.fitted.chosen else {}
    return {
        "trained_on": {
            which: {
                "name": _files(examples),
                "rows": len(examples.target),
                "sha256": digest_of(examples),
                **({"until": last} if (last := until(examples)) else {}),
            }
            for which, examples in (("training", trained.training), ("validation", trained.validation))
        },
        "metrics": {f"validation_{kind}": float(value) for kind, value in found.items()},
        **chosen,
        **(interval.in_metadata(trained.intervals.table) if trained.intervals else {}),
    }


def _files(examples: Examples[Any]) -> str:
    """Name the sources, without the folders of this machine."""
    return ", ".join(source.name.rstrip("/").rpartition("/")[2] for source in examples.sources)


_REQUIREMENTS = ("numpy", "scikit-learn", "skops")


def _parameters(trained: Trained) -> dict[str, object]:
    found = dict(training_of(trained.task).parameters()) | dict(trained.fitted.chosen)
    for which, examples in (("train", trained.training), ("validation", trained.validation)):
        found |= {f"{which}_data": examples.name, f"{which}_sha256": digest_of(examples)}
        found[f"{which}_rows"] = len(examples.target)
    return found


def digest_of(examples: Examples[Any]) -> str:
    """Return the one file's SHA-256, or the SHA-256 of several files' digests, one a line."""
    digests = [source.sha256 for source in examples.sources]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _log_data(context: str, examples: Examples[Any]) -> None:
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


def method_of(task: Task[Any]) -> str:
    """Return what of a task's models is called."""
    return str(getattr(training_of(task), "METHOD", "predict"))


def table_types_of(trained: Trained) -> TableTypes | None:
    """Return the types of the columns of a model that takes a table; None of one that takes a block."""
    if not isinstance(trained.validation.block, Table):
        return None
    declared = _signature(trained).inputs.inputs
    return TableTypes(tuple(Column(one.type.name, one.name, one.required) for one in declared), "frame")


def _signature(trained: Trained) -> ModelSignature:
    from mlflow.models import infer_signature

    some = trained.validation.rows[:5]
    return infer_signature(some, getattr(trained.fitted.model, method_of(trained.task))(some))


def _log_plots(trained: Trained) -> None:
    import mlflow

    training = training_of(trained.task)
    predicted, baseline = (trained.measured[name].predicted for name in ("validation", "baseline_validation"))
    figures = training.figures(trained.task, trained.validation, predicted, baseline)
    for name, figure in figures.items():
        mlflow.log_figure(figure, f"plots/{name}.png")
