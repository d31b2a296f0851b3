"""A handler in this process answers as one in a process of its own does."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from threeways.aws.invocation import RESPONSE_LIMIT, RESPONSE_TOO_LARGE
from threeways.emulator.function import InProcessFunction


def test_a_handler_gets_its_event_as_json_and_lambdas_context() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/python-context.html"""
    told: dict[str, Any] = {}

    def handler(event: Any, context: Any) -> Any:
        told.update(id=context.aws_request_id, left=context.get_remaining_time_in_millis())
        told.update(arn=context.invoked_function_arn, name=context.function_name)
        return {"event": event}

    function = InProcessFunction(handler, timeout=5)
    result = function.invoke('{"order": "é"}'.encode())
    assert json.loads(result.payload or b"") == {"event": {"order": "é"}}
    assert result.error is None
    assert told["id"] == result.request_id
    assert told["arn"] == function.arn
    assert 4000 < told["left"] <= 5000


def test_time_that_is_over_is_zero_and_not_less() -> None:
    left: list[int] = []

    def handler(event: Any, context: Any) -> None:
        time.sleep(0.01)
        left.append(context.get_remaining_time_in_millis())

    InProcessFunction(handler, timeout=0.001).invoke(b"{}")
    assert left == [0]


def test_what_a_handler_raises_is_the_invocations_error_with_its_stack() -> None:
    def handler(event: Any, context: Any) -> None:
        raise KeyError("no such order")

    error = InProcessFunction(handler).invoke(b"{}").error
    assert error is not None
    assert (error.type, error.message) == ("KeyError", "'no such order'")
    assert any("test_local_in_process.py" in frame for frame in error.trace)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [({1, 2}, "Runtime.MarshalError"), ("x" * RESPONSE_LIMIT, RESPONSE_TOO_LARGE)],
)
def test_an_answer_that_lambda_would_not_take_is_an_error(answer: Any, kind: str) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    result = InProcessFunction(lambda event, context: answer).invoke(b"{}")
    assert result.error is not None
    assert (result.error.type, result.payload) == (kind, None)
