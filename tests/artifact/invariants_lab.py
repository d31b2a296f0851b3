"""Fitted estimators of the zoo with changes that no fitting makes, and their files as they are loaded."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artifact_lab import load_skops
from fuzz import zoo

from threeways.artifact.sklearn import structure


def tampered(name: str, change: Callable[[Any], Any]) -> Any:
    """A fitted estimator of the zoo with one change."""
    model = copy.deepcopy(zoo.sample(name).estimator)
    change(model)
    return model


def put(**attributes: Any) -> Callable[[Any], None]:
    return lambda model: vars(model).update(attributes)


def kd_tree(**changes: Any) -> Callable[[Any], None]:
    """A change of a search tree: of a field of its last node, or of an array of its state."""

    def change(model: Any) -> None:
        import numpy as np

        names = "data order nodes bounds leaf_size levels count trims leaves splits calls metric weights"
        state = dict(zip(names.split(), model._tree.__getstate__(), strict=True))
        nodes: Any = np.array(state["nodes"])
        for name, value in changes.items():
            if name in nodes.dtype.names:
                nodes[name][-1] = value
            else:
                state[name] = value(np.array(state[name]))
        model._tree.__setstate__(tuple({**state, "nodes": nodes}.values()))

    return change


def served_file(path: Path) -> Any:
    """The model of a skops file, as it is served without a digest."""
    model = load_skops(path)
    structure.check(model)
    return model
