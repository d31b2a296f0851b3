from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeways.aws.batch_reply import Kind, outcome_of
from threeways.aws.invocation import THROTTLED, TIMED_OUT, FunctionError, InvocationResult

NUMBERS = ["11", "12", "13", "14"]


def outcome(payload: bytes | None, *, report: bool = True) -> tuple[Kind, int]:
    found = outcome_of(InvocationResult(payload=payload), NUMBERS, report=report)
    return found.kind, found.first


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b"{}",
        b'{"batchItemFailures": null}',
        b'{"batchItemFailures": []}',
        b'{"predictions": [1]}',
        None,
    ],
)
def test_an_empty_list_a_null_list_and_a_null_reply_are_success(payload: bytes | None) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    assert outcome(payload) == (Kind.DONE, 0)


@pytest.mark.parametrize(
    ("identifiers", "first"), [(["11"], 0), (["13"], 2), (["14", "12", "13"], 1), (["13", "13"], 2)]
)
def test_the_lowest_reported_number_counts(identifiers: list[str], first: int) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    items = ", ".join(f'{{"itemIdentifier": "{identifier}"}}' for identifier in identifiers)
    assert outcome(f'{{"batchItemFailures": [{items}]}}'.encode()) == (Kind.PARTIAL, first)


@pytest.mark.parametrize(
    "item",
    [
        '{"itemIdentifier": ""}',
        '{"itemIdentifier": null}',
        '{"itemIdentifer": "12"}',
        '"12"',
        "null",
        "{}",
        '{"itemIdentifier": 12}',
        '{"itemIdentifier": "99"}',
    ],
)
@pytest.mark.parametrize("beside", ["", ', {"itemIdentifier": "13"}'])
def test_an_empty_wrong_or_unknown_identifier_fails_the_whole_batch(item: str, beside: str) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    reply = f'{{"batchItemFailures": [{item}{beside}]}}'.encode()
    found = outcome_of(InvocationResult(payload=reply), NUMBERS, report=True)
    assert (found.kind, found.bad_reply) == (Kind.FAILED, True)


@pytest.mark.parametrize(
    "payload", [b'"ok"', b"[]", b"7", b"true", b'{"batchItemFailures": {}}', b"{not json"]
)
def test_a_reply_that_is_no_object_with_a_list_fails_the_whole_batch(payload: bytes) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    assert outcome(payload) == (Kind.FAILED, 0)


@pytest.mark.parametrize(
    "payload", [b'"ok"', b'{"batchItemFailures": [{"itemIdentifier": "12"}]}', b"{not json"]
)
def test_without_report_batch_item_failures_the_reply_is_not_looked_at(payload: bytes) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    assert outcome(payload, report=False) == (Kind.DONE, 0)


@pytest.mark.parametrize("report", [True, False])
def test_an_error_fails_the_batch_and_a_throttle_is_none(report: bool) -> None:
    failed = InvocationResult(error=FunctionError(TIMED_OUT, "Task timed out after 1.00 seconds"))
    assert outcome_of(failed, NUMBERS, report=report).kind is Kind.FAILED
    throttled = InvocationResult(error=FunctionError(THROTTLED, "Rate Exceeded."))
    assert outcome_of(throttled, NUMBERS, report=report).kind is Kind.THROTTLED


@given(st.binary(max_size=60))
def test_no_reply_raises_or_passes_over_a_reported_record(payload: bytes) -> None:
    found = outcome_of(InvocationResult(payload=payload), NUMBERS, report=True)
    assert found.kind in {Kind.DONE, Kind.PARTIAL, Kind.FAILED}
