"""Attack the reading of MLmodel files: an honest one with parts of its YAML or of its text changed."""

from __future__ import annotations

import copy
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from threeways.artifact import mlmodel, signature
from threeways.errors import ArtifactError

_COLUMNS = '[{"type": "double", "name": "a"}, {"type": "long", "name": "b"}]'
_TENSOR = '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 6]}}]'
HONEST: dict[str, Any] = {
    "flavors": {
        "python_function": {
            "env": {"conda": "conda.yaml"}, "predict_fn": "predict", "python_version": "3.13.0",
        },
        "sklearn": {
            "code": None, "pickled_model": "model.skops", "serialization_format": "skops",
            "sklearn_version": "1.9.1",
        },
        "onnx": {"data": "model.onnx", "gate": {"max_difference": 0.0, "rows": 9, "sha256": "0" * 64}},
    },
    "metadata": {"task": "ride_duration", "features": ["a", "b"], "metrics": {"rmse": 5.3}},
    "mlflow_version": "3.17.2",
    "model_id": "m-8f42ea218a2e4667a48b7f842ab0db23",
    "run_id": "6837fbfe46fd485cbec1c6ce1dec330e",
    "saved_input_example_info": {"artifact_path": "input_example.json"},
    "signature": {"inputs": _COLUMNS, "outputs": _TENSOR},
    "utc_time_created": "2026-11-29 08:04:02.078454",
}  # fmt: skip
ODD: list[Any] = [
    None, True, -1, 0, 3.5, 10**40, 1e300, float("nan"), float("inf"), [], {}, [1], [[]], {"a": 1}, "", "\0",
    "../x", "/etc/passwd", "x" * 3_000, "x/" * 300, "\x1b[31m", "2021-02-30", "{", "[" * 9_000, "null", "[1]",
    "[{}]", '[{"type": 3}]', '[{"type": "tensor", "tensor-spec": {"dtype": "x", "shape": [1e400]}}]',
    _TENSOR, _COLUMNS, "sklearn",
]  # fmt: skip
TEXT = [
    b"&a ", b"*a", b"!!binary ", b"!x ", b"<<: ", b"? ", b"- " * 500, b"[" * 500, b"{a: " * 99,
    b"---\n", b"...\n", b"\xff", b"\0", b"\t",
    b"|\n", b">+\n", b"'", b'"', b"\\x", b"%YAML 1.1\n", b"1:2:3", b"#", b"\r",
    b"\xef\xbb\xbf",
]  # fmt: skip


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for name in ("MLmodel", "conda.yaml", "model.skops", "model.onnx", "input_example.json"):
        (folder / name).write_bytes(b"")
    return folder


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each collection of a tree with each of its keys."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def changed(rng: random.Random) -> bytes:
    """Return the text of an MLmodel with one to four changes."""
    tree = yaml.safe_load(yaml.safe_dump(HONEST))
    for _ in range(rng.randrange(3)):
        place, key = rng.choice(list(_places(tree)))
        place[key] = copy.deepcopy(rng.choice(ODD))
    wide, flow = rng.random() < 0.5, rng.random() < 0.1
    text = yaml.safe_dump(tree, allow_unicode=wide, default_flow_style=flow).encode()
    for _ in range(rng.randrange(3)):
        at = rng.randrange(len(text))
        cut = at + rng.choice((0, 0, 1, 20))
        text = text[:at] + rng.choice([*TEXT, text[at : at + 99] * rng.choice((1, 50))]) + text[cut:]
    return text


def attempt(seed: int) -> str:
    """Read a changed MLmodel and what serving asks of it; return what came of it."""
    rng = random.Random(seed)  # noqa: S311  (it is to repeat)
    try:
        info = mlmodel.parse(changed(rng), "MLmodel")
        mlmodel.require_served(info, "MLmodel")
        mlmodel.require_files(info, _folder())
        for ask in (signature.inputs, signature.outputs, signature.names, signature.width, signature.types):
            ask(info)
        signature.not_numbers(info)
    except ArtifactError:
        return "refused"
    return "read"
