"""The OpenAPI description holds for whatever schemathesis thinks of: schemathesis.readthedocs.io."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from web_lab import service, serving

from threeways.web.problems import MEDIA_TYPE


@pytest.fixture(scope="module")
def described() -> Any:
    with serving(service()) as client:
        yield schemathesis.openapi.from_url(f"{client.base_url}/docs/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_description_has(case: Any) -> None:
    answer = case.call()
    # That a body without Content-Type is refused, and an unknown method, is the description's business too.
    case.validate_response(answer)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == [MEDIA_TYPE]
    assert answer.status_code < 500
    assert CHECKS
