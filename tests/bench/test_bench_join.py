"""The join's benchmark: its two sides make the same writes, and ours costs far less CPU time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from benchmarks import joining


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with joining.table() as url:
        given = {"AWS_ENDPOINT_URL": url, "JOIN_QUEUE_URL": f"{url}/123456789012/timers"}
        for name, value in {**joining.ENVIRONMENT, **given}.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.exhaustive
def test_a_key_costs_half_of_what_it_costs_with_boto3_and_a_process_stays_small(environment: None) -> None:
    assert os.environ["JOIN"] == "examples.orders_join"
    for one in joining.throughput(2):
        assert one.ratio > 2
    assert joining.memory().ours < joining.GOAL_MB
