"""Say how good predictions are, in one line."""

from __future__ import annotations

from collections.abc import Mapping

from threeways.batch.record import Run
from threeways.batch.tally import Tally
from threeways.scoring.events import unusable

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


def unjudged(tally: Tally) -> str:
    """Return why no event was judged although ACTUAL= names the truth; nothing where one was."""
    layout = tally.layout
    if layout.naming.actual is None or tally.judged or not tally.scored:
        return ""
    why = unusable(layout.truth, tally.scored, tally.beyond, layout.task.output.unit)
    return f"ACTUAL={layout.naming.actual}: nothing is judged: {why}; name the column with what really was so"
