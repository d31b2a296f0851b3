"""What the tests of ONNX artifacts share: a boosting's graph, its folder, and graphs to be refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from artifact_lab import X, copy_of, fitted
from onnx import TensorProto, helper, numpy_helper

from threeways.training.export import exported
from threeways.training.flavour import Onnx, add, onnx_of

BLOCK = X[:40]


@cache
def content() -> bytes:
    """The graph of artifact_lab's boosting."""
    return exported(fitted("hist_boosting"))


def parsed() -> onnx.ModelProto:
    """Parse the graph, so that a test can tamper with it."""
    return onnx.load_model_from_string(content())


def both(folder: Path, name: str = "hist_boosting", **options: Any) -> Path:
    """A copy of the logged model with the ONNX flavour beside its own."""
    from mlflow.models import Model

    made = copy_of(name, folder, **options)
    found = onnx_of(fitted(name), BLOCK)
    assert isinstance(found, Onnx)
    add(made, Model.load(str(made)), found)
    return made


def only_onnx(folder: Path) -> Path:
    """An artifact as mlflow.onnx logs it."""
    import mlflow.onnx

    mlflow.onnx.save_model(parsed(), str(folder / "only"), pip_requirements=["onnxruntime"])
    return folder / "only"


def attributes(model: onnx.ModelProto) -> dict[str, Any]:
    """The attributes of its TreeEnsemble, by name."""
    [node] = [node for node in model.graph.node if node.op_type == "TreeEnsemble"]
    return {one.name: one for one in node.attribute}


def graph(
    *nodes: Any, constants: dict[str, Any] | None = None, shape: Any = (None, 3),
    kind: int = TensorProto.DOUBLE, answer: str = "prediction", inputs: tuple[str, ...] = ("block",),
) -> onnx.ModelProto:  # fmt: skip
    """A model of nodes from `block` to `prediction`."""
    made = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info(name, kind, shape) for name in inputs],
        [helper.make_tensor_value_info(answer, kind, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    opsets = [
        helper.make_opsetid("", 21),
        helper.make_opsetid("ai.onnx.ml", 5),
        helper.make_opsetid("own", 1),
    ]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def flat(value: str) -> Any:
    """The last node: a value's column as n numbers; its constant is `flat`."""
    return helper.make_node("Reshape", [value, "flat"], ["prediction"])


FLAT = {"flat": np.array([-1])}
