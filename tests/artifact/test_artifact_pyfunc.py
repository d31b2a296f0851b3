"""Whatever model MLflow logs, it answers as `mlflow.pyfunc` does, or is refused with a mend."""

from __future__ import annotations

import itertools
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
from random_artifacts import NAMES, Artifact, made
from types_lab import served

from threeways.artifact import check
from threeways.errors import ArtifactError, ModelFailed

pytestmark = pytest.mark.exhaustive

EVERY = 15
"""Which rows are also predicted alone."""


def outcome(artifact: Artifact) -> str:
    """`equal`, `refused`, or what was wrong with the refusal; fails where the answers differ."""
    try:
        model = served(artifact.folder)
        check(model, model.columns or NAMES[: artifact.block.shape[1]], {})
        said = model.predict(artifact.block)
        alone = [model.predict(artifact.block[at : at + 1])[0] for at in range(0, len(said), EVERY)]
    except (ArtifactError, ModelFailed) as error:
        return "refused" if ";" in str(error) else f"{artifact.what}: refused without a mend: {error}"
    pyfunc = mlflow.pyfunc.load_model(str(artifact.folder))
    wanted = pyfunc.predict(artifact.rows)
    wanted_alone = [pyfunc.predict(artifact.rows[at : at + 1])[0] for at in range(0, len(said), EVERY)]
    for ours, theirs in ((said, wanted), (alone, wanted_alone)):
        np.testing.assert_allclose(
            ours, np.ravel(theirs), rtol=1e-9, atol=1e-9, err_msg=artifact.what, equal_nan=False
        )
    return "equal"


def compare(first: int, count: int, folder: Path) -> Counter[str]:
    """What became of so many artifacts, of the seeds from the first on that scikit-learn can fit."""
    found: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what chance puts together
        for seed in itertools.count(first):
            artifact = made(seed, folder / str(seed))
            if artifact is not None:
                found[outcome(artifact)] += 1
                assert found.keys() <= {"equal", "refused"}
            shutil.rmtree(folder / str(seed), ignore_errors=True)
            if found.total() == count:
                return found
    raise AssertionError


@pytest.mark.parametrize("part", range(4))
def test_a_hundred_models_by_chance_answer_as_pyfunc_does_row_by_row(part: int, tmp_path: Path) -> None:
    found = compare(part * 100, 25, tmp_path)
    assert found["equal"] > found["refused"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_models_by_chance_answer_as_pyfunc_does_row_by_row(
    part: int, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    found = compare(1_000 + part * 1_000, 100, tmp_path)
    assert found["equal"] > found["refused"]
    tell(f"models by chance against mlflow.pyfunc, part {part}: {dict(found)}")
