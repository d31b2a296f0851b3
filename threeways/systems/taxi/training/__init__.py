"""Train models on TLC trip records, or on the synthetic city, for any task on ride events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from threeways.scoring.task import Task
from threeways.systems.taxi.training import baseline, model, plots
from threeways.systems.taxi.training.data import events, labelled, load, sample
from threeways.systems.taxi.training.model import TRUSTED_TYPES, parameters
from threeways.training.examples import Examples, Target, Weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

__all__ = [
    "TRUSTED_TYPES", "events", "figures", "fit", "fit_baseline", "fit_weighted", "labelled", "load",
    "parameters", "sample",
]  # fmt: skip


def fit(task: Task[Any], examples: Examples) -> Pipeline:
    """Fit the boosting. Raises DataError for too few rides."""
    return model.fit(examples.block, examples.target, speeds=_is_time(task))


def fit_weighted(task: Task[Any], examples: Examples, weights: Weights) -> Pipeline:
    """Fit the boosting on rides that do not weigh the same. Raises DataError for too few rides."""
    return model.fit(examples.block, examples.target, speeds=_is_time(task), weights=weights)


def _is_time(task: Task[Any]) -> bool:
    return task.truth is not None and task.truth.since


def fit_baseline(_task: Task[Any], examples: Examples) -> Pipeline:
    """Fit a linear model on the zone pair and the distance."""
    return baseline.fit(examples.block, examples.target)


def figures(task: Task[Any], examples: Examples, predicted: Target, baseline: Target) -> dict[str, Figure]:
    """Draw the predictions against the true values, and the errors by hour and by distance."""
    block, actual = examples.block, examples.target
    most = task.truth.most if task.truth else float(actual.max())
    scale = plots.Scale(task.output.name.replace("_", " "), task.output.unit, most)
    return {
        "predicted_against_actual": plots.predicted_against_actual(predicted, actual, scale),
        "error_by_hour": plots.error_by_hour(block, predicted, baseline, actual, scale),
        "error_by_distance": plots.error_by_distance(block, predicted, baseline, actual, scale),
    }
