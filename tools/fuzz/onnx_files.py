"""Attack the loading of ONNX files: an honest graph with fields changed, repeated, moved or left out."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from threeways.artifact.onnx import loader
from threeways.errors import ArtifactError
from threeways.protobuf import fields
from threeways.training.export import exported

type Fields = list[tuple[int, int | bytes]]

ROWS = np.random.default_rng(0).integers(0, 9, (200, 3)).astype(float)
ROWS.flags.writeable = False
LARGEST = 2**26
"""About how many bytes a graph has that is tried: the loader refuses larger ones."""
_NUMBERS = (0, 1, 2, 3, 7, 11, 127, 128, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_MESSAGES = frozenset({1, 2, 5, 7, 11, 12})
"""Fields that may hold a message, whichever message they are of."""


@cache
def honest() -> tuple[bytes, ...]:
    """Return graphs of a boosting alone, and behind encoders and scalers."""
    target = ROWS @ [1.0, 2.0, 3.0]
    trees = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5)
    encoded = ColumnTransformer(
        [("encoded", TargetEncoder(target_type="continuous"), [0, 1]), ("scaled", StandardScaler(), [2])]
    )
    return tuple(exported(one.fit(ROWS, target)) for one in (trees, make_pipeline(encoded, trees)))


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
        model = loader.load(content, Path("model.onnx"))
    except ArtifactError:
        return "refused"
    try:
        answer = model.predict(ROWS.copy())
        again = model.predict(ROWS.copy())
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        return "failing"
    if not np.array_equal(answer, again, equal_nan=True):
        raise RuntimeError("it answers otherwise the second time")
    return "answering"
