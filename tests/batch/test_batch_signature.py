"""The batch job serves a model by its signature: its columns, its labels, its errors, event by event."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from batch_lab import kept, rows
from mlflow.types import ColSpec, Schema
from other_tasks import UPLOADS
from rich.console import Console
from signature_models import (
    NAMED,
    PAYMENTS,
    PLACES,
    ROWS,
    batch,
    classifier,
    database,
    first,
    found,
    saved,
    served,
    stored,
    streamed,
)
from sklearn.linear_model import LinearRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from threeways import artifact
from threeways.batch import layout
from threeways.batch.command import Options
from threeways.batch.command import run as run_command
from threeways.batch.layout import Naming
from threeways.batch.report import page
from threeways.batch.scheduled import lambda_handler
from threeways.cli.batch import batch as command
from threeways.errors import BatchError, DataError
from threeways.scoring.outputs import Classes
from threeways.settings import Settings

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

pytest_plugins = ["postgres_server"]


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classifier(tmp_path_factory.mktemp("fraud") / "model")


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
