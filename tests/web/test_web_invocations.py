"""MLflow's scoring protocol: the answers are those of MLflow's own scoring server for the same request."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import pandas as pd
import pytest
import signature_lab
from mlflow.pyfunc import scoring_server
from signature_lab import NUMBERS, PEOPLE, asked
from sklearn.linear_model import LinearRegression
from small_training import Training
from web_lab import serving

from threeways import artifact
from threeways.scoring.service import ModelService
from threeways.systems.taxi.duration import task

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

MAKERS = (
    signature_lab.classes,
    signature_lab.labels,
    signature_lab.outputs,
    signature_lab.tensor,
    signature_lab.texts,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {one.__name__: one(folder / one.__name__) for one in MAKERS}


@pytest.fixture(scope="module")
def clients(folders: dict[str, Path]) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as running:
        yield {
            name: running.enter_context(serving(signature_lab.served(folder)))
            for name, folder in folders.items()
        }


def mlflow_s(folder: Path, body: str, kind: str = "application/json") -> Any:
    """What MLflow's scoring server answers."""
    loaded = mlflow.pyfunc.load_model(str(folder))
    schema = loaded.metadata.get_input_schema()
    answer = scoring_server.invocations(body, kind, loaded, schema)  # type: ignore[no-untyped-call]
    assert answer.status == 200, answer
    return json.loads(answer.response)


def table(form: str, rows: int = 60) -> str:
    """The same people in one of the protocol's forms, without an index."""
    frame = PEOPLE[:rows]
    if form == "dataframe_split":
        made = json.loads(frame.to_json(orient="split", date_format="iso", date_unit="us"))
        return json.dumps({form: {"columns": made["columns"], "data": made["data"]}})
    records = json.loads(frame.to_json(orient="records", date_format="iso", date_unit="us"))
    if form == "inputs":
        return json.dumps({form: {name: [row[name] for row in records] for name in frame.columns}})
    return json.dumps({form: records})


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records"])
@pytest.mark.parametrize("kind", ["classes", "labels", "outputs"])
def test_a_dataframe_is_answered_as_mlflow_answers(
    clients: dict[str, httpx.Client], folders: dict[str, Path], kind: str, form: str, rows: int
) -> None:
    answer = asked(clients[kind], table(form, rows))
    assert answer.status_code == 200, answer.text
    assert answer.json() == mlflow_s(folders[kind], table(form, rows))
    assert len(answer.json()["predictions"]) == rows


@pytest.mark.parametrize("form", ["inputs", "instances"])
def test_columns_and_instances_are_answered_as_mlflow_answers_the_same_table(
    clients: dict[str, httpx.Client], folders: dict[str, Path], form: str
) -> None:
    answer = asked(clients["classes"], table(form))
    assert answer.status_code == 200, answer.text
    assert answer.json() == mlflow_s(folders["classes"], table("dataframe_split"))


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": NUMBERS.tolist()},
        {"instances": NUMBERS[:1].tolist()},
        {"dataframe_split": {"columns": ["a", "b"], "data": NUMBERS.tolist()}},
        {"dataframe_split": {"data": NUMBERS.tolist(), "index": list(range(len(NUMBERS)))}},
        {"dataframe_records": [{"a": a, "b": b} for a, b in NUMBERS.tolist()]},
    ],
)
def test_an_array_is_answered_as_mlflow_answers(
    clients: dict[str, httpx.Client], folders: dict[str, Path], body: dict[str, Any]
) -> None:
    answer = asked(clients["tensor"], json.dumps(body))
    assert answer.status_code == 200, answer.text
    assert answer.json() == mlflow_s(folders["tensor"], json.dumps(body))


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": ["good film", "a, [b]"]},
        {"instances": ["good film"]},
        {"dataframe_split": {"columns": [0], "data": [["good film"], ["bad"]]}},
    ],
)
def test_texts_without_a_column_s_name_are_answered_as_mlflow_answers(
    clients: dict[str, httpx.Client], folders: dict[str, Path], body: dict[str, Any]
) -> None:
    answer = asked(clients["texts"], json.dumps(body))
    assert answer.status_code == 200, answer.text
    assert answer.json() == mlflow_s(folders["texts"], json.dumps(body))


def test_csv_is_answered_as_mlflow_answers(
    clients: dict[str, httpx.Client], folders: dict[str, Path], tmp_path: Path
) -> None:
    fitted = LinearRegression().fit(PEOPLE[["capital gain, %", "visits"]], PEOPLE["visits"])
    frame = PEOPLE[["visits", "capital gain, %"]].assign(other="a, b")
    folder = signature_lab.logged(tmp_path / "model", fitted, PEOPLE[["capital gain, %", "visits"]])
    with serving(signature_lab.served(folder)) as client:
        for text in (frame.to_csv(index=False), frame.to_csv()):
            answer = asked(client, text, "text/csv; charset=utf-8")
            assert answer.status_code == 200, answer.text
            assert answer.json() == mlflow_s(folder, text, "text/csv")
    texts = pd.DataFrame(NUMBERS).to_csv(index=False)  # MLflow fails on CSV for an array
    assert asked(clients["tensor"], texts, "text/csv").json() == mlflow_s(
        folders["tensor"], json.dumps({"inputs": NUMBERS.tolist()})
    )


