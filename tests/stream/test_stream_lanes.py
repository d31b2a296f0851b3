"""User keys that came under several partition keys, which a shard's lanes may have at once."""

from __future__ import annotations

from typing import Any

import pytest
from doubles import FakeContext, FakeKinesis, kinesis_event, ride
from kpl import aggregated
from test_stream_handler import Reports, handler

from threeways.stream import lanes as lanes_module


def packed(*keys: str) -> bytes:
    return aggregated([(key, ride(1), None) for key in keys])


def scattered(*batches: dict[str, Any], lanes: int | None = None) -> list[int]:
    reports = Reports()
    handle = handler(FakeKinesis(), reports=reports, lanes=lanes)
    for batch in batches:
        handle(batch, FakeContext())
    return [report.scattered for report in reports]


TWO_OUTER = kinesis_event([packed("k", "l"), packed("k", "m")], keys=["x", "y"])


@pytest.mark.parametrize(("lanes", "count"), [(None, 1), (2, 1), (10, 1), (1, 0)])
def test_a_user_key_under_two_partition_keys_counts_where_there_may_be_several_lanes(
    lanes: int | None, count: int
) -> None:
    assert scattered(TWO_OUTER, lanes=lanes) == [count]


def test_it_is_seen_over_invocations_and_beside_records_that_are_not_aggregated() -> None:
    first = kinesis_event([packed("k")], keys=["x"])
    second = kinesis_event([packed("k"), ride(2)], keys=["y", "z"])
    assert scattered(first, second, second, lanes=2) == [0, 1, 0]
    assert scattered(kinesis_event([packed("k"), ride(2)], keys=["x", "k"]), lanes=2) == [1]


def test_one_outer_key_and_plain_records_are_in_order() -> None:
    assert scattered(kinesis_event([packed("k", "l"), packed("k")], keys=["x", "x"]), lanes=2) == [0]
    assert scattered(kinesis_event([ride(1), ride(2)], keys=["x", "y"]), lanes=2) == [0]


def test_it_is_warned_of_once_with_the_mend(caplog: pytest.LogCaptureFixture) -> None:
    scattered(TWO_OUTER, TWO_OUTER, lanes=2)
    [line] = [text for text in caplog.messages if "ParallelizationFactor" in text]
    assert "Set it to 1, or turn the producer's aggregation off" in line


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "MAX_KEYS", 2)
    watch = lanes_module.Lanes(2)
    from threeways.stream.records import batch_of

    for number in range(9):
        watch.scattered(batch_of(kinesis_event([packed(f"a{number}", f"b{number}")])))
        assert len(watch._outer) <= 4
