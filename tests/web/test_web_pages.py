"""What every answer tells a browser, the page with the routes, and how much `/model` says."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
from small_training import Training
from web_lab import JSON, service, serving

from threeways import artifact
from threeways.scoring.service import ModelService
from threeways.systems.taxi.duration import task
from threeways.web import model_info


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service()) as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?miles=x",
        "/docs",
        "/docs/openapi.json",
        "/docs/nothing",
        "/metrics",
        "/predict",
        "/no",
    ],
)
def test_every_page_runs_nothing_and_stands_in_no_frame(client: httpx.Client, path: str) -> None:
    """cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html"""
    headers = client.get(path).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    [policy] = headers.get_list("content-security-policy")
    told = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    assert told["default-src"] == told["base-uri"] == told["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert told.keys() == {"default-src", "style-src", "form-action", "base-uri", "frame-ancestors"}


def test_what_is_json_is_taken_for_nothing_else(client: httpx.Client) -> None:
    for path in ("/model", "/health", "/ready"):
        headers = client.get(path).headers
        assert (headers["content-type"], headers["x-content-type-options"]) == ("application/json", "nosniff")


def test_an_error_has_the_policy_too(client: httpx.Client) -> None:
    answer = client.post("/predict", content=b"x", headers=JSON)
    assert answer.status_code == 400
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_page_with_the_routes_has_all_of_them_and_nothing_of_others(client: httpx.Client) -> None:
    described = client.get("/docs/openapi.json").json()
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert f">{method.upper()} {path}</h2>" in page.text
            for status, answer in route["responses"].items():
                assert f"<li>{status}: {answer['description']}" in html.unescape(page.text)
    ids = set(re.findall(r' id="([^"]+)"', page.text))
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert {f"schema-{name}" for name in described["components"]["schemas"]} <= ids
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= ids
    assert [link for link in links if not link.startswith("#")] == ["/docs/openapi.json"]
    assert "<script" not in page.text


def bomb(levels: int = 9) -> Any:
    """A value of a few objects that is ten to the levels in JSON, as YAML's aliases make one."""
    value: Any = ["x"] * 10
    for _ in range(levels):
        value = [value] * 10
    return value


def endless() -> Any:
    value: dict[str, Any] = {}
    value["itself"] = value
    return value


@pytest.mark.parametrize(
    "made", [bomb(), endless(), "x" * 10**6, 10**200_000], ids=["bomb", "endless", "text", "number"]
)
def test_what_an_artifact_records_at_too_great_a_length_is_left_out(
    training: Training, made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = artifact.load(training.report.model.folder)
    about = model_info.about(ModelService(model, task, "v1"))
    assert about.trained_on
    assert about.signature
    metadata = {**(model.info.metadata or {}), "trained_on": {"data": made}}
    told = replace(model, info=msgspec.structs.replace(model.info, metadata=metadata))
    bounded = model_info.about(ModelService(told, task, "v1"))
    assert bounded == msgspec.structs.replace(about, trained_on=None)
    assert len(msgspec.json.encode(bounded)) < 10_000
    assert "leaves out trained_on" in caplog.text
