"""The batch job serves a model by its signature: its columns, its labels, its errors, event by event."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from batch_lab import kept, rows
from mlflow.types import ColSpec, Schema
from other_tasks import UPLOADS
from rich.console import Console
from signature_models import (
    PAYMENTS,
    ROWS,
    batch,
    classifier,
    regressor,
    saved,
    served,
    stored,
    streamed,
)
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from threeways import artifact
from threeways.batch import layout
from threeways.batch.columns import Rows
from threeways.batch.command import Options
from threeways.batch.command import run as run_command
from threeways.batch.layout import Naming
from threeways.batch.names import of_model
from threeways.batch.report import page
from threeways.batch.scheduled import lambda_handler
from threeways.batch.values import Values
from threeways.cli.batch import batch as command
from threeways.errors import BatchError, DataError, ModelFailed, SettingsError, UsageError
from threeways.scoring.outputs import Classes
from threeways.scoring.service import ModelService
from threeways.settings import Settings

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

pytest_plugins = ["postgres_server"]

NAMED = Naming(id="payment_id", actual="truth")
PLACES = ["sqlite", "parquet", pytest.param("postgresql", marks=pytest.mark.exhaustive)]


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifier(tmp_path_factory.mktemp("fraud") / "model")


def database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'a.db'}" if kind == "sqlite" else str(tmp_path / "out")


def found(place: str, model: str) -> list[dict[str, Any]]:
    """The predictions of a place, in the order of their ids."""
    if "://" not in place:
        return sorted(kept(Path(place)), key=lambda row: str(row["payment_id"]))
    engine = sa.create_engine(place.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        made = connection.exec_driver_sql(f"SELECT * FROM {model}_predictions ORDER BY 1")  # noqa: S608
        return [dict(row) for row in made.mappings()]


@pytest.mark.parametrize("kind", PLACES)
def test_a_classifier_s_table_has_the_label_and_each_probability_as_the_stream_gives_them(
    fraud: Path, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    service = served(fraud, NAMED, model_name="fraud-eu prod.1")
    place = database(kind, tmp_path, request)
    frame = PAYMENTS.copy()
    frame.loc[3, "amount"] = np.nan
    frame.loc[4, "country"] = None
    events = stored(frame, tmp_path / "payments.parquet" if kind == "parquet" else place, "payment_id")
    done = batch(service, events, place, NAMED, chunk=25, table=None if kind == "parquet" else "payments")
    assert (done.run.read, done.run.scored, done.run.quarantined) == (ROWS, ROWS - 2, 2)
    answers = streamed(service, PAYMENTS.to_dict("records"))  # type: ignore[arg-type]
    made = found(place, "fraud_eu_prod_1")
    assert list(made[0]) == [
        "payment_id", "label", "probability_fraud", "probability_ok", "flags", "model_version",
    ]  # fmt: skip
    assert {
        row["payment_id"]: (row["label"], {"fraud": row["probability_fraud"], "ok": row["probability_ok"]})
        for row in made
    } == {name: value for name, value in answers.items() if name not in ("p3", "p4")}
    assert {message for _, message in done.tally.reasons} == {
        "Expected `float`, got `null` - at `$.amount`",
        "Expected `str`, got `null` - at `$.country`",
    }


@pytest.mark.parametrize("chunk", [7, 100])
def test_classes_are_judged_by_their_truth_as_scikit_learn_does(
    fraud: Path, tmp_path: Path, chunk: int
) -> None:
    service, frame = served(fraud, NAMED), PAYMENTS.copy()
    frame.loc[0, "truth"] = None
    events = stored(frame, tmp_path / "payments.parquet", "payment_id")
    done = batch(service, events, str(tmp_path / "out"), NAMED, chunk=chunk)
    values = list(streamed(service, PAYMENTS[1:].to_dict("records")).values())  # type: ignore[arg-type]
    truth, chances = list(PAYMENTS["truth"][1:]), [one["ok"] for _, one in values]
    right = [label == true for (label, _), true in zip(values, truth, strict=True)]
    assert done.run.error == {
        "accuracy": sum(right) / (ROWS - 1),
        "log_loss": pytest.approx(log_loss([one == "ok" for one in truth], chances), rel=1e-12),
        "auc": pytest.approx(roc_auc_score([one == "ok" for one in truth], chances), rel=1e-12),
    }
    assert isinstance(done.run.confusion, dict)
    told = [label for label, _ in values]
    assert done.run.confusion["ok"]["fraud"] == sum(
        true == "ok" and label == "fraud" for true, label in zip(truth, told, strict=True)
    )
    assert (done.run.judged, done.run.mean) == (ROWS - 1, None)
    report = page(done)
    for part in ("log loss", "AUC", "A row is a true label", "<th>ok</th>", "What is predicted: label"):
        assert part in report


def test_a_truth_of_other_labels_is_counted_and_told(fraud: Path, tmp_path: Path) -> None:
    service, frame = served(fraud, NAMED), PAYMENTS.copy()
    frame["truth"] = [f"label {row}" for row in range(ROWS)]
    events, out = stored(frame, tmp_path / "payments.parquet", "payment_id"), io.StringIO()
    options = Options(events, task=None, naming=NAMED, report=tmp_path / "report.html")
    run_command(options, lambda: service, Console(file=out, width=200), tmp_path)
    assert "60 events have a true label that is none of the model's classes" in out.getvalue()
    record = json.loads((tmp_path / "last-batch.json").read_text())
    assert record["error"] == {"accuracy": 0.0}
    assert len(record["confusion"]) == 21
    assert "none of the model" in (tmp_path / "report.html").read_text()


def test_truths_of_another_type_are_the_same_labels(tmp_path: Path) -> None:
    pairs: list[tuple[Any, Any]] = [
        (PAYMENTS["hour"] % 2, (PAYMENTS["hour"] % 2).astype(float)),  # as pandas has them beside gaps
        (PAYMENTS["new"], PAYMENTS["new"].astype(int)),  # as SQLite has them
        (PAYMENTS["new"], PAYMENTS["new"].map(str)),  # as CSV has them
        (PAYMENTS["hour"] % 2 + 1.0, PAYMENTS["hour"] % 2 + 1),
    ]
    for n, (labels, truth) in enumerate(pairs):
        folder, out = tmp_path / f"{n}", tmp_path / f"{n}-out"
        service = served(classifier(folder, labels), NAMED)
        events = stored(PAYMENTS.assign(truth=truth), tmp_path / f"{n}.parquet", "payment_id")
        done = batch(service, events, str(out), NAMED)
        assert "log_loss" in done.run.errors, labels.dtype
        [kind] = {type(row["label"]) for row in kept(out)}
        assert kind is type(labels[0].item())


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


def first(frame: Any) -> Any:
    return np.arange(len(frame), dtype=float).reshape(-1, 1)


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


@pytest.mark.parametrize("kind", PLACES)
def test_a_regressor_with_missing_values_is_judged_as_numbers_are(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    service = served(regressor(tmp_path / "model"), NAMED)
    place = database(kind, tmp_path, request)
    frame = PAYMENTS[["payment_id", "amount", "hour"]].astype({"hour": "float64"})
    frame["truth"] = frame["amount"] * 3 + frame["hour"]
    frame.loc[1, "amount"] = frame.loc[2, "hour"] = frame.loc[5, "truth"] = np.nan
    events = stored(frame, tmp_path / "payments.parquet" if kind == "parquet" else place, "payment_id")
    done = batch(service, events, place, NAMED, table=None if kind == "parquet" else "payments")
    assert (done.run.scored, done.run.quarantined, done.run.judged) == (ROWS, 0, ROWS - 1)
    assert done.run.rmse is not None
    events_of = [{k: v for k, v in row.items() if v == v} for row in frame.to_dict("records")]
    made = found(place, "model")
    assert {row["payment_id"]: row["total"] for row in made} == streamed(service, events_of)  # type: ignore[arg-type]
    assert list(made[0]) == ["payment_id", "total", "flags", "model_version"]


@pytest.mark.parametrize("kind", PLACES)
def test_each_of_several_outputs_has_a_column_of_its_type(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    targets = PAYMENTS[["truth", "country"]].rename(columns={"truth": "kind"})
    inputs = PAYMENTS[["amount", "hour"]]
    fitted = MultiOutputClassifier(DecisionTreeClassifier()).fit(inputs, targets)
    signature = mlflow.models.infer_signature(inputs, targets)
    service = served(saved(tmp_path / "model", fitted, inputs, signature=signature), NAMED)
    place = database(kind, tmp_path, request)
    events = stored(PAYMENTS, tmp_path / "payments.parquet" if kind == "parquet" else place, "payment_id")
    with pytest.raises(
        SettingsError, match="ACTUAL=truth: it predicts kind, country; name a column for each"
    ):
        batch(service, events, place, NAMED)
    by_id = Naming(id="payment_id", actual="truth,country")
    done = batch(service, events, place, by_id, table=None if kind == "parquet" else "payments")
    answers = streamed(service, PAYMENTS.to_dict("records"))  # type: ignore[arg-type]
    made = found(place, "model")
    assert {row["payment_id"]: (row["kind"], row["country"]) for row in made} == answers
    assert done.run.labels == {"kind": PAYMENTS["truth"].value_counts().to_dict()} | {
        "country": PAYMENTS["country"].value_counts().to_dict()
    }
    right = sum(answers[one.payment_id][0] == one.truth for one in PAYMENTS.itertuples())
    assert done.run.error == {"accuracy_kind": right / ROWS, "accuracy_country": 1.0}
    assert "accuracy_kind" in page(done)


def test_several_numbers_are_judged_each_by_its_column(tmp_path: Path) -> None:
    inputs = PAYMENTS[["amount"]]
    targets = pd.DataFrame({"minutes": PAYMENTS["hour"] * 2.0, "litres": PAYMENTS["amount"]})
    service = served(saved(tmp_path / "model", LinearRegression().fit(inputs, targets), inputs,
        signature=mlflow.models.infer_signature(inputs, targets)), NAMED)  # fmt: skip
    frame = PAYMENTS.join(targets)
    frame.loc[2, "minutes"] = np.nan
    events = stored(frame, tmp_path / "a.parquet", "payment_id")
    answers = streamed(service, PAYMENTS.to_dict("records"))  # type: ignore[arg-type]
    off = np.array([answers[one.payment_id][0] - one.minutes for one in frame.itertuples()])
    done = batch(service, events, str(tmp_path / "a"), Naming(id="payment_id", actual="minutes"), chunk=7)
    assert done.run.errors == {
        "mae_minutes": pytest.approx(np.nanmean(np.abs(off))),
        "rmse_minutes": pytest.approx(np.sqrt(np.nanmean(off**2))),
    }
    assert done.run.judged == ROWS - 1
    both = Naming(id="payment_id", actual="hour, amount")
    assert len(batch(service, events, str(tmp_path / "b"), both).run.errors) == 4
    none = batch(service, events, str(tmp_path / "c"), Naming(id="payment_id"))
    assert "as ACTUAL=minutes,litres." in page(none)
    with pytest.raises(DataError, match="lacks nowhere"):
        batch(service, events, str(tmp_path / "d"), Naming(id="payment_id", actual="hour,nowhere"))


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
        batch(service, events, str(tmp_path / "out"), NAMED)
    assert not list((tmp_path / "out").glob("*.parquet"))


@pytest.mark.parametrize(
    ("column", "output", "says"),
    [
        ('a "b"', "n", "the signature or the id: .*rename that column"),
        ("amount", 'the "n"', "its output: .*rename it"),
    ],
)
def test_names_that_no_json_of_ours_has_are_refused_with_the_mend(
    tmp_path: Path, column: str, output: str, says: str
) -> None:
    inputs = PAYMENTS[["amount"]].rename(columns={"amount": column})
    fitted = LinearRegression().fit(inputs, PAYMENTS["hour"])
    signature = mlflow.models.ModelSignature(
        Schema([ColSpec("double", column)]), Schema([ColSpec("double", output)])
    )
    with pytest.raises(UsageError, match=says):
        served(saved(tmp_path / "model", fitted, inputs, signature=signature))


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


ODD = ["50%", "a b", "it's", '"q"', "(x):y", "%(z)s", "ü.☂", "select", ""]


@pytest.mark.parametrize("kind", PLACES)
def test_a_class_may_be_called_anything_that_the_place_holds(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    labels = [ODD[row % len(ODD)] for row in range(ROWS)]
    service = served(classifier(tmp_path / "model", labels), NAMED)
    place = database(kind, tmp_path, request)
    events = stored(PAYMENTS, tmp_path / "payments.parquet", "payment_id")
    for _ in range(2):  # the second goes by what is there
        batch(service, events, place, NAMED, chunk=40)
    answers = streamed(service, PAYMENTS.to_dict("records"))  # type: ignore[arg-type]
    for row in found(place, "model"):
        label, chances = answers[row["payment_id"]]
        assert row["label"] == label
        assert {name: row[f"probability_{name}"] for name in ODD} == chances


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["Fraud", "fraud"], "two columns of its predictions would be called probability_fraud"),
        (["a\0b", "c"], "which no table can have; rename the output, or the class"),
    ],
)
def test_classes_that_no_table_can_have_beside_each_other_are_refused(
    tmp_path: Path, labels: list[str], says: str
) -> None:
    service = served(classifier(tmp_path / "model", [labels[row % 2] for row in range(ROWS)]), NAMED)
    with pytest.raises(SettingsError, match=says):
        layout.of(service.declared, NAMED)


@pytest.mark.exhaustive
def test_a_class_whose_name_postgresql_would_cut_is_refused_with_what_holds_it(
    tmp_path: Path, postgres: str
) -> None:
    service = served(classifier(tmp_path / "model", [f"{row % 2}" * 60 for row in range(ROWS)]), NAMED)
    events = stored(PAYMENTS, tmp_path / "payments.parquet", "payment_id")
    with pytest.raises(BatchError, match=r"holds no name longer than 63 bytes.*PREDICTIONS=folder"):
        batch(service, events, postgres, NAMED)
    assert batch(service, events, str(tmp_path / "out"), NAMED).run.scored == ROWS


@pytest.mark.parametrize("kind", PLACES)
def test_tables_of_other_classes_or_of_another_type_are_refused(
    fraud: Path, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    place, events = database(kind, tmp_path, request), stored(PAYMENTS, tmp_path / "a.parquet", "payment_id")
    batch(served(fraud, NAMED), events, place, NAMED)
    for n, labels in enumerate((PAYMENTS["country"], PAYMENTS["truth"], PAYMENTS["hour"] % 2)):
        method = "predict" if n == 1 else "predict_proba"
        other = served(classifier(tmp_path / f"{n}", labels, method), NAMED)
        with pytest.raises(
            BatchError, match=r"of another output|without probability_.*name another place, PREDICTIONS="
        ):
            batch(other, events, place, NAMED)
    numbers = served(classifier(tmp_path / "numbers", PAYMENTS["hour"] % 2, "predict"), NAMED)
    second = place + "2" if kind != "postgresql" else f"sqlite:///{tmp_path / 'b.db'}"
    batch(numbers, events, second, NAMED)
    texts = served(classifier(tmp_path / "texts", PAYMENTS["truth"], "predict"), NAMED)
    with pytest.raises(BatchError, match=r"whose label is|label differ"):
        batch(texts, events, second, NAMED)


def test_two_models_share_a_database_and_two_names_that_become_one_do_not(
    fraud: Path, tmp_path: Path
) -> None:
    place, events = f"sqlite:///{tmp_path / 'p.db'}", stored(PAYMENTS, tmp_path / "a.parquet", "payment_id")
    for name in ("fraud-eu", "fraud us"):
        for _ in range(2):
            batch(served(fraud, NAMED, model_name=name), events, place, NAMED)
    assert len(rows(place, "fraud_eu_predictions")) == len(rows(place, "fraud_us_predictions")) == ROWS
    with pytest.raises(
        BatchError, match=r"holds predictions of fraud us in tables that Fraud\.us would have"
    ):
        batch(served(fraud, NAMED, model_name="Fraud.us"), events, place, NAMED)


def test_an_id_that_is_a_feature_is_one_too(tmp_path: Path) -> None:
    inputs = PAYMENTS[["hour", "amount"]].assign(hour=range(ROWS))
    folder = saved(tmp_path / "model", LinearRegression().fit(inputs, inputs["hour"] * 3.0), inputs)
    naming = Naming(id="hour")
    service = served(folder, naming)
    events = stored(inputs, tmp_path / "a.parquet", "hour")
    batch(service, events, str(tmp_path / "out"), naming)
    assert {row["hour"]: row["value"] for row in kept(tmp_path / "out")} == streamed(
        service,
        inputs.to_dict("records"),  # type: ignore[arg-type]
    )
    other = served(folder, event_id="hour")
    with pytest.raises(DataError, match="lacks hour"):
        batch(other, stored(inputs[["amount"]], tmp_path / "b.parquet", "amount"), str(tmp_path / "out2"))


@pytest.mark.parametrize("of", ["datetime", "string"])
def test_a_time_that_the_metadata_names_makes_intervals_and_stays_a_feature(tmp_path: Path, of: str) -> None:
    frame = pd.DataFrame(
        {"x": [1.0, 2.0, 3.0], "at": pd.to_datetime(["2021-02-01", "2021-02-02", "2021-02-03"])}
    )
    if of == "string":
        frame["at"] = frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    fitted = make_pipeline(FunctionTransformer(first), LinearRegression()).fit(frame, [0.0, 1.0, 2.0])
    inputs = Schema([ColSpec("double", "x"), ColSpec(of, "at")])
    signature = mlflow.models.ModelSignature(inputs, Schema([ColSpec("double")]))
    folder = saved(tmp_path / "model", fitted, frame, signature=signature, metadata={"time": "at"})
    events = stored(frame.assign(id=range(3)), tmp_path / "a.parquet", "id")
    done = batch(served(folder), events, str(tmp_path / "out"), start="2021-02-02", end="2021-02-03")
    assert [row["id"] for row in kept(tmp_path / "out")] == [1]
    assert done.run.interval is not None


def test_bad_events_are_refused_before_a_model_is_found_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbound = layout.of(dataclasses.replace(UPLOADS, output=Classes()))
    monkeypatch.setattr(Options, "layout", lambda _self: unbound)

    def never() -> Any:
        raise AssertionError

    with pytest.raises(DataError, match="there is no database"):
        run_command(
            Options(f"sqlite:///{tmp_path / 'none.db'}"), never, Console(file=io.StringIO()), tmp_path
        )


def test_the_schedule_serves_a_signature_and_batch_id_names_its_id(
    fraud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"sqlite:///{tmp_path / 'p.db'}"
    environment = {
        "BATCH_EVENTS": stored(PAYMENTS, tmp_path / "a.parquet", "payment_id"),
        "BATCH_PREDICTIONS": place,
        "BATCH_ID": "payment_id",
        "BATCH_ACTUAL": "truth",
        "MODEL_LOCATION": str(fraud),
        "MODEL_SHA256": artifact.digest(fraud),
        "MODEL_NAME": "fraud",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    told = lambda_handler({}, None)
    assert (told["scored"], told["task"]) == (ROWS, "fraud")
    assert told["error"].keys() == {"accuracy", "log_loss", "auc"}
    assert len(rows(place, "fraud_predictions")) == ROWS


@pytest.mark.exhaustive
@pytest.mark.parametrize("several", [False, True])
def test_spark_serves_a_signature_as_one_machine_does(fraud: Path, tmp_path: Path, several: bool) -> None:
    from test_batch_spark import spark_or_skip

    run_spark = spark_or_skip()
    frame = PAYMENTS.copy()
    frame.loc[3, "amount"] = np.nan
    named = NAMED
    if several:
        inputs, targets = PAYMENTS[["amount"]], PAYMENTS[["hour", "country"]]
        fitted = MultiOutputClassifier(DecisionTreeClassifier()).fit(inputs, targets.astype(str))
        signature = mlflow.models.infer_signature(inputs, targets.astype(str))
        fraud = saved(tmp_path / "model", fitted, inputs, signature=signature)
        named = Naming(id="payment_id", actual="country")
    events = stored(frame, tmp_path / "a.parquet", "payment_id")
    console, settings = Console(file=io.StringIO()), Settings(model_sha256=artifact.digest(fraud))
    runs = {}
    for name in ("here", "spark"):
        options = Options(events, predictions=str(tmp_path / name), task=None, naming=named)
        if name == "spark":
            assert run_spark(options, lambda: (fraud, settings), console, tmp_path)
        else:
            assert run_command(options, lambda: served(fraud, named), console, tmp_path)
        runs[name] = json.loads((tmp_path / "last-batch.json").read_text())
    for kind in ("predictions", "quarantine"):
        here, spark = (
            sorted(kept(tmp_path / name, kind), key=lambda row: str(row["payment_id"]))
            for name in ("here", "spark")
        )
        assert here == spark
        assert here
        assert pq.read_schema(next((tmp_path / "here").glob(f"{kind}*"))) == pq.read_schema(
            next((tmp_path / "spark").glob(f"{kind}*"))
        )
    for name in ("read", "scored", "quarantined", "judged", "labels", "confusion"):
        assert runs["here"][name] == runs["spark"][name]
    assert runs["here"]["error"] == pytest.approx(runs["spark"]["error"])


def test_the_command_serves_the_model_that_is_named_and_says_how_good_its_classes_are(
    fraud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_LOCATION", str(fraud))
    monkeypatch.setenv("MODEL_SHA256", artifact.digest(fraud))
    place = stored(PAYMENTS, f"sqlite:///{tmp_path / 'a.db'}", "payment_id")
    command(events=place, table="payments", predictions=place, event_id="payment_id", actual="truth")
    said = capsys.readouterr().out
    for part in ("task model", "label fraud", "log loss", "AUC", "True labels"):
        assert part in said
    assert len(rows(place, "model_predictions")) == ROWS
    with pytest.raises(BatchError, match="the model model makes no events by itself; give EVENTS="):
        command(predictions=place)


def test_a_model_s_tables_have_names_that_need_no_quotes() -> None:
    names = [
        "fraud",
        "fraud-eu prod.2",
        "Fraud/ü",
        "1st",
        "_x",
        "",
        "モデル",
        "模型",
        "a" * 200,
        "a" * 201,
        "☂",
        "x\ud800",
    ]
    made = [of_model(name).predictions for name in names]
    assert made[:4] == [
        "fraud_predictions", "fraud_eu_prod_2_predictions", "fraud_u_predictions", "m1st_predictions"
    ]  # fmt: skip
    assert len(set(made)) == len(names)
    for one in made:
        assert re.fullmatch(r"[a-z][a-z0-9_]*_predictions", one)
        assert len(f"{one}_copied") <= 63
    assert made == [of_model(name).predictions for name in names]
