"""What a type of a column cannot hold, or a signature cannot say, is refused or warned of with the mend."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from artifact_lab import edit_mlmodel
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from types_lab import BLOCK, INTEGERS, MINUTES, NAMES, saved, served, typed

from threeways.artifact import check
from threeways.errors import (
    ArtifactError,
    ArtifactMismatch,
    ModelFailed,
    UnpredictableEvent,
)
from threeways.scoring import tasks
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.systems.taxi.rides import RideColumns

UNHELD = {
    "long": [3.5, np.nan, np.inf, -np.inf, 2.0**63, -(2.0**63) - 2048],
    "integer": [3.5, np.nan, 2.0**31, -(2.0**31) - 1],
    "float": [1e39, -1e300],
    "boolean": [2.0, 0.5, np.nan, -1.0],
}

HELD = {
    "long": [-3.0, -0.0, -(2.0**63), 2.0**62],
    "integer": [2.0**31 - 1, -(2.0**31)],
    "float": [np.nan, np.inf, 1e-300, 3.66],
    "boolean": [0.0, 1.0],
    "double": [np.nan, np.inf, 1e300],
}


@pytest.mark.parametrize("name", HELD)
def test_what_a_type_cannot_hold_is_refused_naming_the_column_the_value_and_the_type(
    name: str, tmp_path: Path
) -> None:
    signature = ModelSignature(Schema([ColSpec(name, "a"), ColSpec("double", "b")]))
    ridge = HistGradientBoostingRegressor(max_iter=2).fit(BLOCK[:, :2] % 2, MINUTES)
    model = served(saved(tmp_path / "model", ridge, signature=signature))
    held = np.column_stack([HELD[name], np.zeros(len(HELD[name]))])
    assert model.refused(held) == {}
    assert len(model.predict(held)) == len(held)
    for value in UNHELD.get(name, []):
        [(row, why)] = model.refused(np.array([[1.0, 0.5], [value, 0.5]])).items()
        assert (row, str(why)) == (1, f"a is {value!r}, and the model's signature has it as {name}")
        with pytest.raises(UnpredictableEvent, match="a is"):
            model.predict(np.array([[value, 0.5]]))


def rides(block: Any) -> list[Any]:
    task = tasks.find("ride_duration")
    events = [
        {"ride_id": n, "ride": {"PULocationID": int(a), "DOLocationID": int(b), "trip_distance": c}}
        for n, (a, b, c) in enumerate(block)
    ]
    return [msgspec.convert(event, task.event) for event in events]


def test_a_value_that_its_type_cannot_hold_costs_that_ride_only_by_event_and_by_column(
    tmp_path: Path,
) -> None:
    floats = dict.fromkeys(NAMES, "float32")
    fitted = HistGradientBoostingRegressor(max_iter=3).fit(typed(BLOCK, floats), MINUTES)
    folder = saved(tmp_path / "model", fitted, typed(BLOCK, floats))
    model = served(folder)
    check(model, NAMES, {})
    service: ModelService[Any] = ModelService(model, tasks.find("ride_duration"), "1")
    service.prove()
    zones = [[1, 2, 0.5], [3, 4, 1e300], [5, 6, 2.5]]
    now = datetime.now(UTC)
    first, second, third = service.score_events(rides(zones), [now] * 3)
    assert isinstance(first, Scored)
    assert isinstance(third, Scored)
    assert str(second) == "trip_distance is 1e+300, and the model's signature has it as float"
    pickup = np.array(["2021-02-01T08:15"] * 3, dtype="datetime64[us]")
    columns = RideColumns(np.array([1, 3, 5]), np.array([2, 4, 6]), np.array([0.5, 1e300, 2.5]), pickup)
    scores = service.score_columns(columns.by_field())
    assert {row: str(fault) for row, fault in scores.faults.items()} == {1: str(second)}
    assert np.isfinite(scores.values).tolist() == [True, False, True]


def test_a_model_whose_types_cannot_hold_the_example_is_refused_at_the_start(tmp_path: Path) -> None:
    whole = typed(np.round(BLOCK), dict.fromkeys(NAMES, "int64"))
    model = served(saved(tmp_path / "model", Ridge().fit(whole, MINUTES), whole))
    check(model, NAMES, {})
    with pytest.raises(
        ModelFailed, match=r"trip_distance is 3\.66, and the model's signature has it as long"
    ):
        ModelService(model, tasks.find("ride_duration"), "1").prove()


def signatures() -> dict[str, Any]:
    columns = [ColSpec("double", name) for name in NAMES]
    return {
        "string": Schema([ColSpec("string", NAMES[0]), *columns[1:]]),
        "datetime": Schema([ColSpec("datetime", NAMES[0]), *columns[1:]]),
        "binary": Schema([ColSpec("binary", NAMES[0]), *columns[1:]]),
        "tensor of object": Schema([TensorSpec(np.dtype("O"), (-1, 6))]),
        "tensor of str": Schema([TensorSpec(np.dtype("str"), (-1, 6))]),
        "tensor of complex": Schema([TensorSpec(np.dtype("complex128"), (-1, 6))]),
        "takes 2 inputs, tensors of shape": Schema(
            [TensorSpec(np.dtype("f8"), (-1, wide), name) for name, wide in (("a", 2), ("b", 4))]
        ),
        "tensors of shape (-1, 2, 3)": Schema([TensorSpec(np.dtype("f8"), (-1, 2, 3))]),
        "has 5 columns, and it was fitted on 6": Schema([TensorSpec(np.dtype("f8"), (-1, 5))]),
    }  # fmt: skip


@pytest.mark.parametrize("what", signatures())
def test_a_signature_that_a_block_of_numbers_cannot_meet_is_refused_before_the_first_event(
    what: str, tmp_path: Path
) -> None:
    signature = ModelSignature(signatures()[what])
    folder = saved(tmp_path / "model", Ridge().fit(BLOCK, MINUTES), signature=signature)
    with pytest.raises(
        ArtifactError, match=what.removeprefix("tensor of ").replace("(", r"\(").split(")")[0]
    ):
        check(served(folder), NAMES, {})


def test_names_in_two_orders_are_refused_as_one_of_them_is_wrong(tmp_path: Path) -> None:
    frame = typed(BLOCK, INTEGERS)
    turned = ModelSignature(Schema([ColSpec("double", name) for name in NAMES[::-1]]))
    folder = saved(tmp_path / "model", Ridge().fit(frame, MINUTES), signature=turned)
    with pytest.raises(ArtifactMismatch, match="states its columns' order twice"):
        served(folder)
    named = saved(
        tmp_path / "named", Ridge().fit(frame, MINUTES), frame, metadata={"features": list(NAMES[::-1])}
    )
    with pytest.raises(ArtifactMismatch, match="states its columns' order twice"):
        served(named)


def warnings_of(folder: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    check(served(folder), NAMES, {})
    return [record.getMessage() for record in caplog.records if record.name.startswith("threeways")]


def test_what_the_artifact_does_not_tell_is_warned_of_with_the_mend(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame, ridge = typed(BLOCK, INTEGERS), Ridge()
    order, types = warnings_of(saved(tmp_path / "1", ridge.fit(BLOCK, MINUTES)), caplog)
    assert "names no columns" in order
    assert "PULocationID, DOLocationID, zone_pair" in order
    assert "metadata={'features'" in order
    assert "infer_signature" in types
    [types] = warnings_of(saved(tmp_path / "2", ridge.fit(frame, MINUTES)), caplog)
    assert "has no signature" in types
    [order] = warnings_of(saved(tmp_path / "3", ridge.fit(BLOCK, MINUTES), BLOCK), caplog)
    assert "names no columns" in order
    told: dict[str, Any] = {"metadata": {"features": list(NAMES)}}
    assert not warnings_of(saved(tmp_path / "4", ridge.fit(BLOCK, MINUTES), BLOCK, **told), caplog)
    assert not warnings_of(saved(tmp_path / "5", ridge.fit(frame, MINUTES), frame), caplog)


def test_a_signature_that_is_garbage_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", Ridge().fit(BLOCK, MINUTES), BLOCK)
    edit_mlmodel(folder, '"dtype": "float64", "shape": [-1, 6]', '"dtype": 64, "shape": [-1, 6]')
    with pytest.raises(ArtifactError, match="signature cannot be read"):
        served(folder)
