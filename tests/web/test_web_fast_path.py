"""The quick way to `/predict` answers what Litestar's answers, and takes only what it can answer whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from doubles import ride
from events_lab import KINDS
from web_lab import JSON, service, serving

from threeways.scoring.outcomes import Prediction
from threeways.systems.taxi.duration import task
from threeways.web import bodies
from threeways.web.fast_path import FastPath
from threeways.web.inline_budget import InlineBudget

BODIES = {
    "a ride": ride("a", 3.5),
    "flags": ride("b", PULocationID=999),
    "an id beyond ASCII": ride("🚕" * 128),
    "a prediction that is not finite": ride("c", 1e308),
} | {kind: data for kind, data in KINDS.items() if 0 < len(data) < bodies.SINGLE_BYTES}


@pytest.fixture(scope="module", params=[0, 50], ids=["on a thread", "at once"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with serving(service(), budget=InlineBudget(request.param)) as running:
        yield running


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_both_ways_tell_the_same(client: httpx.Client, body: bytes) -> None:
    quick, framework = (
        client.post(path, content=body, headers=JSON | {"X-Request-ID": "same"})
        for path in ("/predict", "/predict/")  # the quick way knows its path as it is written, no other
    )
    assert quick.content == framework.content
    assert quick.status_code == framework.status_code
    assert told(quick) == told(framework)


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


def test_both_ways_are_counted_alike(client: httpx.Client) -> None:
    def counts() -> list[str]:
        text = client.get("/metrics").text.splitlines()
        names = ("http_requests_total", "http_request_seconds_count", "predictions_total", "refusals_total")
        return [line for line in text if line.startswith(names) and "/metrics" not in line]

    def added(path: str) -> dict[str, float]:
        before = dict(line.rsplit(" ", 1) for line in counts())
        for body in (ride(), b"{}", b"["):
            client.post(path, content=body, headers=JSON)
        now = dict(line.rsplit(" ", 1) for line in counts())
        return {name: float(now[name]) - float(before.get(name, 0)) for name in now}

    quick, framework = added("/predict"), added("/predict/")
    assert {name: more for name, more in quick.items() if more} == {
        name: more for name, more in framework.items() if more
    }
    assert sum(quick.values()) > 5


PLAIN: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/predict",
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ride()))],
}


def headers(**changed: bytes) -> dict[str, Any]:
    named = dict(PLAIN["headers"]) | {name.replace("_", "-").encode(): said for name, said in changed.items()}
    return {"headers": list(named.items())}


@pytest.mark.parametrize(
    ("changed", "plain"),
    [
        ({}, True),
        ({"root_path": ""}, True),
        ({"type": "lifespan"}, False),
        ({"method": "PUT"}, False),
        ({"path": "/predict/"}, False),
        ({"root_path": "/under"}, False),
        (headers(content_type=b"application/json; charset=utf-8"), False),
        (headers(content_type=b"text/plain"), False),
        (headers(content_length=b"0"), False),
        (headers(content_length=b"%d" % bodies.SINGLE_BYTES), True),
        (headers(content_length=b"%d" % (bodies.SINGLE_BYTES + 1)), False),
        (headers(content_length=b"-1"), False),
        (headers(transfer_encoding=b"chunked"), False),
        (headers(content_encoding=b"gzip"), False),
        ({"headers": [(b"content-length", b"9")]}, False),
        ({"headers": [(b"content-type", b"application/json")]}, False),
    ],
)
def test_only_what_is_plain_goes_the_quick_way(changed: dict[str, Any], plain: bool) -> None:
    framework, sent = list[str](), list[Any]()
    parts = [(ride()[:7], True), (ride()[7:], False)]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        framework.append(scope["type"])

    async def receive() -> Any:
        body, more = parts.pop(0)
        return {"type": "http.request", "body": body, "more_body": more}

    async def send(message: Any) -> None:
        sent.append(message)

    async def predict(event: Any) -> Prediction:
        assert event == task.decode(ride())
        return Prediction("m", "v", {"ride_duration": 1.0})

    scope: Any = PLAIN | changed
    asyncio.run(FastPath(app, task, predict)(scope, receive, send))
    assert (not framework, len(sent)) == (plain, 2 if plain else 0)
    assert not plain or sent[1]["body"] == b'{"model":"m","version":"v","prediction":{"ride_duration":1.0}}'
