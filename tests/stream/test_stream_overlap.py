"""`PutRecords` calls overlap where the order allows, and each one's answer counts whatever the others say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from doubles import FOREVER, FakeKinesis, Sleeps, client_error

from threeways.aws.calls import Backoff, Deadline
from threeways.stream.delivery import MAX_ENTRIES, OVERLAPPED, Entry, Receipt, StreamDelivery

SECONDS = 20.0
"""Longer than any of these takes, and shorter than a test may hang."""


def entries(count: int, keys: int | None = None) -> list[Entry]:
    return [Entry(str(n % keys if keys else n), f"ride-{n}", str(n).encode()) for n in range(count)]


class Watched(FakeKinesis):
    """Does something within each call. most: calls that were under way together."""

    def __init__(self, within: Callable[[list[Any]], object]) -> None:
        super().__init__()
        self.most = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self._within = within

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            self._within(Records)
            with self._lock:
                return super().put_records(StreamName=StreamName, Records=Records)
        finally:
            with self._lock:
                self._under_way -= 1


def deliver(client: Any, given: list[Entry], deadline: Deadline = FOREVER) -> Receipt:
    return StreamDelivery(client, "predictions", Backoff(sleep=Sleeps())).deliver(given, deadline)


def test_calls_of_different_keys_are_under_way_together() -> None:
    together = threading.Barrier(OVERLAPPED)
    client = Watched(lambda _: together.wait(SECONDS))  # a call alone would break it
    receipt = deliver(client, entries(OVERLAPPED * MAX_ENTRIES))
    assert receipt.unfinished == {}
    assert len(client.stored) == OVERLAPPED * MAX_ENTRIES


def test_no_more_calls_are_under_way_than_there_are_connections_for() -> None:
    client = Watched(lambda _: threading.Event().wait(0.02))
    assert deliver(client, entries((2 * OVERLAPPED + 1) * MAX_ENTRIES)).unfinished == {}
    assert len(client.calls) == 2 * OVERLAPPED + 1
    assert client.most <= OVERLAPPED


def test_entries_of_one_key_are_never_under_way_together() -> None:
    keys = 2 * MAX_ENTRIES
    under_way: Counter[int] = Counter()
    twice: list[int] = []

    def within(records: list[Any]) -> None:
        mine = [int(record["Data"]) % keys for record in records]
        under_way.update(mine)
        twice.extend(key for key in mine if under_way[key] > 1)
        threading.Event().wait(0.01)
        under_way.subtract(mine)

    client = Watched(within)
    assert deliver(client, entries(3 * keys, keys)).unfinished == {}
    assert twice == []
    for key in range(keys):
        assert [n for n in map(int, (r["Data"] for r in client.stored)) if n % keys == key] == [
            key, key + keys, key + 2 * keys
        ]  # fmt: skip


def refused(_: list[Any]) -> None:
    raise client_error("AccessDeniedException")


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_what_the_other_calls_acknowledged_is_done_when_one_is_refused(bad: int) -> None:
    client = Watched(
        lambda records: refused(records) if int(records[0]["Data"]) == bad * MAX_ENTRIES else None
    )
    receipt = deliver(client, entries(3 * MAX_ENTRIES))
    assert sorted(receipt.unfinished) == list(range(bad * MAX_ENTRIES, (bad + 1) * MAX_ENTRIES))
    assert "AccessDenied" in receipt.unfinished[bad * MAX_ENTRIES]


def test_what_the_other_calls_acknowledged_is_done_when_one_hangs() -> None:
    release = threading.Event()

    def within(records: list[Any]) -> None:
        if int(records[0]["Data"]) == 0:
            release.wait(SECONDS)

    client = Watched(within)
    try:
        receipt = deliver(client, entries(3 * MAX_ENTRIES), Deadline(lambda: 1.0))
    finally:
        release.set()
    assert sorted(receipt.unfinished) == list(range(MAX_ENTRIES))
    assert "in time" in receipt.unfinished[0]
