"""An artifact between its checks and its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from threeways.artifact.model import Model
from threeways.settings import Runtime


@dataclass(frozen=True)
class Prepared:
    """An artifact that was read and checked, but not built yet.

    build: makes the model. size: the bytes that it is made of, unpacked. runtime: what serves it. file: the
    path of the model's file within the artifact. content: its bytes.
    """

    build: Callable[[], Model]
    size: int
    runtime: Runtime
    file: str
    content: bytes
