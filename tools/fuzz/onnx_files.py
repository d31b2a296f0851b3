"""Attack the loading of ONNX files: an honest graph with fields changed, repeated, moved or left out."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from threeways.artifact.inputs import Table
from threeways.artifact.mlmodel import METHODS
from threeways.artifact.onnx import loader
from threeways.artifact.onnx.session import OnnxModel
from threeways.artifact.signature import Column
from threeways.errors import ArtifactError
from threeways.protobuf import fields
from threeways.training.export import exported

type Fields = list[tuple[int, int | bytes]]

ROWS = np.random.default_rng(0).integers(0, 9, (200, 3)).astype(float)
ROWS.flags.writeable = False
LARGEST = 2**26
"""About how many bytes a graph has that is tried: the loader refuses larger ones."""
_NUMBERS = (0, 1, 2, 3, 7, 11, 127, 128, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_TEXTS = np.array([None, "", "a", "b", "c", "unseen", "\x00missing", "x" * 300], dtype=object)
TABLE = Table(
    {"text": _TEXTS[np.arange(200) % 8], "number": ROWS[:, 0], "whole": ROWS[:, 1].astype(np.int64)}
)
_COLUMNS = (Column("string", "text", False), Column("double", "number", False), Column("long", "whole"))
_MESSAGES = frozenset({1, 2, 5, 7, 11, 12})
"""Fields that may hold a message, whichever message they are of."""


@cache
def honest() -> tuple[bytes, ...]:
    """Return graphs of a boosting alone, and behind encoders and scalers; and of columns by name."""
    target = ROWS @ [1.0, 2.0, 3.0]
    trees = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5)
    encoded = ColumnTransformer(
        [("encoded", TargetEncoder(target_type="continuous"), [0, 1]), ("scaled", StandardScaler(), [2])]
    )
    blocks = [exported(one.fit(ROWS, target)) for one in (trees, make_pipeline(encoded, trees))]
    return (*blocks, *_of_columns())


def _of_columns() -> list[bytes]:
    """Return graphs of classifiers behind imputers and encoders of texts and numbers."""
    texts = [None if one is None else str(one)[:5] for one in TABLE.columns["text"]]
    rows = pd.DataFrame({**TABLE.columns, "text": pd.array(texts, dtype="str")})
    classes = np.where(ROWS[:, 0] > 5, "high", np.where(ROWS[:, 1] > 4, "mid", "low"))
    instead = SimpleImputer(strategy="constant", fill_value="none")
    linear = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["number", "whole"]),
            (make_pipeline(instead, OneHotEncoder(handle_unknown="ignore")), ["text"]),
        ),
        LogisticRegression(),
    )
    forest = make_pipeline(
        make_column_transformer((OrdinalEncoder(), ["text", "whole"]), ("passthrough", ["number"])),
        RandomForestClassifier(3, max_depth=3, random_state=0),
    )
    return [
        exported(linear.fit(rows, classes), _COLUMNS, "predict_proba"),
        exported(linear.fit(rows, classes == "high"), _COLUMNS, "decision_function"),
        exported(forest.fit(rows, classes), _COLUMNS),
    ]


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def _encoded(parts: Fields) -> bytes:
    made = bytearray()
    for number, value in parts:
        if isinstance(value, int):
            made += _varint(number << 3) + _varint(value)
        else:
            made += _varint(number << 3 | 2) + _varint(len(value)) + value
    return bytes(made)


def changed(rng: random.Random, message: bytes, depth: int = 0) -> bytes:
    """Return a message with one change in it or in a message within it."""
    try:
        parts: Fields = list(fields(message))
    except ValueError:
        parts = []
    if not parts:
        at = rng.randrange(len(message) + 1)
        return message[:at] + rng.randbytes(rng.choice((1, 1, 8))) + message[at + 1 :]
    place = rng.randrange(len(parts))
    number, value = parts[place]
    if isinstance(value, bytes) and number in _MESSAGES and depth < 6 and rng.random() < 0.8:
        parts[place] = number, changed(rng, value, depth + 1)
        return _encoded(parts)
    match rng.randrange(6):
        case 0:
            del parts[place]
        case 1:
            often = min(rng.choice((1, 2, 5_000)), LARGEST // len(message))
            parts[place:place] = [parts[place]] * often
        case 2:
            parts[place] = number, rng.choice(_NUMBERS)
        case 3:
            parts[place] = rng.choice((*range(1, 30), 2**20)), value
        case 4:
            other = rng.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        case 5 if isinstance(value, bytes) and value:
            at = rng.randrange(len(value))
            parts[place] = number, value[:at] + rng.randbytes(rng.choice((0, 1, 8))) + value[at + 1 :]
    return _encoded(parts)


def attempt(seed: int) -> str:
    """Load a changed graph and let it answer; return what came of it."""
    rng = random.Random(seed)  # noqa: S311  (it is to repeat)
    content = rng.choice(honest())
    for _ in range(rng.choice((1, 1, 1, 3))):
        content = changed(rng, content)
    try:
        model = loader.load(content, Path("model.onnx"), columns=_COLUMNS)
    except ArtifactError:
        return "refused"
    if not (methods := [one for one in METHODS if model.has(one)]):
        return "refused"
    try:
        answers = [_asked(model, method) for method in methods for _ in range(2)]
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        return "failing"
    for once, again in zip(answers[::2], answers[1::2], strict=True):
        if once.tolist() != again.tolist() and not np.array_equal(once, again, equal_nan=True):
            raise RuntimeError("it answers otherwise the second time")
    return "answering"


def _asked(model: OnnxModel, method: str) -> Any:
    rows = TABLE if model.by_name else ROWS.copy()
    return model.ask(rows, method)[0]
