"""Calls that end in time, and what is worth a retry."""

from __future__ import annotations

import threading
import time

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from doubles import FOREVER, FakeContext, Sleeps, client_error

from threeways.aws.calls import WITHOUT_CONTEXT_SECONDS, Backoff, Deadline, call, is_fatal, overlapped
from threeways.errors import DeadlineNear


def test_a_call_answers_or_raises_as_itself() -> None:
    assert call(lambda word: word * 2, FOREVER, word="ab") == "abab"
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 / 0, FOREVER)
    with pytest.raises(TimeoutError):
        call(lambda: (_ for _ in ()).throw(TimeoutError("its own")), FOREVER)


def test_calls_left_hanging_use_up_nothing() -> None:
    release = threading.Event()
    for _ in range(40):
        with pytest.raises(DeadlineNear):
            call(release.wait, Deadline(lambda: 0.002))
    assert call(lambda: "healthy", Deadline(lambda: 5.0)) == "healthy"
    release.set()


def test_no_call_is_begun_without_time() -> None:
    begun: list[int] = []
    with pytest.raises(DeadlineNear):
        call(lambda: begun.append(1), Deadline(lambda: 0.0))
    assert begun == []


def test_a_deadline_leaves_time_to_answer() -> None:
    assert 0 < Deadline.of(FakeContext(milliseconds=3000)).remaining() < 3.0


def test_without_a_context_the_time_is_less_than_lambda_s_shortest_default() -> None:
    deadline = Deadline.of(None)
    assert 0 < deadline.remaining() <= WITHOUT_CONTEXT_SECONDS < 3
    before = deadline.remaining()
    time.sleep(0.01)
    assert deadline.remaining() < before


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (client_error("ProvisionedThroughputExceededException"), False),
        (client_error("InternalFailure", 500), False),
        (client_error("SlowDown", 503), False),
        (EndpointConnectionError(endpoint_url="x"), False),
        (ReadTimeoutError(endpoint_url="x"), False),
        (ConnectionResetError(), False),
        (client_error("AccessDeniedException"), True),
        (client_error("ResourceNotFoundException"), True),
        (NoCredentialsError(), True),
        (UnicodeEncodeError("utf-8", "x", 0, 1, "a bug"), True),
        (KeyError("a bug"), True),
    ],
)
def test_only_what_may_pass_is_worth_a_retry(error: Exception, fatal: bool) -> None:
    assert is_fatal(error) is fatal


def test_waits_are_jittered_and_shortened_when_the_deadline_is_near() -> None:
    sleeps = Sleeps()
    backoff = Backoff(base=1, cap=8, sleep=sleeps, random=lambda: 0.5)
    backoff.wait(2, FOREVER)
    backoff.wait(2, Deadline(lambda: 1.0))
    assert sleeps.asked == [2.0, 0.5]
    with pytest.raises(DeadlineNear):
        backoff.wait(0, Deadline(lambda: 0.01))
    assert len({Backoff().random() for _ in range(9)}) > 1


def test_overlapped_calls_answer_in_order_and_what_raises_costs_no_other() -> None:
    def double(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return 2 * number

    answers = overlapped(double, range(6), 3, Deadline(lambda: 5.0))
    assert [one for one in answers if not isinstance(one, Exception)] == [0, 2, 4, 8, 10]
    assert repr(answers[3]) == "ValueError('three')"
    assert overlapped(double, [], 3, Deadline(lambda: 5.0)) == []


def test_overlapped_calls_that_hang_hold_up_no_other_and_none_begins_after_the_deadline() -> None:
    ends = time.monotonic() + 0.3
    deadline = Deadline(lambda: ends - time.monotonic())
    goes_on, made = threading.Event(), []

    def call_one(number: int) -> int:
        made.append(number)
        if number == 0:
            goes_on.wait(10)
        return number

    answers = overlapped(call_one, range(40), 2, deadline)
    assert isinstance(answers[0], DeadlineNear)
    assert answers[1:] == list(range(1, 40))
    goes_on.set()
    assert isinstance(answers[0], DeadlineNear)
    assert all(isinstance(one, DeadlineNear) for one in overlapped(call_one, range(3), 2, deadline))
    assert len(made) == 40
