"""Build an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.onnx.graph import CLASSES, LABEL, OUTPUTS, REFUSED
from threeways.artifact.onnx.messages import BOOL, DOUBLE, FLOAT, INT64, STRING, Input

BLOCK, PREDICTION = "block", "prediction"
"""The names of the input and the output of a regressor that takes a block."""
OPSET, ML_OPSET, IR_VERSION = 21, 5, 10
"""TreeEnsemble has float64 since ai.onnx.ml 5: onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html"""
ML = "ai.onnx.ml"
_OTHER = 0, 1
"""The type and the width of a column that no graph takes."""
_TAKEN = {CLASSES, LABEL, REFUSED, *OUTPUTS.values()}


class NotExportable(Exception):
    """An estimator that cannot be converted to ONNX; the message says which part and why."""


type Parts = tuple[str, ...]
"""Values that are beside one another the columns of a table, by name."""
type Writer = Callable[[Graph, Parts, Any], Parts]
"""Adds a fitted transformer's operation to a graph; returns its output. Raises NotExportable."""


class Graph:
    """A builder of a graph. Values are referred to by name; every one is (n, some columns).

    inputs: all that it may have; it has those that are used. optional: those whose values may be missing.
    sparse: whether the latest transformer's output is a sparse matrix in scikit-learn.
    """

    def __init__(self, inputs: Mapping[str, Input], optional: Collection[str] = ()) -> None:
        for name in _TAKEN & set(inputs):
            raise NotExportable(f"a column is called {name}, as an output of the graph; rename it")
        self._inputs, self._used = inputs, dict[str, Input]()
        self.optional = frozenset(optional)
        self.sparse = False
        self._kinds = {name: (one.kind, one.width) for name, one in inputs.items()}
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._refusals: list[str] = []
        self._infinities: list[str] = []
        self._outputs: dict[str, tuple[int, list[int | None]]] = {}

    def kind(self, value: str) -> int:
        """Return the type of a value's elements."""
        return self._kinds.get(value, _OTHER)[0]

    def width(self, value: str) -> int:
        """Return the number of a value's columns."""
        return self._kinds.get(value, _OTHER)[1]

    def use(self, value: str) -> str:
        """Return a value; of an input, which the graph has from now on, a float32 as float64.

        Raises NotExportable for a column that no graph takes.
        """
        if value not in self._kinds:
            raise NotExportable(f"it uses the column {value}, whose type no graph takes")
        if value in self._inputs:
            self._used[value] = self._inputs[value]
        return self.cast(value, DOUBLE) if self.kind(value) == FLOAT and value in self._inputs else value

    def add(
        self,
        operator: str,
        *inputs: str,
        domain: str = "",
        kind: int = DOUBLE,
        width: int | None = None,
        **attributes: Any,
    ) -> str:
        """Add an operator and return its output's name. Array attributes become tensors.

        kind, width: of the output; by default float64, and as wide as the first input.
        """
        from onnx import helper

        name = self._free("v", len(self._nodes))
        given = {
            key: _tensor(value, key) if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **given))
        self._kinds[name] = kind, self.width(inputs[0]) if width is None else width
        return name

    def constant(self, array: NDArray[Any], name: str | None = None) -> str:
        """Add a constant and return its name."""
        name = name or self._free("c", len(self._constants))
        self._constants.append(_tensor(array, name))
        self._kinds[name] = _kind(array), array.shape[-1]
        return name

    def row(self, numbers: Any) -> str:
        """Add a constant of one row of float64: a part that was fitted on float32 has float32 numbers."""
        return self.constant(np.atleast_1d(np.asarray(numbers, dtype=np.float64))[None, :])

    def columns(self, value: str, indices: Sequence[int]) -> str:
        """Add a selection of a value's columns, in the order of the indices, and return its name."""
        places = self.constant(np.asarray(indices, dtype=np.int64))
        return self.add("Gather", value, places, kind=self.kind(value), width=len(indices), axis=1)

    def select(self, parts: Parts, indices: Sequence[int]) -> Parts:
        """Return some of the columns of parts."""
        if all(self.width(one) == 1 for one in parts):
            return tuple(parts[at] for at in indices)
        whole = self.joined(parts)
        return (
            (whole,) if list(indices) == list(range(self.width(whole))) else (self.columns(whole, indices),)
        )

    def singles(self, parts: Parts) -> Parts:
        """Return parts of one column each."""
        found: list[str] = []
        for one in parts:
            width = self.width(one)
            found += [one] if width == 1 else [self.columns(one, [at]) for at in range(width)]
        return tuple(found)

    def joined(self, parts: Parts) -> str:
        """Return one value of all columns, of the type that holds all. Raises NotExportable for texts."""
        if any(self.kind(one) == STRING for one in parts):
            raise NotExportable("a column of texts reaches a step that takes numbers; encode it before")
        if len(parts) == 1:
            return parts[0]
        if {self.kind(one) for one in parts} != {INT64}:
            parts = tuple(self.cast(one, DOUBLE) for one in parts)
        return self.concat(parts)

    def concat(self, parts: Parts) -> str:
        """Return one value of parts of one type."""
        width = sum(map(self.width, parts))
        return (
            parts[0]
            if len(parts) == 1
            else self.add("Concat", *parts, kind=self.kind(parts[0]), width=width, axis=1)
        )

    def numbers(self, parts: Parts) -> str:
        """Return one float64 value of all columns. Raises NotExportable for texts."""
        return self.cast(self.joined(parts), DOUBLE)

    def cast(self, value: str, kind: int) -> str:
        """Return the value in another type."""
        return value if self.kind(value) == kind else self.add("Cast", value, kind=kind, to=kind)

    def refuse(self, condition: str) -> None:
        """Refuse the rows where a condition holds, as scikit-learn raises for them."""
        self._refusals.append(condition)

    def refuse_infinite(self, value: str, *, passed_on: bool = True) -> None:
        """Refuse the rows with an infinite number, unless a later step refuses what is passed on of them.

        No event of numbers alone has any, so that a graph that takes a block does not look for them.
        """
        if self.kind(value) == DOUBLE and BLOCK not in self._inputs:
            if passed_on:
                self._infinities.append(value)
            else:
                self.refuse(self.add("IsInf", value, kind=BOOL))

    def refuse_not_finite(self, value: str) -> None:
        """Refuse the rows with a missing or infinite number, which all that was before passes on as such."""
        self._infinities.clear()  # infinity, or not a number once it was scaled
        zeros = self.constant(np.zeros((self.width(value), 1)))
        self.refuse(self.add("IsNaN", self.add("MatMul", value, zeros, width=1), kind=BOOL))

    def output(self, name: str, value: str, *, flat: bool = False) -> None:
        """Name an output. flat: as n numbers; labels are flat by themselves."""
        if flat:
            minus = self.constant(np.array([-1], dtype=np.int64))
            value = self.add("Reshape", value, minus, kind=self.kind(value))
        for node in self._nodes:
            node.input[:] = [name if one == value else one for one in node.input]
            node.output[:] = [name if one == value else one for one in node.output]
        shape: list[int | None] = [None] if flat or name == LABEL else [None, self.width(value)]
        self._outputs[name] = self.kind(value), shape
        self._kinds[name] = self._kinds[value]

    def file(self) -> bytes:
        """Return the ONNX file of the graph. Raises NotExportable where it takes no input."""
        import onnx
        from onnx import helper

        self._refuse()
        if not self._used:
            raise NotExportable("no column of the table is used")
        graph = helper.make_graph(
            self._nodes,
            "model",
            [
                helper.make_tensor_value_info(name, one.kind, [None, one.width])
                for name, one in self._used.items()
            ],
            [helper.make_tensor_value_info(name, *one) for name, one in self._outputs.items()],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="threeways"
        )
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _refuse(self) -> None:
        for value in self._infinities:
            self.refuse(self.add("IsInf", value, kind=BOOL))
        if self._refusals:
            bad = self.cast(self.concat(tuple(self._refusals)), DOUBLE)
            ones = self.constant(np.ones((self.width(bad), 1)))
            self.output(REFUSED, self.add("MatMul", bad, ones, width=1), flat=True)

    def _free(self, letter: str, number: int) -> str:
        """Return a name that no input has."""
        name = f"{letter}{number}"
        return f"{name}'" if name in self._inputs else name


def _tensor(array: NDArray[Any], name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(array.astype(object) if array.dtype.kind == "U" else array, name)


def _kind(array: NDArray[Any]) -> int:
    return {"f": DOUBLE, "i": INT64, "b": BOOL}.get(array.dtype.kind, STRING)
