"""MLflow's registry webhook calls the example, which promotes: real posts, signed as MLflow signs them."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature

SECRET = "a secret of the registry's"
EXAMPLE = Path(__file__).parents[2] / "examples" / "promote_on_alias.py"


@pytest.fixture
def receiver() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("promote_on_alias", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    sys.modules["promote_on_alias"] = example
    spec.loader.exec_module(example)
    promoted: list[str] = []

    def promote(model: str) -> None:
        if model.endswith("/13"):
            raise ValueError("the gate refuses it")
        promoted.append(model)

    with example.Receiver(0, SECRET, promote) as server:
        server.promoted = promoted
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    del sys.modules["promote_on_alias"]


def post(
    server: Any, *, secret: str = SECRET, at: float | None = None, delivery: str = "d-1", **told: Any
) -> int:
    data = {"name": "ride-duration", "alias": "candidate", "version": "7"} | told.pop("data", {})
    whole = {"entity": "model_version_alias", "action": "created", "timestamp": "x", "data": data} | told
    body, when = json.dumps(whole), str(int(time.time() if at is None else at))
    headers = {
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": when,
        "X-MLflow-Signature": _generate_hmac_signature(secret, delivery, when, body),
    }
    status = httpx.post(f"http://127.0.0.1:{server.server_port}/", content=body, headers=headers).status_code
    server.waiting.join()
    return status


def test_an_alias_that_is_set_promotes_its_version_once(receiver: Any) -> None:
    assert post(receiver) == 202
    assert post(receiver) == 200  # the same delivery again
    assert receiver.promoted == ["models:/ride-duration/7"]


def test_one_that_the_gate_refuses_leaves_the_receiver_working(receiver: Any) -> None:
    assert post(receiver, data={"version": "13"}) == 202
    assert post(receiver, delivery="d-2") == 202
    assert receiver.promoted == ["models:/ride-duration/7"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"secret": "another"}, 401),
        ({"at": 1_000_000_000}, 401),
        ({"data": {"version": "7/../8"}}, 400),
        ({"data": {"alias": "champion"}}, 200),
        ({"entity": "registered_model"}, 200),
    ],
)
def test_what_is_not_genuine_or_of_no_concern_promotes_nothing(
    receiver: Any, given: dict[str, Any], status: int
) -> None:
    assert post(receiver, **given) == status
    assert receiver.promoted == []


def test_what_is_not_signed_at_all_is_refused(receiver: Any) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/"
    assert httpx.post(url, content=b"{}").status_code == 401
    assert httpx.post(url, content=b"x" * 70_000).status_code == 413
