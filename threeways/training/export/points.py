"""Make rows to compare two tree-based models on: at, just below and just above the thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threeways.artifact.inputs import Block
from threeways.training.export.trees import Tree

MAX_SPLITS = 20_000
"""The limit on splits that rows are made for. Of a model with more, they are sampled evenly."""


def edges(block: Block) -> Block:
    """Return rows of the block with one feature set to an edge case: a fraction, or an unseen extreme."""
    rows = block[:: max(1, len(block) // 16)]
    made = []
    for column in range(block.shape[1]):
        seen = block[np.isfinite(block[:, column]), column]
        least, most = seen.min(initial=0.0), seen.max(initial=0.0)
        for value in (0.0, -0.0, 0.5, -1.0, least - 1, most + 1, most + 0.5, 1e-300, 1e15):
            changed = rows.copy()
            changed[:, column] = value
            made.append(changed)
    return np.vstack(made)


def with_missing(block: Block) -> Block:
    """Return rows of the block with one feature missing."""
    rows = block[:: max(1, len(block) // 16)]
    made = [rows.copy() for _ in range(block.shape[1])]
    for column, changed in enumerate(made):
        changed[:, column] = np.nan
    return np.vstack(made)


def around(block: Block, ensemble: Sequence[Tree], *, rounds: bool) -> Block:
    """Return, for each split, rows of the block modified to reach it with values around its threshold.

    rounds: whether the model rounds to float32; then the neighbouring float32 values are included.
    """
    splits = [(tree, int(node)) for tree in ensemble for node in np.flatnonzero(~tree.leaf)]
    parents = {id(tree): _parents(tree) for tree in ensemble}
    step = max(1, -(-len(splits) // MAX_SPLITS))
    made = []
    for n, (tree, node) in enumerate(splits[::step]):
        row = _reaching(tree, node, parents[id(tree)], block[n % len(block)], rounds=rounds)
        threshold = float(tree.threshold[node])
        values = [threshold, np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf)]
        if rounds:
            values += [_up_to(threshold, rounds=True), _above(threshold, rounds=True)]
        rows = np.repeat(row[None, :], len(values), axis=0)
        rows[:, tree.feature[node]] = values
        made.append(rows)
    found = np.vstack(made)
    most = np.finfo(np.float32).max if rounds else np.inf  # scikit-learn refuses larger values
    return found[~np.any(np.abs(found) > most, axis=1)]


def _parents(tree: Tree) -> dict[int, int]:
    inner = np.flatnonzero(~tree.leaf).tolist()
    return {int(child): node for node in inner for child in (tree.left[node], tree.right[node])}


def _reaching(tree: Tree, node: int, parents: dict[int, int], start: Block, *, rounds: bool) -> Block:
    """Return the row `start` with its features changed as little as needed to reach the node."""
    low: dict[int, float] = {}
    high: dict[int, float] = {}
    while node in parents:
        child, node = node, parents[node]
        feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
        if tree.left[node] == child:
            high[feature] = min(high.get(feature, np.inf), threshold)
        else:
            low[feature] = max(low.get(feature, -np.inf), threshold)
    row = start.copy()
    for feature, most in high.items():
        if not row[feature] <= most:
            row[feature] = _up_to(most, rounds=rounds)
    for feature, least in low.items():
        if not row[feature] > least:
            row[feature] = np.nan if least == np.inf else _above(least, rounds=rounds)
    return row


def _up_to(threshold: float, *, rounds: bool) -> float:
    """Return the greatest number that goes left at a threshold."""
    if not rounds or not np.isfinite(threshold):
        return threshold
    near = np.float32(threshold)
    return float(near if near <= threshold else np.nextafter(near, np.float32(-np.inf)))


def _above(threshold: float, *, rounds: bool) -> float:
    """Return the smallest number that goes right at a threshold."""
    if not rounds or not np.isfinite(threshold):
        return float(np.nextafter(threshold, np.inf))
    near = np.float32(threshold)
    return float(near if near > threshold else np.nextafter(near, np.float32(np.inf)))
