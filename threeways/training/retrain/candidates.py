"""Train a challenger: on the newest window alone, or on all events, of which newer ones weigh more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring.task import Task
from threeways.training import measures
from threeways.training.examples import Examples, Fitted, Say, Weights, training_of
from threeways.training.retrain.windows import HELD_OUT, ages, newest, part

FEWEST = 1_000
"""The limit on the examples that a choice between the two is made by; with fewer all events are taken."""


@dataclass(frozen=True)
class Candidate:
    """A way to train. half_life: days after which an example weighs half; None: all weigh the same.

    rmse: on the newest fifth of the newest window, fitted without that; None where it was not tried.
    """

    name: str
    rows: int
    half_life: float | None = None
    rmse: float | None = None


@dataclass(frozen=True)
class Challenger:
    """A fitted model, what it learnt from, the way that was taken, and all that were tried."""

    fitted: Fitted
    examples: Examples[Any]
    taken: Candidate
    tried: tuple[Candidate, ...]


def challenger(
    task: Task[Any], learning: Examples[Any], days: float, half_life: float, say: Say
) -> Challenger:
    """Fit both ways without the newest fifth of the window, and the better one on all of its examples.

    days: of the newest window. half_life: days. Raises DataError for too few examples.
    """
    window = newest(learning, days)
    weighted = getattr(training_of(task), "fit_weighted", None) is not None
    whole = Candidate(
        f"all, halved every {half_life:.3g} days" if weighted else "all, weighing the same",
        len(learning.target),
        half_life if weighted else None,
    )
    alone = Candidate(f"the newest {days:.3g} days", int(window.sum()))
    if window.all():
        tried: tuple[Candidate, ...] = (alone,)
    elif alone.rows < FEWEST:
        say(f"{alone.name} have {alone.rows:,} events, too few to learn from alone: all are taken")
        tried = (whole,)
    else:
        tried = _judged(task, learning, window, (alone, whole), say)
    taken = min(tried, key=lambda one: one.rmse or 0.0)
    examples = part(learning, window) if taken.name == alone.name else learning
    return Challenger(_fitted(task, examples, taken), examples, taken, tried)


def _judged(
    task: Task[Any],
    learning: Examples[Any],
    window: NDArray[np.bool_],
    candidates: tuple[Candidate, Candidate],
    say: Say,
) -> tuple[Candidate, ...]:
    """Measure both on the newest fifth of the window, which neither learns from here."""
    last = np.flatnonzero(window)[-int(window.sum() * HELD_OUT) :]
    later = np.zeros(len(window), np.bool_)
    later[last] = True
    judged = part(learning, later)
    found = []
    for one, mask in zip(candidates, (window & ~later, ~later), strict=True):
        fitted = _fitted(task, part(learning, mask), one)
        rmse = measures.of_model(task, fitted, judged).values["rmse"]
        found.append(Candidate(one.name, one.rows, one.half_life, rmse))
        say(f"tried {one.name}: RMSE {rmse:.3f} on the newest fifth of the window")
    return tuple(found)


def _fitted(task: Task[Any], examples: Examples[Any], candidate: Candidate) -> Fitted:
    how: Any = training_of(task)
    if candidate.half_life is None:
        model = how.fit(task, examples)
    else:
        weights: Weights = 0.5 ** (ages(examples) / candidate.half_life)
        model = how.fit_weighted(task, examples, weights / weights.mean())
    return model if isinstance(model, Fitted) else Fitted(model)
