"""Models as ONNX: a graph of a few known operators, run by onnxruntime; nothing in it is code.

onnxruntime checks what the operators are given: a tree's node that names a feature, a child or a leaf that
is not there, or goes in circles, is refused by it. What it would also do for any file is checked before it
sees one (`onnx_graph.py`): read other files, take operators that loop or that make much out of little, build
trees until its stack is full. `tests/artifact/test_artifact_onnx_tampered.py` tries all of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.onnx import graph as onnx_graph
from threeways.artifact.onnx.refused import Refused
from threeways.errors import ArtifactIncomplete, ArtifactUnsupported, ArtifactUntrusted
from threeways.settings import forbid_telemetry

FEWEST_ROWS = 4_096
"""Rows that are worth a thread of their own."""


class OnnxModel:
    """A session with one input, an (n, width) float64 block, and one output of n numbers.

    A row is predicted on one thread, so that the sums of a tree ensemble are made in the order of its trees:
    its answer never depends on what else is in the batch. Several threads may call it at once.
    threads: how many share the rows of a large block.
    """

    def __init__(self, session: Any, threads: int = 1) -> None:
        [block], [answer] = session.get_inputs(), session.get_outputs()
        self._session = session
        self._input, self._outputs = block.name, [answer.name]
        self._threads = threads
        self.n_features_in_ = int(block.shape[1])

    def predict(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """The (n,) predictions of an (n, width) block. Raises what onnxruntime raises."""
        parts = min(self._threads, len(block) // FEWEST_ROWS)
        if parts < 2:
            return self._run(block)
        with ThreadPoolExecutor(parts) as pool:
            return np.concatenate(list(pool.map(self._run, np.array_split(block, parts))))

    def _run(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        answer: NDArray[np.float64] = self._session.run(self._outputs, {self._input: block})[0]
        return answer


def load(content: bytes, path: Path, threads: int = 1) -> OnnxModel:
    """The model in a file's content, checked. path: for messages. threads: as `OnnxModel` has them.

    Raises ArtifactUntrusted for operators or references that are not allowed, ArtifactIncomplete for a file
    that is damaged, ArtifactUnsupported where it takes something other than a float64 block.
    """
    width = check(content, path)
    forbid_telemetry()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # blocks come in any number of rows
    # Else a file that looks like onnxruntime's own format, too, would be read as that, past the check.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.log_severity_level = 4  # what it would print is in the error that it raises
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no base class of their own
        raise ArtifactIncomplete(f"{path} cannot be loaded by onnxruntime: {_line(error)}") from error
    _require_block(session, width, path)
    return OnnxModel(session, threads)


def check(content: bytes, path: Path) -> int:
    """The width of what it takes. Raises what `load` raises, before onnxruntime sees the file."""
    try:
        return onnx_graph.check(content)
    except Refused as error:
        raise ArtifactUntrusted(
            f"{path} {error}, which no served graph does; write it with `python -m threeways export`"
        ) from error
    except ValueError as error:
        raise ArtifactIncomplete(f"{path} is no ONNX model: {error}; upload the artifact again") from error


def _require_block(session: Any, width: int, path: Path) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    takes = [(one.type, len(one.shape)) for one in inputs]
    gives = [one.type for one in outputs]
    if takes != [("tensor(double)", 2)] or gives != ["tensor(double)"] or inputs[0].shape[1] != width:
        raise ArtifactUnsupported(
            f"{path} takes {takes} and gives {gives}; what is served takes one (n, width) block of float64 "
            f"and gives n numbers in float64, as `python -m threeways export` writes it"
        )


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else repr(error)
