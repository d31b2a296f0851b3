"""Name the columns that a linear model's transformers make: by the model's own column, and by the word."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from threeways.errors import ArtifactUnsupported

_MARK = re.compile("\ue000(\\d+)\ue001")
"""A column's number within a name that a transformer makes; characters that no name has (private use)."""

type Split = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Label:
    """What a term is about.

    feature: the model's column, a dict's key, or the name that a transformer gives to a mixture of columns.
    word: the text that is one of many of its values. column: the model's column's position. split: where
    `word` is a part of words, what returns the parts of one.
    """

    feature: str
    word: str | None = None
    column: int | None = None
    split: Split | None = None


def labels(part: Any, given: Sequence[Label]) -> list[Label]:
    """Return the label of each column that a fitted transformer makes of labelled ones.

    Raises ArtifactUnsupported for a transformer that names no columns.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.pipeline import FeatureUnion, Pipeline

    if part is None or part == "passthrough":
        return list(given)
    if isinstance(part, Pipeline):
        made = list(given)
        for _, step in part.steps:
            made = labels(step, made)
        return made
    if isinstance(part, ColumnTransformer):
        return _of_column_transformer(part, given)
    if isinstance(part, FeatureUnion):
        return [one for _, inner in part.transformer_list if inner != "drop" for one in labels(inner, given)]
    if isinstance(part, DictVectorizer):
        return [_of_key(name, part.separator) for name in part.feature_names_]
    if hasattr(part, "vocabulary_"):
        words = map(str, part.get_feature_names_out().tolist())
        split = part.build_analyzer() if part.analyzer == "char_wb" else None
        return [Label(given[0].feature if given else "text", word, None, split) for word in words]
    return _of_names(part, given)


def _of_key(name: str, separator: str) -> Label:
    key, found, text = name.partition(separator)
    return Label(key, text if found else None)


def _of_column_transformer(part: Any, given: Sequence[Label]) -> list[Label]:
    names = {one.feature: place for place, one in enumerate(given)}
    made: dict[int, Label] = {}
    for name, inner, columns in part.transformers_:
        taken = part.output_indices_.get(name, slice(0, 0))
        if isinstance(inner, str) and inner == "drop":
            continue
        chosen = [given[place] for place in _places(columns, names, len(given))]
        made |= dict(zip(range(taken.start, taken.stop), labels(inner, chosen), strict=True))
    return [made[place] for place in sorted(made)]


def _places(columns: Any, names: dict[str, int], width: int) -> list[int]:
    """Return the positions of a ColumnTransformer's columns: names, positions, a slice or a mask."""
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if isinstance(start, str) or isinstance(stop, str):  # by names, the last one is among them
            start = names[start] if isinstance(start, str) else start
            stop = names[stop] + 1 if isinstance(stop, str) else stop
        return list(range(width))[slice(start, stop, columns.step)]
    found = [columns] if isinstance(columns, str | int) else list(columns)
    if found and all(isinstance(one, bool) or type(one).__name__ == "bool" for one in found):
        return [place for place, chosen in enumerate(found) if chosen]
    return [names[one] if isinstance(one, str) else range(width)[int(one)] for one in found]


def _of_names(part: Any, given: Sequence[Label]) -> list[Label]:
    """Return labels of the names that a transformer gives, where each column has a mark for a name."""
    plain = copy.copy(part)
    vars(plain).pop("feature_names_in_", None)
    try:
        made = plain.get_feature_names_out([f"\ue000{place}\ue001" for place in range(len(given))])
    except Exception as error:
        raise ArtifactUnsupported(
            f"because: {type(part).__name__} does not tell the names of its columns ({error}), so that the "
            "terms of a prediction have none; give it `get_feature_names_out` (a FunctionTransformer: "
            "feature_names_out='one-to-one'), or leave `because` out"
        ) from error
    return [_of_name(str(name), given) for name in made]


def _of_name(name: str, given: Sequence[Label]) -> Label:
    marks = {int(one) for one in _MARK.findall(name)}
    if len(marks) == 1:
        return given[marks.pop()]
    return Label(_MARK.sub(lambda found: _said(given[int(found[1])]), name))


def _said(label: Label) -> str:
    return label.feature if label.word is None else f"{label.feature}={label.word}"
