"""The same behaviour of both runtimes: AWS's runtime interface client, and the stand-in."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from function_lab import Make, call, error_of, make

from threeways.aws.invocation import (
    REQUEST_LIMIT,
    REQUEST_TOO_LARGE,
    RESPONSE_TOO_LARGE,
)
from threeways.emulator.function import pool
from threeways.errors import LocalError

__all__ = ["make"]  # a fixture is found where it is imported


def test_a_handler_gets_its_event_and_lambdas_context(make: Make) -> None:
    function = make()
    result = function.invoke(b'{"ride": "\xc3\xa9"}')
    said = json.loads(result.payload or b"")
    assert said["event"] == {"ride": "é"}
    assert said["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:tested"
    assert (said["name"], said["version"], said["memory"]) == ("tested", "$LATEST", "256")
    assert said["request_id"] == result.request_id
    assert 9000 < said["left"] <= 10_000


def test_the_first_invocation_is_cold_and_the_next_finds_the_same_process_warm(make: Make) -> None:
    function = make()
    first, second = function.invoke(b"{}"), function.invoke(b"{}")
    assert first.cold
    assert first.init_seconds is not None
    assert 0 < first.init_seconds < 10
    assert (second.cold, second.init_seconds) == (False, None)
    assert second.environment_id == first.environment_id
    assert json.loads(second.payload or b"")["calls"] == 2


def test_warming_initialises_ahead_so_that_no_invocation_is_cold(make: Make) -> None:
    function = make()
    assert function.warm() is None
    assert not function.invoke(b"{}").cold


def test_the_process_sees_lambdas_and_its_own_variables_but_none_of_the_users(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "the-users-own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-users-own")
    monkeypatch.setenv("ANYTHING", "the-users-own")
    environ = call(make())["environ"]
    assert "the-users-own" not in environ.values()
    assert (environ["OWN"], environ["GIVEN"]) == ("yes", "yes")
    assert environ["_HANDLER"] == "code_under_test.handler"
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "tested"
    assert environ["TZ"] == ":UTC"


def test_what_a_handler_raises_is_the_invocations_error_and_the_process_stays_warm(make: Make) -> None:
    function = make()
    result = function.invoke(b'{"do": "raise"}')
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("KeyError", "'no such ride'")
    assert any("code_under_test.py" in frame for frame in result.error.trace)
    assert not function.invoke(b"{}").cold


def test_an_answer_that_is_no_json_is_a_marshal_error(make: Make) -> None:
    assert error_of(make(), do="unmarshallable")[0] == "Runtime.MarshalError"


def test_an_answer_over_six_megabytes_is_too_large_and_one_below_is_not(make: Make) -> None:
    function = make()
    assert len(call(function, do="large", size=6 * 1024 * 1024)) == 6 * 1024 * 1024
    kind, message = error_of(function, do="large", size=6 * 1024 * 1024 + 101)
    assert kind == RESPONSE_TOO_LARGE
    assert "6291556" in message
    assert call(function)["event"] == {}


def test_a_request_of_six_megabytes_is_taken_and_a_byte_more_is_refused_unrun(make: Make) -> None:
    function = make()
    exactly = b'{"do": "large", "size": 1, "pad": "' + b"x" * (REQUEST_LIMIT - 37) + b'"}'
    assert len(exactly) == REQUEST_LIMIT
    assert function.invoke(exactly).payload == b'"x"'
    over = function.invoke(exactly + b" ")
    assert over.error is not None
    assert (over.error.type, over.environment_id) == (REQUEST_TOO_LARGE, "")


def test_concurrent_invocations_get_a_process_each_and_beyond_the_limit_a_throttle(make: Make) -> None:
    function = make(concurrency=2)
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(call, function, do="sleep", seconds=1.0) for _ in range(2)]
        while len(function.pids()) < 2:
            time.sleep(0.01)
        assert function.invoke(b"{}").throttled
        assert len({answer.result()["pid"] for answer in slow}) == 2
    assert not function.invoke(b"{}").throttled


def test_without_reserved_concurrency_nothing_is_throttled_and_invocations_wait_for_a_process(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html: an account has 1,000 by default."""
    monkeypatch.setattr(pool, "PROCESSES", 2)
    function = make()
    with ThreadPoolExecutor(12) as callers:
        answers = [callers.submit(call, function, do="sleep", seconds=0.05) for _ in range(12)]
        assert 1 <= len({answer.result()["pid"] for answer in answers}) <= 2
        busy = [callers.submit(function.invoke, b'{"do": "sleep", "seconds": 5}') for _ in range(2)]
        while function._idle:
            time.sleep(0.01)
        waiting = callers.submit(function.invoke, b"{}")
        function.close()
        with pytest.raises(LocalError, match="closed"):
            waiting.result(5)
        assert [one.result().payload for one in busy] == [None, None]


def test_each_printed_line_reaches_the_log_before_close_returns(make: Make) -> None:
    lines: list[str] = []
    function = make(on_log=lines.append)
    for number in range(50):
        call(function, do="print", text=f"line é {number}")
    function.close()
    said = [json.loads(line)["said"] for line in lines if line.startswith("{")]
    assert said == [f"line é {number}" for number in range(50)]
    assert lines.count("to stderr") == 50


def test_a_listener_that_raises_does_not_stop_the_function(make: Make) -> None:
    def refuse(_: str) -> None:
        raise RuntimeError("full")

    function = make(on_log=refuse)
    for _ in range(3):
        call(function, do="print", text="x" * 100_000)
