"""Run a graph on a block of numbers, or on named columns of mixed types."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import limits
from threeways.artifact.inputs import Block, Table
from threeways.artifact.onnx.graph import LABEL, MISSING, OUTPUTS, REFUSED, UNKNOWN, Checked
from threeways.artifact.onnx.messages import DOUBLE, FLOAT, INT64, STRING

FEWEST_ROWS = 4_096
"""The smallest number of rows for which a thread of its own pays off."""
_DTYPES = {DOUBLE: np.float64, FLOAT: np.float32, INT64: np.int64}

type Feeds = Mapping[str, NDArray[Any]]
"""The graph's inputs by name, (n, width) each."""


class OnnxModel:
    """An onnxruntime session that takes an (n, width) float64 block, or columns by name.

    A row is predicted on one thread, so that a tree ensemble's sums are made in the order of its trees: a
    row's prediction never depends on the rest of the batch. It is thread-safe. threads: how many threads
    share the rows of a large block. by_name: whether its inputs are columns by name.
    """

    def __init__(self, session: Any, checked: Checked, *, by_name: bool, threads: int = 1) -> None:
        self._session, self._checked = session, checked
        self._threads = threads
        self._most_rows = max(1, limits.ONNX_BATCH_NUMBERS // checked.numbers)
        self.by_name = by_name
        self.n_features_in_ = checked.width
        self.categories = checked.categories
        self.classes = checked.classes

    def has(self, method: str) -> bool:
        """Return whether the graph has the method's answers."""
        return self._output(method) in self._checked.outputs

    def predict(self, features: Block | Table) -> NDArray[Any]:
        """Return n answers, a classifier's labels. See `ask`."""
        return self._sound(features, "predict")

    def predict_proba(self, features: Block | Table) -> NDArray[Any]:
        """Return (n, classes) probabilities. See `ask`."""
        return self._sound(features, "predict_proba")

    def decision_function(self, features: Block | Table) -> NDArray[Any]:
        """Return (n,) or (n, classes) scores. See `ask`."""
        return self._sound(features, "decision_function")

    def ask(self, features: Block | Table, method: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a method's answers for n rows, and which of the rows scikit-learn refuses.

        features: an (n, width) block, or a table with the graph's columns. onnxruntime's exceptions
        propagate.
        """
        feeds, rows = self._feeds(features), len(features)
        wanted = [self._output(method)]
        wanted += [REFUSED] if REFUSED in self._checked.outputs else []
        run = partial(self._run, wanted)
        threads = min(self._threads, rows // FEWEST_ROWS)
        parts = max(threads, -(-rows // self._most_rows))
        if parts < 2:
            found = run(feeds)
        else:
            each = _split(feeds, parts)
            if threads < 2:
                several = list(map(run, each))
            else:
                with ThreadPoolExecutor(threads) as pool:
                    several = list(pool.map(run, each))
            found = [np.concatenate(some) for some in zip(*several, strict=True)]
        refused = found[1] != 0 if len(found) > 1 else np.zeros(rows, np.bool_)
        return found[0], refused

    def _sound(self, features: Block | Table, method: str) -> NDArray[Any]:
        answers, refused = self.ask(features, method)
        if refused.any():
            raise ValueError(
                "the model takes no such row: a category that it was not fitted on, or a value that is "
                "missing, not finite or beyond float32"
            )
        return answers

    def _run(self, wanted: list[str], feeds: Feeds) -> list[NDArray[Any]]:
        answers: list[NDArray[Any]] = self._session.run(wanted, feeds)
        return answers

    def _output(self, method: str) -> str:
        if method == "predict" and LABEL in self._checked.outputs:
            return LABEL
        if method == "predict" and len(self._checked.outputs) == 1:
            return self._checked.outputs[0]  # as others name it
        return OUTPUTS.get(method, method)

    def _feeds(self, features: Block | Table) -> Feeds:
        inputs = self._checked.inputs
        if not isinstance(features, Table):
            return dict.fromkeys(inputs, features)
        return {name: _column(features.columns[name], one.kind) for name, one in inputs.items()}


def _column(values: NDArray[Any], kind: int) -> NDArray[Any]:
    """Return an (n, 1) input of a column, whose missing values are NaN, or the text MISSING."""
    if kind != STRING:
        return values.astype(_DTYPES[kind], copy=False).reshape(-1, 1)
    texts = values.tolist()
    if set(map(type, texts)) != {str} or MISSING in texts:
        values = np.empty(len(texts), dtype=object)
        values[:] = [_text(one) for one in texts]
    return values.reshape(-1, 1)


def _text(value: Any) -> str:
    """Return an event's text: one that is called as a missing one is as unknown as any other."""
    if not isinstance(value, str):
        return MISSING
    return UNKNOWN if value == MISSING else str(value)


def _split(feeds: Feeds, parts: int) -> list[Feeds]:
    by_input = {name: np.array_split(one, parts) for name, one in feeds.items()}
    return [{name: some[at] for name, some in by_input.items()} for at in range(parts)]
