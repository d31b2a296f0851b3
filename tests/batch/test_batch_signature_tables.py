"""A model's tables have a column for each output and class, and names that their place holds."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from batch_lab import rows
from mlflow.types import ColSpec, Schema
from signature_models import (
    NAMED,
    PAYMENTS,
    PLACES,
    ROWS,
    batch,
    classifier,
    database,
    found,
    regressor,
    saved,
    served,
    stored,
    streamed,
)
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.tree import DecisionTreeClassifier

from threeways.batch import layout
from threeways.batch.layout import Naming
from threeways.batch.names import of_model
from threeways.batch.report import page
from threeways.errors import BatchError, DataError, SettingsError, UsageError

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

pytest_plugins = ["postgres_server"]


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifier(tmp_path_factory.mktemp("fraud") / "model")


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
