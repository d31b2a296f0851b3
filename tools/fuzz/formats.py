"""The formats that can be attacked, by name: how the function that makes an attempt is got."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

type Attempt = Callable[[int], str]
"""Takes a seed, and returns in a word what came of the attempt; whatever it raises is a fault."""


def _of(module: str, name: str = "attempt") -> Callable[[], Attempt]:
    return lambda: cast("Attempt", getattr(import_module(f".{module}", __package__), name))


FORMATS: dict[str, Callable[[], Attempt]] = {
    "skops": _of("skops_files"),
    "skops-attributes": _of("skops_attributes"),
    "zip": _of("zip_files"),
    "npy": _of("zip_files", "array"),
    "mlmodel": _of("mlmodel_files"),
    "onnx": _of("onnx_files"),
    "kpl": _of("kpl"),
}
