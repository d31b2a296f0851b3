"""Check trees: scikit-learn's compiled code follows node indices without bounds checks."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from threeways.errors import ArtifactUntrusted

LEAF = -1
"""The child index of a leaf in a `Tree`."""


def check_tree(tree: Any) -> None:
    """Check that a `sklearn.tree._tree.Tree` has all of its nodes, and that every path ends at a leaf."""
    # `node_count` comes from the file and sets the length of the arrays below: it is checked first.
    if (
        tree.node_count != tree.capacity
        or tree.node_count < 1
        or tree.n_outputs < 1
        or tree.max_n_classes < 1
    ):
        refuse("a tree's count of nodes is not the one of its arrays")
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    leaf = left == LEAF
    if not np.array_equal(leaf, right == LEAF):
        refuse("a tree's node has one child only")
    inner = ~leaf
    check_children(np.flatnonzero(inner), left[inner], right[inner], len(left))
    check_features(feature[inner], tree.n_features)
    if tree.value.shape != (len(left), tree.n_outputs, tree.max_n_classes):
        refuse("a tree's values do not have the shape of its nodes")


def check_owner(estimator: Any) -> None:
    """Check that a fitted decision tree's own width, by which it validates input, is its tree's."""
    from sklearn.tree._tree import Tree

    if "tree_" not in vars(estimator):
        return  # an unfitted parameter, like a Bagging's `estimator`, which never predicts
    if type(estimator.tree_) is not Tree or estimator.tree_.n_features != width_of(estimator):
        refuse(f"the {type(estimator).__name__} takes another number of features than its tree")


def width_of(estimator: Any) -> int:
    """Return the width that the estimator requires of its input; without it, it would accept any."""
    width = vars(estimator).get("n_features_in_")
    if type(width) is not int or width < 1:
        refuse(f"the {type(estimator).__name__} does not say how many features it takes")
    return width


def check_children(
    parents: NDArray[np.integer[Any]],
    left: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
    count: int,
) -> None:
    """Check that both children of each inner node (its index in `parents`) come after it and before `count`.

    Increasing indices end every path; scikit-learn numbers nodes as it creates them, so its own trees pass.
    """
    for children in (left, right):
        ahead = children.astype(np.int64)
        if np.any(ahead <= parents) or np.any(ahead >= count):
            refuse("a tree's child is not a later node of the tree")


def check_features(features: NDArray[np.integer[Any]], width: int) -> None:
    """Check that every feature index is one of `width` columns."""
    if np.any(features < 0) or np.any(features >= width):
        refuse(f"a tree asks for a feature that is not among the model's {width}")


def refuse(why: str) -> NoReturn:
    """Raise ArtifactUntrusted with a fix for a tampered file and for a sound one that was misjudged."""
    raise ArtifactUntrusted(
        f"{why}: evaluating it could read outside of its memory; if the model was tampered with, upload the "
        f"one that was trained; if not, log it with serialization_format='cloudpickle' and pin MODEL_SHA256"
    )
