"""Each type of a signature is the same in a table as in an event."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from batch_lab import kept
from mlflow.types import ColSpec, Schema
from signature_models import (
    NAMED,
    PAYMENTS,
    batch,
    first,
    found,
    saved,
    served,
    stored,
    streamed,
)
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from threeways.batch import layout
from threeways.batch.columns import Rows
from threeways.batch.layout import Naming
from threeways.batch.values import Values
from threeways.errors import ModelFailed
from threeways.scoring.service import ModelService

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

TYPED = Schema(
    [
        ColSpec("long", "count"),
        ColSpec("integer", "small"),
        ColSpec("long", "maybe", required=False),
        ColSpec("boolean", "flag"),
        ColSpec("boolean", "maybe_flag", required=False),
        ColSpec("string", "text"),
        ColSpec("string", "maybe_text", required=False),
        ColSpec("double", "maybe_number", required=False),
        ColSpec("float", "single"),
        ColSpec("datetime", "at"),
        ColSpec("datetime", "maybe_at", required=False),
    ]
)

BIG = 2**53 + 1

MOMENT = datetime(2021, 2, 1, 8, 15, 0, 123456)  # noqa: DTZ001

TYPED_ROWS: list[dict[str, Any]] = [
    {
        "id": 1, "count": BIG, "small": -7, "maybe": BIG + 2, "flag": True, "maybe_flag": None,
        "text": "Zürich ☂", "maybe_text": None, "maybe_number": None, "single": 0.5, "at": MOMENT,
        "maybe_at": None,
    },
    {
        "id": 2, "count": -(2**63), "small": 0, "maybe": None, "flag": False, "maybe_flag": True,
        "text": "", "maybe_text": "ü", "maybe_number": 0.1, "single": 1.5,
        "at": MOMENT.replace(year=1969), "maybe_at": MOMENT.replace(microsecond=0),
    },
    {
        "id": 3, "count": 2**63 - 1, "small": 2**31 - 1, "maybe": 5, "flag": True, "maybe_flag": False,
        "text": "a\0b", "maybe_text": "plain", "maybe_number": -0.0, "single": -2.0,
        "at": MOMENT.replace(hour=0), "maybe_at": None,
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> ModelService[Any]:
    frame = pd.DataFrame(TYPED_ROWS).drop(columns="id")
    fitted = make_pipeline(FunctionTransformer(first), LinearRegression()).fit(frame, [0.0, 1.0, 2.0])
    signature = mlflow.models.ModelSignature(TYPED, Schema([ColSpec("double")]))
    folder = tmp_path_factory.mktemp("typed") / "model"
    return served(saved(folder, fitted, frame, signature=signature))


def table_of(service: ModelService[Any], given: dict[str, Any]) -> Any:
    """The features of rows by column, as the model takes them, and the reasons of those that are none."""
    ours = layout.of(service.declared)
    values = Values(given, ours.zone)
    chunk = Rows(values, ours, text_ids=False).chunk(None)
    assert service.task.features_by_column is not None
    assert chunk.columns is not None
    return service.task.features_by_column(chunk.columns).block, [one.message for one in chunk.refused]


@pytest.mark.parametrize("as_arrow", [True, False])
def test_each_type_of_a_signature_is_the_same_by_column_as_event_by_event(
    typed: ModelService[Any], as_arrow: bool
) -> None:
    payloads = [msgspec.json.encode({k: v for k, v in row.items() if v is not None}) for row in TYPED_ROWS]
    events, _ = typed.task.decode_all(payloads)
    wanted = typed.task.features(events, []).block
    given: dict[str, Any] = {name: [row[name] for row in TYPED_ROWS] for name in TYPED_ROWS[0]}
    if as_arrow:
        given = {name: pa.array(values) for name, values in given.items()}
    made, refused = table_of(typed, given)
    assert refused == []
    for name, values in wanted.columns.items():
        assert made.columns[name].dtype == values.dtype, name
        assert list(map(repr, made.columns[name].tolist())) == list(map(repr, values.tolist())), name


def test_times_are_taken_as_texts_with_an_offset_or_of_a_zone(typed: ModelService[Any]) -> None:
    given: dict[str, Any] = {name: [row[name] for row in TYPED_ROWS] for name in TYPED_ROWS[0]}
    given["at"] = ["2021-02-01T08:15:00+02:00", "2021-02-01 08:15:00.000001", "2021-02-01"]
    made, refused = table_of(typed, given)
    assert made.columns["at"].astype(str).tolist() == [
        "2021-02-01T06:15:00.000000",
        "2021-02-01T08:15:00.000001",
    ]
    assert refused == ["Invalid RFC3339 encoded datetime - at `$.at`"]
    moments = pa.array([datetime(2021, 2, 1, 8, 15)] * 3, pa.timestamp("ns", "Europe/Berlin"))  # noqa: DTZ001
    made, _ = table_of(typed, given | {"at": moments})
    assert set(made.columns["at"].astype(str).tolist()) == {"2021-02-01T08:15:00.000000"}


def test_a_time_that_utc_does_not_hold_costs_its_event_alone(typed: ModelService[Any]) -> None:
    sound, other = ({k: v for k, v in row.items() if v is not None} for row in TYPED_ROWS[:2])
    answers = streamed(typed, [sound, other | {"at": "0001-01-01T00:00:00+14:00"}])
    assert isinstance(answers[1], float)
    assert answers[2] == "`0001-01-01 00:00:00+14:00` is beyond the years 1 to 9999 in UTC - at `$.at`"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("count", None, "Expected `int`, got `null` - at `$.count`"),
        ("count", 2**63, "Expected `int` <= 9223372036854775807 - at `$.count`"),
        ("small", 2**31, "Expected `int` <= 2147483647 - at `$.small`"),
        ("flag", 2, "Expected `bool`, got `int` - at `$.flag`"),
        ("text", 5, "Expected `str`, got `int` - at `$.text`"),
        ("text", None, "Expected `str`, got `null` - at `$.text`"),
        ("single", float("nan"), "Expected `float`, got `null` - at `$.single`"),
        ("maybe_number", float("inf"), "`inf` is no finite number - at `$.maybe_number`"),
        ("at", None, "Expected `datetime`, got `null` - at `$.at`"),
        ("maybe_at", "yesterday", "Invalid RFC3339 encoded datetime - at `$.maybe_at`"),
        ("at", "0001-01-01T00:00:00+14:00", "is beyond the years 1 to 9999 in UTC - at `$.at`"),
    ],
)
def test_a_row_that_the_signature_does_not_allow_is_refused_by_its_field_alone(
    typed: ModelService[Any], field: str, value: Any, reason: str
) -> None:
    changed = [row | ({field: value} if row["id"] == 2 else {}) for row in TYPED_ROWS]
    given: dict[str, Any] = {name: [row[name] for row in changed] for name in changed[0]}
    made, refused = table_of(typed, given)
    assert len(made) == 2
    assert reason in refused[0]


def test_a_label_that_the_model_does_not_list_is_of_the_signature_s_type(tmp_path: Path) -> None:
    inputs = PAYMENTS[["amount"]]
    naming = Naming(id="payment_id")
    service = served(saved(tmp_path / "model", IsolationForest(n_estimators=5).fit(inputs), inputs), naming)
    batch(service, stored(PAYMENTS, tmp_path / "a.parquet", "payment_id"), str(tmp_path / "out"), naming)
    answers = streamed(service, PAYMENTS.to_dict("records"))  # type: ignore[arg-type]
    assert {row["payment_id"]: row["label"] for row in kept(tmp_path / "out")} == answers
    assert set(answers.values()) == {1, -1}


def test_an_answer_of_another_type_than_the_signature_s_is_refused(tmp_path: Path) -> None:
    inputs = PAYMENTS[["amount"]]
    fitted = LinearRegression().fit(inputs, PAYMENTS["hour"])
    signature = mlflow.models.ModelSignature(
        Schema([ColSpec("double", "amount")]), Schema([ColSpec("long", "n")])
    )
    service = served(saved(tmp_path / "model", fitted, inputs, signature=signature), NAMED)
    events = stored(PAYMENTS, tmp_path / "a.parquet", "payment_id")
    with pytest.raises(
        ModelFailed, match=r"answers [\d.]+ for n, which its signature has as int; log it again"
    ):
        batch(service, events, str(tmp_path / "out"), Naming(id="payment_id"))
    assert not list((tmp_path / "out").glob("*.parquet"))


@pytest.mark.parametrize("kind", ["sqlite", "parquet"])
def test_a_tensor_is_a_list_in_its_column(tmp_path: Path, kind: str) -> None:
    block = np.random.default_rng(0).random((6, 3))
    fitted = LinearRegression().fit(block, block @ [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    signature = mlflow.models.infer_signature(block, fitted.predict(block))
    service = served(saved(tmp_path / "model", fitted, block, signature=signature))
    lists: list[Any] = block.tolist()
    lists[3], lists[4] = [1.0, None, 2.0], [1.0]
    frame = pd.DataFrame({"id": range(6), "inputs": lists if kind == "parquet" else map(json.dumps, lists)})
    events = stored(
        frame, tmp_path / "a.parquet" if kind == "parquet" else f"sqlite:///{tmp_path / 'a.db'}", "id"
    )
    done = batch(service, events, str(tmp_path / "out"), table=None if kind == "parquet" else "payments")
    answers = streamed(service, [{"id": n, "inputs": one} for n, one in enumerate(lists)])
    assert {row["id"]: (row["value_0"], row["value_1"]) for row in kept(tmp_path / "out")} == {
        name: value for name, value in answers.items() if name not in (3, 4)
    }
    assert {message for _, message in done.tally.reasons} == {answers[3], answers[4]}


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    inputs = PAYMENTS[["amount"]]
    fitted = DecisionTreeClassifier().fit(inputs, PAYMENTS["hour"] + BIG)
    folder = saved(tmp_path / "model", fitted, inputs)
    place = f"sqlite:///{tmp_path / 'p.db'}"
    batch(
        served(folder, NAMED),
        stored(PAYMENTS, tmp_path / "a.parquet", "payment_id"),
        place,
        Naming(id="payment_id"),
    )
    made = found(place, "model")
    assert {row["payment_id"]: row["label"] for row in made} == dict(
        zip(PAYMENTS["payment_id"], (PAYMENTS["hour"] + BIG).tolist(), strict=True)
    )