def test_csv_s_texts_times_and_missing_values_are_those_of_the_table(
    clients: dict[str, httpx.Client], folders: dict[str, Path]
) -> None:
    text = PEOPLE.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%S")  # MLflow takes no times out of CSV
    answer = asked(clients["classes"], text, "text/csv")
    assert answer.status_code == 200, answer.text
    assert answer.json() == mlflow_s(folders["classes"], table("dataframe_split"))


def test_columns_in_another_order_beyond_the_model_s_or_optional_ones_left_out(
    clients: dict[str, httpx.Client], folders: dict[str, Path]
) -> None:
    """The model itself fails without an optional column; MLflow passes that on, and here it is missing."""
    frame = PEOPLE[:3].assign(person=["a", "b", "c"], height=np.nan)
    turned = frame[frame.columns[::-1]]
    bodies = []
    for table_of in (turned, turned.drop(columns="height")):
        made = json.loads(table_of.to_json(orient="split", date_format="iso"))
        bodies.append(json.dumps({"dataframe_split": {"columns": made["columns"], "data": made["data"]}}))
    for body in bodies:
        answer = asked(clients["classes"], body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == mlflow_s(folders["classes"], bodies[0])


def test_ping_and_version(clients: dict[str, httpx.Client]) -> None:
    client = clients["classes"]
    ping = client.get("/ping")
    assert (ping.status_code, ping.text) == (200, "\n")
    assert client.head("/ping").status_code == 200
    assert client.get("/version").text == mlflow.__version__


def test_ten_thousand_rows_are_one_request(
    clients: dict[str, httpx.Client], folders: dict[str, Path]
) -> None:
    body = json.dumps({"inputs": np.tile(NUMBERS, (200, 1))[:10_000].tolist()})
    answer = asked(clients["tensor"], body)
    assert answer.json() == mlflow_s(folders["tensor"], body)


def test_a_task_s_model_takes_rows_of_its_signature(training: Training) -> None:
    """The answer is that of the artifact, whatever the task makes of its events."""
    folder = training.report.model.folder
    loaded = artifact.load(folder, None)
    with serving(ModelService(loaded, task, "v1")) as client:
        rows = [[130.0, 205.0, 130205.0, 3.66, 495.0, 0.0], [1.0, 2.0, 1002.0, 0.5, 0.0, 6.0]]
        body = json.dumps({"dataframe_split": {"columns": task.columns, "data": rows}})
        answer = asked(client, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"] == pytest.approx(mlflow_s(folder, body)["predictions"], rel=1e-12)


@pytest.mark.exhaustive
def test_mlflow_s_server_beside_it_answers_the_same(
    clients: dict[str, httpx.Client], folders: dict[str, Path]
) -> None:
    """The real server on a port of its own, with each form that both take."""
    for kind in ("classes", "labels", "outputs", "tensor"):
        with mlflow_served(folders[kind]) as theirs:
            forms = [table("dataframe_split"), table("dataframe_records", 7)]
            if kind == "tensor":
                forms = [
                    json.dumps({"inputs": NUMBERS.tolist()}),
                    json.dumps({"instances": NUMBERS.tolist()}),
                ]
            for body in forms:
                own, other = asked(clients[kind], body), asked(theirs, body)
                assert own.status_code == other.status_code == 200
                assert own.json() == other.json()
                assert own.headers["content-type"] == other.headers["content-type"]
            for path in ("/ping", "/version"):
                own, other = clients[kind].get(path), theirs.get(path)
                assert (own.status_code, own.content) == (other.status_code, other.content)
            refused = asked(theirs, json.dumps({"rows": []})).status_code
            assert refused == 400
            assert asked(clients[kind], json.dumps({"rows": []})).status_code == 422


@contextmanager
def mlflow_served(folder: Path) -> Iterator[httpx.Client]:
    """A client of `mlflow models serve`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder)]
    options = ["--host=127.0.0.1", f"--port={port}", "--env-manager=local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it looks for uvicorn there
    running = subprocess.Popen(
        [*command, *options], env=os.environ | {"PATH": path}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            for _ in range(600):
                try:
                    client.get("/ping")
                    break
                except httpx.TransportError:
                    assert running.poll() is None
                    time.sleep(0.1)
            yield client
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(30)


def test_columns_that_are_numbers_are_taken_by_their_number(tmp_path: Path) -> None:
    frame = pd.DataFrame(NUMBERS)
    fitted = LinearRegression().fit(NUMBERS, NUMBERS @ [1.0, 10.0])
    folder = signature_lab.logged(tmp_path / "model", fitted, frame)
    with serving(signature_lab.served(folder)) as client:
        there = asked(client, json.dumps({"dataframe_split": {"columns": [0, 1], "data": [[1.0, 2.0]]}}))
        turned = asked(client, json.dumps({"dataframe_split": {"columns": [1, 0], "data": [[2.0, 1.0]]}}))
    assert there.json() == turned.json()
    assert there.json()["predictions"] == pytest.approx([21.0])
