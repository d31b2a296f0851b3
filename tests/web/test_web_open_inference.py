"""The Open Inference Protocol: tensors by column in, outputs by name out, as `/predict` answers the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
import signature_lab
from signature_lab import NUMBERS, PEOPLE
from web_lab import serving

from threeways import __version__

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

MAKERS = (signature_lab.classes, signature_lab.labels, signature_lab.outputs, signature_lab.tensor)
DATATYPES = {
    "capital gain, %": "FP64", "visits": "INT64", "new?": "BOOL", "joined": "BYTES", "home-town": "BYTES",
    "height": "FP64",
}  # fmt: skip
NAMES = {"classes": "status", "labels": "label_alone", "outputs": "two_outputs", "tensor": "of_array"}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    folder = tmp_path_factory.mktemp("models")
    with ExitStack() as running:
        yield {
            one.__name__: running.enter_context(serving(signature_lab.served(one(folder / one.__name__))))
            for one in MAKERS
        }


def people(rows: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(PEOPLE[:rows].to_json(orient="records", date_format="iso"))
    return made


def tensors(rows: int, **changed: Any) -> dict[str, Any]:
    """A request with a tensor for each column. changed: of the tensor of `visits`."""
    records = people(rows)
    made = [
        {"name": name, "shape": [rows], "datatype": datatype, "data": [one[name] for one in records]}
        for name, datatype in DATATYPES.items()
    ]
    made[1] |= changed
    return {"id": "request 1", "inputs": made}


def infer(client: httpx.Client, kind: str, body: Any) -> httpx.Response:
    return client.post(f"/v2/models/{NAMES[kind]}/infer", json=body)


def predicted(client: httpx.Client, rows: int, id_name: str = "id") -> list[dict[str, Any]]:
    """What `/predict/batch` answers for the same rows."""
    events = [{id_name: 1} | one for one in people(rows)]
    results = client.post("/predict/batch", json=events).json()["results"]
    return [one["prediction"] for one in results]


@pytest.mark.parametrize("rows", [1, 60])
def test_a_classifier_answers_the_label_and_each_class_s_probability(
    clients: dict[str, httpx.Client], rows: int
) -> None:
    answer = infer(clients["classes"], "classes", tensors(rows))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["model_name"] == "status"
    assert told["model_version"] == clients["classes"].get("/model").json()["version"]
    assert told["id"] == "request 1"
    wanted = predicted(clients["classes"], rows, "person")
    outputs = {one["name"]: one for one in told["outputs"]}
    assert list(outputs) == ["label", "probability_gold & more", "probability_none"]
    assert outputs["label"] == {
        "name": "label", "shape": [rows], "datatype": "BYTES", "data": [one["label"] for one in wanted],
    }  # fmt: skip
    for label in ("gold & more", "none"):
        output = outputs[f"probability_{label}"]
        assert (output["datatype"], output["shape"]) == ("FP64", [rows])
        assert output["data"] == [one["probabilities"][label] for one in wanted]


def test_labels_and_several_outputs_have_their_names(clients: dict[str, httpx.Client]) -> None:
    for kind, names in (("labels", ["label"]), ("outputs", ["spend", "risk"])):
        told = infer(clients[kind], kind, tensors(20)).json()
        wanted = predicted(clients[kind], 20)
        assert [one["name"] for one in told["outputs"]] == names
        for one in told["outputs"]:
            assert one["data"] == [row[one["name"]] for row in wanted]


def test_the_outputs_that_are_asked_for_are_answered(clients: dict[str, httpx.Client]) -> None:
    asked = tensors(2) | {"outputs": [{"name": "risk"}]}
    told = infer(clients["outputs"], "outputs", asked).json()
    assert [one["name"] for one in told["outputs"]] == ["risk"]


@pytest.mark.parametrize("nested", [False, True])
def test_an_array_is_one_input(clients: dict[str, httpx.Client], nested: bool) -> None:
    data = NUMBERS.tolist() if nested else NUMBERS.ravel().tolist()
    tensor = {"name": "inputs", "shape": list(NUMBERS.shape), "datatype": "FP64", "data": data}
    answer = infer(clients["tensor"], "tensor", {"inputs": [tensor]})
    assert answer.status_code == 200, answer.text
    [output] = answer.json()["outputs"]
    wanted = clients["tensor"].post("/invocations", json={"inputs": NUMBERS.tolist()}).json()["predictions"]
    assert output == {"name": "value", "shape": [60], "datatype": "FP64", "data": wanted}


def test_fewer_digits_are_those_of_the_datatype(clients: dict[str, httpx.Client]) -> None:
    """A number that is sent as FP32 is the float32 that is nearest to its JSON."""
    tensor = {"name": "inputs", "shape": [1, 2], "datatype": "FP32", "data": [0.1, 0.2]}
    [output] = infer(clients["tensor"], "tensor", {"inputs": [tensor]}).json()["outputs"]
    row = np.array([0.1, 0.2], np.float32).astype(np.float64).tolist()
    wanted = clients["tensor"].post("/invocations", json={"inputs": [row]}).json()["predictions"]
    assert output["data"] == wanted


def test_a_column_may_be_of_one_column_s_shape_and_of_a_smaller_type(
    clients: dict[str, httpx.Client],
) -> None:
    visits = [one["visits"] for one in people(3)]
    wanted = infer(clients["classes"], "classes", tensors(3)).json()
    for changed in (
        {"shape": [3, 1]},
        {"shape": [3, 1], "data": [[one] for one in visits]},
        {"datatype": "INT8"},
    ):
        assert infer(clients["classes"], "classes", tensors(3, **changed)).json() == wanted
    optional = tensors(3)
    del optional["inputs"][-1]
    assert infer(clients["classes"], "classes", optional).status_code == 200


REFUSED: list[tuple[Any, str]] = [
    (tensors(2, data=[1, "2"]), "row 1: Expected `int`, got `str` - at `$.visits`"),
    (tensors(2, data=[1, None]), "row 1: Expected `int`, got `null` - at `$.visits`"),
    (tensors(2, data=[1]), "the shape is [2], and data has 1 - at `$.visits`"),
    (tensors(2, shape=[2, 2]), "the shape is [2, 2], and a column's is [2]"),
    (tensors(2, shape=[]), "the rows come first"),
    (tensors(2, shape=[10_001]), "over 10000 rows"),
    (tensors(2, datatype="FP64"), "the datatype is FP64, and the model's signature has INT64"),
    (tensors(2, name="height"), "two of the inputs have one name"),
    (tensors(2, name="length"), "there is no input length; there are capital gain, %, visits"),
    (tensors(2) | {"outputs": [{"name": "risk"}]}, "there is no output risk; there are label"),
    ({"inputs": tensors(2)["inputs"][2:]}, "missing required field `capital gain, %, visits`"),
    ({"inputs": [{"name": "visits", "shape": [1], "datatype": "INT64"}]}, "it has no `data`"),
    ({"inputs": 1}, "Expected `array`, got `int` - at `$.inputs`"),
    ({}, "Object missing required field `inputs`"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), REFUSED, ids=lambda one: str(one)[-40:])
def test_what_is_wrong_is_an_error_with_row_and_field(
    clients: dict[str, httpx.Client], body: Any, said: str
) -> None:
    answer = infer(clients["classes"], "classes", body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        ({"shape": [2, 2], "data": [1, 2, 3]}, "the shape is [2, 2], which data has not"),
        ({"shape": [1, 3], "data": [1, 2, 3]}, "the shape is [1, 3], and an array's is [1, 2]"),
        ({"shape": [1, 2], "data": [[1, 2], [3, 4]]}, "data has 2 rows"),
        ({"shape": [1, 2], "data": [1, "2"]}, "Expected `float`, got `str`"),
        ({"shape": [1, 2], "data": [[1, "2"]]}, "row 0: Expected `float`, got `str`"),
        ({"shape": [1, 2], "data": [1, 1e39], "datatype": "FP32"}, "1e+39 is beyond FP32"),
        ({"shape": [1, 2], "data": [1, 2], "datatype": "BYTES"}, "the datatype is BYTES"),
    ],
)
def test_an_array_that_is_none_is_refused(
    clients: dict[str, httpx.Client], tensor: dict[str, Any], said: str
) -> None:
    body = {"inputs": [{"name": "inputs", "datatype": "FP64"} | tensor]}
    answer = infer(clients["tensor"], "tensor", body)
    assert answer.status_code == 422
    assert said in answer.json()["error"]


def test_broken_json_is_an_error(clients: dict[str, httpx.Client]) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b"{", b'{"id": "\xff", "inputs": []}', b'{"inputs": ' + b"[" * 100_000):
        answer = clients["classes"].post("/v2/models/status/infer", content=content, headers=headers)
        assert answer.status_code in {400, 422}
        assert answer.json()["error"]


def test_the_server_and_its_health(clients: dict[str, httpx.Client]) -> None:
    client = clients["classes"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2").json() == {"name": "threeways", "version": __version__, "extensions": []}
    assert client.get("/v2/models/status/ready").json() == {"name": "status", "ready": True}


def test_the_model_s_inputs_and_outputs_are_described(clients: dict[str, httpx.Client]) -> None:
    told = clients["classes"].get("/v2/models/status").json()
    version = clients["classes"].get("/model").json()["version"]
    assert told == {
        "name": "status",
        "versions": [version],
        "platform": "mlflow_sklearn",
        "inputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in DATATYPES.items()],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probability_gold & more", "datatype": "FP64", "shape": [-1]},
            {"name": "probability_none", "datatype": "FP64", "shape": [-1]},
        ],
    }
    assert clients["classes"].get(f"/v2/models/status/versions/{version}").json() == told
    [array] = clients["tensor"].get("/v2/models/of_array").json()["inputs"]
    assert array == {"name": "inputs", "datatype": "FP64", "shape": [-1, 2]}


@pytest.mark.parametrize(
    "path", ["/v2/models/other", "/v2/models/other/ready", "/v2/models/status/versions/0",
             "/v2/models/statusx", "/v2/models", "/v2/nothing", "/v2/models/status/nothing"],
)  # fmt: skip
def test_another_model_s_name_or_version_is_not_found(clients: dict[str, httpx.Client], path: str) -> None:
    answer = clients["classes"].get(path)
    assert answer.status_code == 404
    assert answer.json()["error"] == answer.json()["detail"]


def test_two_requests_at_once_get_each_its_own(clients: dict[str, httpx.Client]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def ask(row: int) -> bool:
        tensor = {"name": "inputs", "shape": [1, 2], "datatype": "FP64", "data": [row, 1]}
        with httpx.Client(base_url=clients["tensor"].base_url, trust_env=False) as own:
            [output] = infer(own, "tensor", {"inputs": [tensor]}).json()["outputs"]
        return output["data"] == pytest.approx([row + 1])  # type: ignore[no-any-return]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(40)))


def test_nothing_of_the_protocols_is_imported_before_it_is_asked_for() -> None:
    import subprocess
    import sys

    code = "import sys, threeways.web.app; print([one for one in sys.modules if 'web.protocols' in one])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
