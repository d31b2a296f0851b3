"""Find the categories that a model's encoders were fitted on, by the names of the columns they take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def known(estimator: Any, columns: Sequence[str] | None) -> dict[str, dict[Any, None]]:
    """Return a column's name -> the values that its encoder knows, in order; a missing one counts as known.

    Only columns that reach a OneHotEncoder, an OrdinalEncoder or a TargetEncoder as they are, or through
    steps that keep their places and values, such as an imputer.
    """
    found: dict[str, dict[Any, None]] = {}
    for names, encoder in _encoders(estimator, tuple(columns or ())):
        for name, values in zip(names, encoder.categories_, strict=False):
            found[name] = dict.fromkeys([*values.tolist(), None])
    return found


def _encoders(estimator: Any, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the encoders, each with the names of the columns that it gets."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

    if isinstance(estimator, OneHotEncoder | OrdinalEncoder | TargetEncoder):
        yield names, estimator
    elif isinstance(estimator, ColumnTransformer):
        for _, part, selected in estimator.transformers_:
            yield from _encoders(part, _names(selected, names))
    elif isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            if isinstance(step, SimpleImputer) and not step.add_indicator:
                continue
            yield from _encoders(step, names)
            return
    elif hasattr(estimator, "best_estimator_"):
        yield from _encoders(estimator.best_estimator_, names)


def _names(selected: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(selected, str):
        return (selected,)
    if isinstance(selected, list) and all(isinstance(one, str) for one in selected):
        return tuple(selected)
    try:
        return tuple(names[one] for one in selected)
    except (TypeError, IndexError):
        return ()
