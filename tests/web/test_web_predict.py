"""One ride over HTTP: its prediction, or a problem that says what to mend."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from doubles import NOW, FakeModel, ride
from events_lab import KINDS
from web_lab import JSON, problem, raw, service, serving

from threeways.errors import PermanentError
from threeways.systems.taxi.duration import task
from threeways.web import bodies, http_protocol


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service()) as running:
        yield running


def test_a_ride_gets_its_prediction_as_the_stream_would_tell_it(client: httpx.Client) -> None:
    answer = client.post("/predict", content=ride("a", 3.5), headers=JSON)
    assert answer.status_code == 200
    assert answer.json() == {
        "model": "ride_duration_prediction_model",
        "version": "v1",
        "prediction": {"ride_duration": 7.0, "ride_id": "a"},
        "flags": [],
    }


def test_flags_are_told(client: httpx.Client) -> None:
    body = ride(PULocationID=999, pickup_datetime=None)
    flags = client.post("/predict", content=body, headers=JSON).json()["flags"]
    assert flags == ["unknown_zone", "assumed_pickup_datetime"]


@pytest.mark.parametrize("kind", [name for name, data in KINDS.items() if len(data) < bodies.SINGLE_BYTES])
def test_what_the_stream_would_quarantine_is_refused_for_the_same_reason(
    client: httpx.Client, kind: str
) -> None:
    answer = client.post("/predict", content=KINDS[kind], headers=JSON)
    told = problem(answer)
    [outcome] = service().score([KINDS[kind]], [NOW])
    assert isinstance(outcome, PermanentError)
    assert (told["code"], told["detail"]) == (outcome.code, str(outcome))
    assert answer.status_code == (400 if outcome.code == "undecodable" else 422)


def test_routes_methods_sizes_and_types_that_are_not_served_are_problems(client: httpx.Client) -> None:
    assert problem(client.get("/nowhere"))["status"] == 404
    answer = client.get("/predict")
    assert problem(answer)["status"] == 405
    assert "POST" in answer.headers["allow"]
    large = b" " * (bodies.SINGLE_BYTES + 1)
    assert problem(client.post("/predict", content=large, headers=JSON))["status"] == 413
    chunks = (b" " * 10_000 for _ in range(10))
    assert problem(client.post("/predict", content=chunks, headers=JSON))["status"] == 413
    for kind in ("text/plain", "application/json; charset=latin-1", ""):
        answer = client.post("/predict", content=ride(), headers={"Content-Type": kind})
        assert "application/json" in problem(answer)["detail"]
        assert answer.status_code == 415
    for kind in ("application/json; charset=UTF-8", "Application/JSON"):
        assert client.post("/predict", content=ride(), headers={"Content-Type": kind}).status_code == 200


def test_a_body_that_is_not_read_ends_the_connection(client: httpx.Client) -> None:
    got = raw(client, b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + b" " * 10)
    assert got.startswith(b"HTTP/1.1 415 ")
    assert b"connection: close" in got


def test_the_request_s_id_is_kept_or_made(client: httpx.Client) -> None:
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = {client.get("/health", headers={"X-Request-ID": "a\tb"}).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    assert all(len(one) == 32 for one in made)


def test_a_model_that_fails_is_a_problem_that_tells_nothing_of_the_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(service(FakeModel(lambda block: True))) as client:
        answer = client.post("/predict", content=ride(), headers=JSON)
        batch = client.post("/predict/batch", content=b"[" + ride() + b"]", headers=JSON)
    for one in (answer, batch):
        assert problem(one)["code"] == "model_failed"
        assert one.status_code == 500
        assert "cannot do that" not in one.text
        assert one.headers["x-request-id"] in caplog.text
    assert "cannot do that" in caplog.text


def test_an_answer_that_takes_too_long_is_a_503_and_the_next_one_is_served() -> None:
    go_on = threading.Event()

    class Slow(FakeModel):
        def predict(self, features: Any) -> Any:
            go_on.wait(20)
            return super().predict(features)

    with serving(service(Slow()), seconds=0.2) as client:
        answer = client.post("/predict", content=ride(), headers=JSON)
        assert problem(answer)["status"] == 503
        assert answer.headers["retry-after"]
        go_on.set()
        ends = time.monotonic() + 60
        while client.post("/predict", content=ride(), headers=JSON).status_code != 200:
            assert time.monotonic() < ends


def test_a_body_that_came_slowly_leaves_the_answer_its_whole_time() -> None:
    class Slow(FakeModel):
        def predict(self, features: Any) -> Any:
            time.sleep(1.2)
            return super().predict(features)

    def slowly() -> Iterator[bytes]:
        yield ride()[:9]
        time.sleep(1.2)
        yield ride()[9:]

    with serving(service(Slow()), seconds=2) as client:
        assert client.post("/predict", content=slowly(), headers=JSON).status_code == 200


def test_slow_clients_are_told_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS", 0.5)
    with serving(service(), seconds=0.5) as client:
        body = raw(
            client,
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
            b"Content-Length: 99\r\n\r\n{",
        )
        assert body.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body.partition(b"\r\n\r\n")[2])["detail"] == "the body was not whole after 0.5 s"
        for never_ends in (b"", b"GET /health HTTP/1.1\r\nHost: x\r\n"):
            assert raw(client, never_ends).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_goes_away_within_its_body_is_no_failure_of_the_service(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as gone:
        gone.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        gone.sendall(b"Content-Length: 99\r\n\r\n{")
    ends = time.monotonic() + 60
    while not (said := capsys.readouterr().out):
        assert time.monotonic() < ends
        time.sleep(0.01)
    assert json.loads(said)["status"] == 400
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_the_example_of_the_task_is_the_example_of_the_api(client: httpx.Client) -> None:
    schema = client.get("/docs/openapi.json").json()
    body = schema["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    [example] = body["schema"]["examples"]
    assert task.decode(json.dumps(example).encode()) == task.example
    assert "POST /predict/batch" in client.get("/docs").text


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize(
    ("coding", "status"), [("gzip", 415), ("br, gzip", 415), ("identity", 200), ("", 200)]
)
def test_a_body_that_says_it_is_compressed_is_refused_with_what_would_be_taken(
    client: httpx.Client, path: str, coding: str, status: int
) -> None:
    body = ride() if path == "/predict" else b"[" + ride() + b"]"
    answer = client.post(path, content=body, headers=JSON | {"Content-Encoding": coding})
    assert answer.status_code == status
    if status == 415:
        assert "uncompressed" in problem(answer)["detail"]
        assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("path", ["/predict", "/predict/", "/predict/batch"])
def test_a_byte_order_mark_is_taken_and_another_format_is_named(client: httpx.Client, path: str) -> None:
    body = b"[" + ride() + b"]" if path.endswith("batch") else ride()
    marked, plain = (client.post(path, content=sent, headers=JSON) for sent in (b"\xef\xbb\xbf" + body, body))
    assert (marked.status_code, marked.content) == (200, plain.content)
    answer = client.post(path, content=gzip.compress(body), headers=JSON)
    assert answer.status_code == 400
    assert "gzip" in problem(answer)["detail"]


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/ready", "/model", "/metrics", "/docs", "/docs/openapi.json", "/nowhere", "/predict"],
)
def test_head_is_answered_as_get_is_without_the_body(client: httpx.Client, path: str) -> None:
    same = {"X-Request-ID": "same"}
    head, got = client.head(path, headers=same), client.get(path, headers=same)
    assert head.content == b""
    assert head.status_code == got.status_code
    if path != "/metrics":  # it grows with each request
        assert headers_of(head) == headers_of(got)


def headers_of(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


def test_where_get_is_allowed_head_is_named_too(client: httpx.Client) -> None:
    assert "HEAD" in client.post("/health").headers["allow"]
    assert "HEAD" in client.options("/health").headers["allow"]
    assert "HEAD" not in client.get("/predict").headers["allow"]


def test_head_is_counted_and_logged_as_such(client: httpx.Client) -> None:
    client.head("/model")
    assert 'http_requests_total{method="HEAD",route="/model",status="200"}' in client.get("/metrics").text
