"""A classifier on 12 numbers and 3 texts, that of `examples/fraud.py`: its handler beside the usual way."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any

from benchmarks import rides, usual_mixed
from benchmarks.handlers import BATCH, CONTEXT, done
from benchmarks.measure import Measure, in_turn, rate, timed
from benchmarks.output import Output

WHAT = "classifier on 12 numbers and 3 texts"
USUAL_RECORDS = 50
GOAL = 60.0
_ROWS = 5_000


def model(folder: Path) -> Path:
    """The model, logged by MLflow into a folder with the signature of its DataFrame."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from examples.fraud import TEXTS, payments

    train = payments(_ROWS, seed=1)
    features = train.drop(columns=["payment_id", "outcome"])
    numbers = [name for name in features if name not in TEXTS]
    fitted = make_pipeline(
        make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), TEXTS)),
        LogisticRegression(max_iter=1000),
    ).fit(features, train["outcome"])
    with warnings.catch_warnings(action="ignore"):  # none of the integers is ever missing
        signature = infer_signature(features, fitted.predict_proba(features))
    mlflow.sklearn.save_model(
        fitted, str(folder), signature=signature,
        input_example=features.head(2), serialization_format="skops", skops_trusted_types=["numpy.dtype"],
        pyfunc_predict_fn="predict_proba", pip_requirements=["scikit-learn"], metadata={"id": "payment_id"},
    )  # fmt: skip
    return folder


def payloads(count: int) -> list[bytes]:
    """So many payments' bytes."""
    from examples.fraud import payments

    frame = payments(count, seed=2).drop(columns="outcome")
    return [line.encode() for line in frame.to_json(orient="records", lines=True).splitlines()]


def ours(folder: Path, output: Output) -> Any:
    """Our handler, of one event, of the task that the signature makes."""
    from threeways import bootstrap
    from threeways.settings import Settings
    from threeways.stream.delivery import StreamDelivery
    from threeways.stream.handler import StreamHandler
    from threeways.stream.quarantine import S3Quarantine

    client: Any = output
    service = bootstrap.service_of(folder, Settings(model_runtime="sklearn"))
    handler = StreamHandler(service, StreamDelivery(client, "out"), S3Quarantine(client, "s3://bench/aside"))
    return lambda event: handler(event, CONTEXT)


def theirs(folder: Path, output: Output) -> Any:
    """The usual handler."""
    import mlflow.pyfunc

    return usual_mixed.handler_of(mlflow.pyfunc.load_model(str(folder)), output, "out")


def measured(folder: Path, rounds: int) -> list[Measure]:
    """Events a second of both sides, in turn."""
    mine, other = ours(folder, Output()), theirs(folder, Output())
    data = payloads(BATCH)
    many, few = rides.event(data), rides.event(data[:USUAL_RECORDS])
    gc.collect()
    gc.freeze()
    found = in_turn({"ours": timed(lambda: done(mine(many))), "usual": timed(lambda: other(few))}, rounds)
    counts = {"ours": BATCH, "usual": USUAL_RECORDS}
    return [rate(f"{WHAT}, batch of {BATCH:,}: events a second", found, counts, GOAL)]
