"""Load ONNX models: graphs of a few known operators, run by onnxruntime, without code of their own.

onnxruntime itself refuses a tree's node that refers to a feature, child or leaf that does not exist, or that
is part of a cycle. What it does not refuse is checked before it parses the file (`graph.py`): reading other
files, operators that loop or make large outputs from small inputs, trees deep enough to overflow its stack.
`tests/artifact/test_artifact_onnx_tampered.py` tests all of it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from threeways.artifact.onnx import graph as onnx_graph
from threeways.artifact.onnx.errors import GraphNotAllowed
from threeways.artifact.onnx.graph import Checked
from threeways.artifact.onnx.messages import DOUBLE, FLOAT, INT64, STRING
from threeways.artifact.onnx.session import OnnxModel
from threeways.artifact.signature import NUMPY_TYPES, Column
from threeways.errors import ArtifactIncomplete, ArtifactUnsupported, ArtifactUntrusted
from threeways.settings import forbid_telemetry

_WHOLE = frozenset({"boolean", "integer", "long"})
_TYPES = {DOUBLE: "tensor(double)", FLOAT: "tensor(float)", INT64: "tensor(int64)", STRING: "tensor(string)"}


def load(
    content: bytes,
    path: Path,
    threads: int = 1,
    checked: Checked | None = None,
    columns: Collection[Column] = (),
) -> OnnxModel:
    """Check a file's content and load it. path: for messages. threads: see `OnnxModel`.

    checked: what `check` returned, where it was called before. columns: those of the signature; a graph whose
    inputs are all among them takes those, and any other a float64 block.

    Raises ArtifactUntrusted for operators or references that are not allowed, ArtifactIncomplete for a
    damaged file, ArtifactUnsupported where its inputs are neither.
    """
    checked = check(content, path) if checked is None else checked
    onnxruntime = imported()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # blocks come in any number of rows
    # Of what it changes in a graph, some computes in float32: a scale before a product, in FusedMatMul.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Otherwise a file that also looks like onnxruntime's own format would be parsed as that, unchecked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.log_severity_level = 4  # its messages are in the exceptions that it raises
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base class
        raise ArtifactIncomplete(f"{path} cannot be loaded by onnxruntime: {_line(error)}") from error
    declared = {str(one.name): one for one in columns if one.tensor is None}
    by_name = set(checked.inputs) <= set(declared) and all(one.width == 1 for one in checked.inputs.values())
    _require_inputs(session, checked, path, by_name=by_name)
    for name, one in checked.inputs.items() if by_name else ():
        if not _holds(one.kind, declared[name]):
            raise ArtifactUnsupported(
                f"{path} takes {name} as {_TYPES.get(one.kind)}, and the signature has it as "
                f"{declared[name].type}; write it again: python -m threeways export"
            )
    return OnnxModel(session, checked, by_name=by_name, threads=threads)


def imported() -> Any:
    """Import onnxruntime, with its telemetry off."""
    forbid_telemetry()
    import onnxruntime

    return onnxruntime


def check(content: bytes, path: Path) -> Checked:
    """Return what the graph takes and gives. Raises what `load` raises, without using onnxruntime."""
    try:
        return onnx_graph.check(content)
    except GraphNotAllowed as error:
        raise ArtifactUntrusted(
            f"{path} {error}, which no served graph does; write it with `python -m threeways export`"
        ) from error
    except ValueError as error:
        raise ArtifactIncomplete(f"{path} is no ONNX model: {error}; upload the artifact again") from error


def _holds(kind: int, column: Column) -> bool:
    """Return whether an input of a type takes each value of a column."""
    if column.type == "string" or kind == STRING:
        return column.type == "string" and kind == STRING
    return column.type in NUMPY_TYPES and (kind != INT64 or (column.required and column.type in _WHOLE))


def _require_inputs(session: Any, checked: Checked, path: Path, *, by_name: bool) -> None:
    """Raise ArtifactUnsupported unless the inputs are columns by name, or one float64 block."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    takes = [(one.type, len(one.shape), one.shape[-1]) for one in inputs]
    known = [(_TYPES.get(one.kind), 2, one.width) for one in checked.inputs.values()]
    names = [one.name for one in inputs] == list(checked.inputs)
    block = [(_TYPES[DOUBLE], 2, checked.width)]
    numbers = outputs[0].type == "tensor(double)" or onnx_graph.LABEL in checked.outputs
    if takes != known or not names or not numbers or (not by_name and takes != block):
        raise ArtifactUnsupported(
            f"{path} takes {[one[:2] for one in takes]} and gives {[one.type for one in outputs]}; what is "
            f"served takes one (n, width) block of float64, or its signature's columns by name, and gives "
            f"numbers in float64 or labels, as `python -m threeways export` writes it"
        )


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else repr(error)
