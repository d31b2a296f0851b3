"""Load ONNX models: graphs of a few known operators, run by onnxruntime, without code of their own.

onnxruntime itself refuses a tree's node that refers to a feature, child or leaf that does not exist, or that
is part of a cycle. What it does not refuse is checked before it parses the file (`graph.py`): reading other
files, operators that loop or make large outputs from small inputs, trees deep enough to overflow its stack.
`tests/artifact/test_artifact_onnx_tampered.py` tests all of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.onnx import graph as onnx_graph
from threeways.artifact.onnx.errors import GraphNotAllowed
from threeways.errors import ArtifactIncomplete, ArtifactUnsupported, ArtifactUntrusted
from threeways.settings import forbid_telemetry

FEWEST_ROWS = 4_096
"""The smallest number of rows for which a thread of its own pays off."""


class OnnxModel:
    """An onnxruntime session with one input, an (n, width) float64 block, and one output of n numbers.

    A row is predicted on one thread, so that a tree ensemble's sums are made in the order of its trees: a
    row's prediction never depends on the rest of the batch. It is thread-safe. threads: how many threads
    share the rows of a large block.
    """

    def __init__(self, session: Any, threads: int = 1) -> None:
        [block], [answer] = session.get_inputs(), session.get_outputs()
        self._session = session
        self._input, self._outputs = block.name, [answer.name]
        self._threads = threads
        self.n_features_in_ = int(block.shape[1])

    def predict(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (n,) predictions of an (n, width) block. onnxruntime's exceptions propagate."""
        parts = min(self._threads, len(block) // FEWEST_ROWS)
        if parts < 2:
            return self._run(block)
        with ThreadPoolExecutor(parts) as pool:
            return np.concatenate(list(pool.map(self._run, np.array_split(block, parts))))

    def _run(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        answer: NDArray[np.float64] = self._session.run(self._outputs, {self._input: block})[0]
        return answer


def load(content: bytes, path: Path, threads: int = 1, width: int | None = None) -> OnnxModel:
    """Check a file's content and load it. path: for messages. threads: see `OnnxModel`.

    width: what `check` returned, where it was called before.

    Raises ArtifactUntrusted for operators or references that are not allowed, ArtifactIncomplete for a
    damaged file, ArtifactUnsupported where its input is not a float64 block.
    """
    width = check(content, path) if width is None else width
    onnxruntime = imported()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # blocks come in any number of rows
    # Otherwise a file that also looks like onnxruntime's own format would be parsed as that, unchecked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.log_severity_level = 4  # its messages are in the exceptions that it raises
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base class
        raise ArtifactIncomplete(f"{path} cannot be loaded by onnxruntime: {_line(error)}") from error
    _require_block(session, width, path)
    return OnnxModel(session, threads)


def imported() -> Any:
    """Import onnxruntime, with its telemetry off."""
    forbid_telemetry()
    import onnxruntime

    return onnxruntime


def check(content: bytes, path: Path) -> int:
    """Return the width of the input block. Raises what `load` raises, without using onnxruntime."""
    try:
        return onnx_graph.check(content)
    except GraphNotAllowed as error:
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
