"""The OpenAPI description holds for whatever schemathesis thinks of: schemathesis.readthedocs.io."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from web_lab import service, serving

from threeways.web.problems import MEDIA_TYPE

OPERATIONS = (
    ("POST", "/predict"), ("POST", "/predict/batch"),
    ("GET", "/model"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"),
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(service()) as running:
        yield running


@pytest.fixture(scope="module")
def operations(client: httpx.Client) -> dict[tuple[str, str], Any]:
    described: Any = schemathesis.openapi.from_url(f"{client.base_url}/docs/openapi.json")
    found = [result.ok() for result in described.get_all_operations()]
    return {(operation.method.upper(), operation.path): operation for operation in found}


def test_every_route_is_described(operations: dict[tuple[str, str], Any]) -> None:
    assert operations.keys() == set(OPERATIONS)


@pytest.mark.hypothesis
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one[0] == "POST"], ids="".join)
def test_what_the_description_allows_is_answered_and_what_it_forbids_is_refused(
    operations: dict[tuple[str, str], Any], operation: tuple[str, str], mode: GenerationMode
) -> None:
    statuses = set()
    excluded: list[Any] = [positive_data_acceptance]  # `_stricter` says where
    if operation == ("POST", "/predict/batch"):
        excluded.append(negative_data_rejection)  # it answers for the others of a batch

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    @given(case=operations[operation].as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        answer = case.call_and_validate(excluded_checks=excluded)
        statuses.add(answer.status_code)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == [MEDIA_TYPE]
            assert mode is GenerationMode.NEGATIVE or _stricter(answer.json()["detail"])

    holds()
    assert max(statuses) < 500
    assert (200 in statuses) or mode is GenerationMode.NEGATIVE


def _stricter(detail: str) -> bool:
    """Whether it is refused for what JSON Schema cannot tell.

    1.0 for an integer, dates beyond the calendar, and a distance that the doubling model takes to infinity.
    """
    return any(told in detail for told in ("got `float`", "$.ride.pickup_datetime", "the model predicts inf"))


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
def test_what_tells_of_the_service_answers_as_described(
    operations: dict[tuple[str, str], Any], path: str
) -> None:
    assert operations["GET", path].Case().call_and_validate().status_code == 200
