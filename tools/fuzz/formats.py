"""The formats that can be attacked, by name: how the function that makes an attempt is got."""

from __future__ import annotations

from collections.abc import Callable


def _skops() -> Callable[[int], str]:
    from .skops_files import attempt

    return attempt


def _kpl() -> Callable[[int], str]:
    from .kpl import attempt

    return attempt


FORMATS: dict[str, Callable[[], Callable[[int], str]]] = {"skops": _skops, "kpl": _kpl}
"""An attempt takes a seed, and returns in a word what came of it; whatever it raises is a fault."""
