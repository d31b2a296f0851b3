"""Check a loaded model's structure before it may predict.

skops builds objects of allowed types but does not check their contents, and scikit-learn's compiled code
follows the indices in them without bounds checks: a crafted file would make it read outside its memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from threeways.artifact.sklearn import boosting, encoders, functions, objects, polynomials, trees
from threeways.errors import ArtifactError, ArtifactUntrusted


def check(model: Any) -> None:
    """Raise ArtifactUntrusted where predicting could read outside the model's memory, or never end."""
    try:
        _check(model)
    except ArtifactError:
        raise
    except Exception as error:
        # The checks read a file's contents; a missing attribute or one of another type raises anything.
        raise ArtifactUntrusted(
            f"the model is not as scikit-learn fits it: {error!r}; log it again"
        ) from error


def _check(model: Any) -> None:
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures
    from sklearn.tree import BaseDecisionTree
    from sklearn.tree._tree import Tree

    checks = (
        (Tree, trees.check_tree),
        (BaseDecisionTree, trees.check_owner),
        (GradientBoostingRegressor, boosting.check_gradient_boosting),
        (HistGradientBoostingRegressor, boosting.check_hist_gradient_boosting),
        (DictVectorizer, encoders.check_dict_vectorizer),
        (OneHotEncoder, encoders.check_one_hot_encoder),
        (FunctionTransformer, functions.check_function_transformer),
        (PolynomialFeatures, polynomials.check_polynomial),
        (partial, functions.check_partial),
    )
    found = list(objects.walk(model))
    for thing in found:
        objects.require_own_methods(thing)
        for kind, run in checks:
            if isinstance(thing, kind):
                run(thing)
    boosters = [thing for thing in found if isinstance(thing, HistGradientBoostingRegressor)]
    owned = {id(tree) for booster in boosters for tree in boosting.predictors(booster)}
    if any(isinstance(thing, TreePredictor) and id(thing) not in owned for thing in found):
        raise ArtifactUntrusted("a boosting's tree lies outside of any boosting; log the model again")
