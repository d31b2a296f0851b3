"""PolynomialFeatures may not hand on memory that it did not write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import X, served
from sklearn.preprocessing import PolynomialFeatures

from threeways.errors import ArtifactUntrusted


@pytest.mark.parametrize("degree", [0, 1, 2, 5, (0, 2), (1, 1), (2, 3), (3, 3)])
@pytest.mark.parametrize("interaction_only", [False, True])
def test_every_polynomial_that_scikit_learn_fits_is_served(
    tmp_path: Path, degree: Any, interaction_only: bool
) -> None:
    for bias in (True, False) if degree else (True,):
        model = PolynomialFeatures(degree, interaction_only=interaction_only, include_bias=bias).fit(X)
        assert np.array_equal(served(model, tmp_path).transform(X), model.transform(X))


@pytest.mark.parametrize(
    "change",
    [
        {"_n_out_full": 600},
        {"n_output_features_": 600},
        {"_n_out_full": 600, "n_output_features_": 600},
        {"_max_degree": 1},
        {"_min_degree": -1},
        {"interaction_only": True},
        {"include_bias": 2},
        {"_n_out_full": 10.0},
    ],
    ids=str,
)
def test_columns_that_it_would_not_fill_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    model = PolynomialFeatures(2).fit(X)
    vars(model).update(change)
    with pytest.raises(ArtifactUntrusted, match="PolynomialFeatures"):
        served(model, tmp_path)
