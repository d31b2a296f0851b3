"""Whether moto's code is the one that a patch was written for."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from typing import Any

from threeways.errors import LocalError

TESTED = "5.2.5"


def digest_of(parts: Iterable[Any]) -> str:
    """Return the SHA-256 of the source of classes and functions."""
    return hashlib.sha256("".join(inspect.getsource(part) for part in parts).encode()).hexdigest()


def check(what: str, parts: Iterable[Any], digest: str) -> None:
    """Raise LocalError, with the version to install, unless the parts have this digest."""
    import moto

    if digest_of(parts) != digest:
        raise LocalError(
            f"moto {moto.__version__} has another {what} than moto {TESTED}, whose concurrent requests"
            f" are fixed here: install moto=={TESTED} (`make setup` does)"
        )
