"""MLflow's scoring protocol: what is wrong with a request is said with its row and field."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import signature_lab
from signature_lab import PEOPLE, asked
from web_lab import problem, service, serving

from threeways.web.bodies import BATCH_BYTES

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    folder = signature_lab.classes(tmp_path_factory.mktemp("models") / "classes")
    with serving(signature_lab.served(folder)) as client:
        yield {"classes": client}


def split(**changed: Any) -> dict[str, Any]:
    row = json.loads(PEOPLE[:1].to_json(orient="records", date_format="iso"))[0] | changed
    return {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}


def without(name: str) -> dict[str, Any]:
    row = json.loads(PEOPLE[:1].to_json(orient="records", date_format="iso"))[0]
    del row[name]
    return {"dataframe_records": [row]}


REFUSED: list[tuple[Any, int, str]] = [
    (b"{", 400, "truncated"),
    (b"[1]", 422, "dataframe_split, dataframe_records, inputs, instances"),
    ({}, 422, "none of them"),
    ({"inputs": [1], "instances": [1]}, 422, "inputs, instances"),
    (split(visits="3"), 422, "row 0: Expected `int`, got `str` - at `$.visits`"),
    (split(visits=2**63), 422, "row 0: Expected `int` <= 9223372036854775807 - at `$.visits`"),
    (split(visits=2.5), 422, "row 0: Expected `int`, got `float` - at `$.visits`"),
    (split(joined="yesterday"), 422, "row 0: Invalid RFC3339 encoded datetime - at `$.joined`"),
    (split(**{"new?": 1}), 422, "row 0: Expected `bool`, got `int` - at `$.new?`"),
    (split(**{"capital gain, %": None}), 422, "row 0: Expected `float`, got `null` - at `$.capital gain, %`"),
    (without("home-town"), 422, "row 0: Object missing required field `home-town`"),
    ({"dataframe_split": {"columns": ["visits"], "data": [[1]]}}, 422, "`capital gain, %, new?, joined"),
    ({"dataframe_split": {"data": [[1]]}}, 422, "no `columns`"),
    ({"dataframe_split": {"columns": list(PEOPLE), "data": [[1]]}}, 422, "row 0: Expected `array` of"),
    ({"dataframe_split": {"columns": [*PEOPLE, "visits"], "data": []}}, 422, "two of the columns"),
    (split() | {"params": {"temperature": 1}}, 422, "no parameters"),
    ({"inputs": {"visits": [1, 2]}}, 422, "Object missing required field"),
    ({"inputs": json.loads(PEOPLE[:2].to_json(orient="columns", date_format="iso"))}, 422, "Expected"),
    ({"dataframe_records": [{}] * 10_001}, 422, "over 10000"),
    (b'{"dataframe_records": [' + b"[" * 100_000, 400, "nested too deeply"),
    (b'{"inputs": "\xff"}', 400, "utf-8"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "said"), REFUSED, ids=lambda one: str(one)[:40])
def test_what_is_wrong_is_said_with_row_and_field(
    clients: dict[str, httpx.Client], body: Any, status: int, said: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = clients["classes"].post(
        "/invocations", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    assert said in problem(answer)["detail"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("visits\n1", "Object missing required field"),
        (PEOPLE.assign(visits="many").to_csv(index=False), "row 0: Expected `int`, got `str` - at `$"),
        (PEOPLE[:2].assign(visits=[1.0, np.nan]).to_csv(index=False), "row 1: Expected `int`"),
        (PEOPLE[:2].to_csv(index=False) + "1,2\n", "row 2 has 2 values, and there are 6 columns"),
        ('a\n"b', "line 2 is no CSV"),
        ("a,a\n1,2", "two of the columns"),
        ("", "Object missing required field"),
    ],
)  # fmt: skip
def test_wrong_csv_is_told_with_its_row(clients: dict[str, httpx.Client], text: str, said: str) -> None:
    answer = asked(clients["classes"], text, "text/csv")
    assert answer.status_code in {400, 422}
    assert said in problem(answer)["detail"]


def test_content_types_methods_and_sizes_beyond_the_protocol_s(clients: dict[str, httpx.Client]) -> None:
    client = clients["classes"]
    for kind in ("application/vnd.apache.parquet", "text/plain", "application/json; charset=latin-1", ""):
        answer = asked(client, "{}", kind)
        assert answer.status_code == 415
        assert "application/json or text/csv" in problem(answer)["detail"]
    packed = client.post(
        "/invocations", content=b"x", headers={"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    )
    assert packed.status_code == 415
    assert asked(client, " " * (BATCH_BYTES + 1)).status_code == 413
    got = client.get("/invocations")
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert client.post("/ping").headers["allow"] == "GET, HEAD"


def test_a_model_without_a_signature_says_where_its_events_go() -> None:
    with serving(service()) as client:
        answer = asked(client, "{}")
        assert answer.status_code == 404
        assert "send events to POST /predict" in problem(answer)["detail"]
        assert client.get("/ping").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invocations", b'{"inputs": {"visits": ["' + b"a" * (BATCH_BYTES - 100) + b'"]}}'),
        ("/predict/batch", b"[" + b"{}," * (BATCH_BYTES // 3 - 1) + b"{}]"),
    ],
    ids=["rows", "batch"],
)
def test_a_refused_body_is_not_kept(clients: dict[str, httpx.Client], path: str, body: bytes) -> None:
    """An error's frames hold the body, and a cycle through them would until the collector runs."""
    json_type = {"Content-Type": "application/json"}

    def ask() -> None:
        answer = clients["classes"].post(path, content=body, headers=json_type)
        assert answer.status_code == 422

    ask()
    gc.disable()
    try:
        before = resident()
        for _ in range(10):
            ask()
        assert resident() - before < 4 * BATCH_BYTES
    finally:
        gc.enable()


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
