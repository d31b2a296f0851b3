"""No function of a model may change the model after it was checked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_lab import served
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array

from threeways.errors import ArtifactUntrusted

OUT = np.zeros((1, 1))


@pytest.mark.parametrize(
    "model",
    [
        FunctionTransformer(np.exp, kw_args={"out": OUT, "casting": "unsafe"}),
        FunctionTransformer(np.exp, kw_args={"casting": "unsafe"}),
        FunctionTransformer(np.exp, inverse_func=np.log, inv_kw_args={"out": OUT}),
        FunctionTransformer(check_array, kw_args={"dtype": OUT}),
        FunctionTransformer(partial(check_array, estimator=OUT)),
        FunctionTransformer(partial(check_array, dtype=[OUT])),
        FunctionTransformer(partial(check_array, OUT)),
    ],
    ids=["out", "a ufunc's plain keyword", "the inverse's out", "an array", "bound", "in a list", "by place"],
)
def test_a_function_that_is_given_more_than_its_input_is_refused(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ArtifactUntrusted, match="could change the model"):
        served(model, tmp_path)


def test_a_function_of_its_input_alone_is_served(tmp_path: Path) -> None:
    for model in (
        FunctionTransformer(np.log1p, np.expm1),
        FunctionTransformer(check_array, kw_args={"ensure_all_finite": False}),
        FunctionTransformer(partial(check_array, dtype=[np.float64, np.float32], ensure_all_finite=False)),
    ):
        assert np.array_equal(served(model, tmp_path).transform(OUT), OUT)
