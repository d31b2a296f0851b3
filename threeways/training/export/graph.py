"""Build an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK, PREDICTION = "block", "prediction"
"""The names of the input and the output."""
OPSET, ML_OPSET, IR_VERSION = 21, 5, 10
"""TreeEnsemble has float64 since ai.onnx.ml 5: onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html"""
ML = "ai.onnx.ml"


class NotExportable(Exception):
    """An estimator that cannot be converted to ONNX; the message says which part and why."""


class Graph:
    """A builder of a graph with an (n, width) float64 input block. Values are referred to by name.

    Every value is (n, some columns) in float64, unless said otherwise.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator and return its output's name. Array attributes become tensors."""
        from onnx import helper, numpy_helper

        name = f"v{len(self._nodes)}"
        given = {
            key: numpy_helper.from_array(value, key) if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **given))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def columns(self, value: str, indices: Sequence[int]) -> str:
        """Add a selection of a value's columns, in the order of the indices, and return its name."""
        return self.add("Gather", value, self.constant(np.asarray(indices, dtype=np.int64)), axis=1)

    def concat(self, values: Sequence[str]) -> str:
        """Add the concatenation of values by column, and return its name."""
        return values[0] if len(values) == 1 else self.add("Concat", *values, axis=1)

    def cast(self, value: str, kind: type[np.generic]) -> str:
        """Add a cast to another number type, and return its name."""
        from onnx import helper

        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def file(self, answer: str) -> bytes:
        """Return the ONNX file of the graph, with an (n, 1) or (n,) value as its output of n numbers."""
        import onnx
        from onnx import TensorProto, helper

        self.add("Reshape", answer, self.constant(np.array([-1], dtype=np.int64)))
        self._nodes[-1].output[0] = PREDICTION
        graph = helper.make_graph(
            self._nodes,
            "model",
            [helper.make_tensor_value_info(BLOCK, TensorProto.DOUBLE, [None, self.width])],
            [helper.make_tensor_value_info(PREDICTION, TensorProto.DOUBLE, [None])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="threeways"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


type Writer = Callable[[Graph, str, Any], str]
"""Adds a fitted part's operation on a value to a graph; returns the output's name. Raises NotExportable."""
