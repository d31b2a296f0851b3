"""Say how good predictions are, in one line."""

from __future__ import annotations

from collections.abc import Mapping

from threeways.batch.record import Run

_NAMES = {"log_loss": "log loss", "auc": "AUC"}


def name_of(measure: str) -> str:
    """Return what people call a measure."""
    return _NAMES.get(measure, measure)


def error(errors: Mapping[str, float], unit: str) -> str:
    """Return the measures and their values. unit: of a number's error."""
    told = ", ".join(f"{name_of(name)} {value:.3f}" for name, value in errors.items())
    return f"{told} {unit}".rstrip()


def coverage(run: Run, unit: str) -> str:
    """Return how many intervals hold what was true, and how wide they are; nothing where there are none."""
    if not isinstance(run.coverage, float) or not isinstance(run.mean_width, float):
        return ""
    return f"{run.coverage:.1%}, {run.mean_width:.2f} {unit}".rstrip() + " wide"
