"""Models as ONNX: a graph of a few known operators, run by onnxruntime; nothing in it is code.

onnxruntime checks what the operators are given: a tree's node that names a feature, a child or a leaf that
is not there, or goes in circles, is refused by it (`tests/artifact/test_artifact_onnx_tampered.py`).
What it would also do for any file is checked here before it sees one: read other files, take operators that
loop or that make much out of little.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.protobuf import Value, fields, numbers
from threeways.errors import ArtifactIncomplete, ArtifactUnsupported, ArtifactUntrusted
from threeways.settings import forbid_telemetry

OPERATORS = frozenset(
    {
        ("", name)
        for name in ("Add", "Cast", "Concat", "Div", "Exp", "Gather", "MatMul", "Mul", "Reshape", "Sub")
    }
    | {("ai.onnx.ml", "LabelEncoder"), ("ai.onnx.ml", "TreeEnsemble")}
)
"""(domain, name) of what a graph may be made of: what `threeways.training.export` writes."""

# The numbers of fields in onnx.proto3, github.com/onnx/onnx/blob/main/onnx/onnx.proto3
_GRAPH, _FUNCTIONS, _TRAINING = 7, 25, 20
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_OPERATOR, _ATTRIBUTE, _DOMAIN = 4, 5, 7
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS = 5, 6, 10, 11
_INTEGERS = numbers(8)  # a tree ensemble has tens of thousands of them
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


class OnnxModel:
    """A session with one input, an (n, width) float64 block, and one output of n numbers.

    It runs on the thread that calls it, and several threads may call it at once. On one thread the sums of a
    tree ensemble are made in the order of its trees, so that an answer never depends on what else is in the
    batch.
    """

    def __init__(self, session: Any) -> None:
        [block], [answer] = session.get_inputs(), session.get_outputs()
        self._run = session.run
        self._input, self._outputs = block.name, [answer.name]
        self.n_features_in_ = int(block.shape[1])

    def predict(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """The (n,) predictions of an (n, width) block. Raises what onnxruntime raises."""
        answer: NDArray[np.float64] = self._run(self._outputs, {self._input: block})[0]
        return answer


def load(content: bytes, path: Path) -> OnnxModel:
    """The model in a file's content, checked. path: for messages.

    Raises ArtifactUntrusted for operators or references that are not allowed, ArtifactIncomplete for a file
    that is damaged, ArtifactUnsupported where it takes something other than a float64 block.
    """
    check(content, path)
    forbid_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # blocks come in any number of rows
    options.log_severity_level = 4  # what it would print is in the error that it raises
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no base class of their own
        raise ArtifactIncomplete(f"{path} cannot be loaded by onnxruntime: {_line(error)}") from error
    _require_block(session, path)
    return OnnxModel(session)


def check(content: bytes, path: Path) -> None:
    """Raises ArtifactUntrusted or ArtifactIncomplete, as `load` does, before onnxruntime sees the file."""
    try:
        for number, value in fields(memoryview(content)):
            if number in {_FUNCTIONS, _TRAINING}:
                _refuse(path, "defines functions")
            if number == _GRAPH:
                _check_graph(_bytes(value), path)
    except ValueError as error:
        raise ArtifactIncomplete(f"{path} is no ONNX model: {error}; upload the artifact again") from error


def _check_graph(graph: memoryview, path: Path) -> None:
    for number, value in fields(graph):
        if number == _NODE:
            _check_node(_bytes(value), path)
        elif number == _INITIALIZER:
            _check_tensor(_bytes(value), path)
        elif number == _SPARSE_INITIALIZER:
            _refuse(path, "has sparse tensors")


def _check_node(node: memoryview, path: Path) -> None:
    operator, domain = "", ""
    for number, value in fields(node):
        if number == _OPERATOR:
            operator = str(_bytes(value), "utf-8")
        elif number == _DOMAIN:
            domain = str(_bytes(value), "utf-8")
        elif number == _ATTRIBUTE:
            _check_attribute(_bytes(value), path)
    if (domain, operator) not in OPERATORS:
        _refuse(path, f"has the operator {operator!r} of {domain or 'ai.onnx'!r}")


def _check_attribute(attribute: memoryview, path: Path) -> None:
    for number, value in fields(attribute, skip=_INTEGERS):
        if number in {_SUBGRAPH, _SUBGRAPHS}:
            _refuse(path, "has graphs within graphs")
        if number in {_TENSOR, _TENSORS}:
            _check_tensor(_bytes(value), path)


def _check_tensor(tensor: memoryview, path: Path) -> None:
    for number, value in fields(tensor):
        if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
            _refuse(path, "reads other files")


def _require_block(session: Any, path: Path) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    takes = [(one.type, len(one.shape)) for one in inputs]
    gives = [one.type for one in outputs]
    if (
        takes != [("tensor(double)", 2)]
        or gives != ["tensor(double)"]
        or not isinstance(inputs[0].shape[1], int)
    ):
        raise ArtifactUnsupported(
            f"{path} takes {takes} and gives {gives}; what is served takes one (n, width) block of float64 "
            f"and gives n numbers in float64, as `python -m threeways export` writes it"
        )


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a message is due")  # noqa: TRY004 - the file's fault
    return value


def _refuse(path: Path, why: str) -> None:
    raise ArtifactUntrusted(
        f"{path} {why}, which no served graph does; write it with `python -m threeways export`"
    )


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else repr(error)
