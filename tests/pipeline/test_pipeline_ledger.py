"""The ledger: each ride in exactly one place, and nothing taken on trust."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hypothesis import given
from hypothesis import strategies as st

from threeways.local_run.ledger import PLACES, Account, Received, Sent, percentile, rmse

SHARD = "shardId-000000000000"


def event_id(number: int) -> str:
    return f"{SHARD}:{number}"


def account(
    sent: int,
    predicted: AbstractSet[int] = frozenset(),
    quarantined: AbstractSet[int] = frozenset(),
    abandoned: AbstractSet[int] = frozenset(),
    done: int | None = None,
) -> Account:
    return Account(
        sent={event_id(n): Sent(at=100.0 + n, index=n) for n in range(sent)},
        predictions={event_id(n): Received(value=1.0, at=101.0 + n) for n in sorted(predicted)},
        duplicates=0,
        quarantined={event_id(n) for n in quarantined},
        abandoned={event_id(n) for n in abandoned},
        positions={SHARD: None if done is None else str(done)},
    )


def places(account: Account) -> dict[str, list[int]]:
    return {
        place: [int(id_.partition(":")[2]) for id_ in ids] for place, ids in account.whereabouts().items()
    }


def test_a_ride_found_nowhere_behind_the_checkpoint_is_lost() -> None:
    found = places(account(4, predicted={0}, quarantined={2}, done=3))
    assert found == {"predicted": [0], "quarantined": [2], "abandoned": [], "pending": [], "lost": [1, 3]}


def test_a_ride_beyond_the_checkpoint_is_pending() -> None:
    assert places(account(12, done=9))["pending"] == [10, 11]
    assert places(account(2, done=None))["pending"] == [0, 1]


def test_a_ride_in_several_places_counts_in_the_first() -> None:
    found = places(account(3, predicted={0}, quarantined={0, 1}, abandoned={0, 1, 2}, done=2))
    assert (found["predicted"], found["quarantined"], found["abandoned"]) == ([0], [1], [2])


numbers = st.sets(st.integers(0, 19))


@given(st.integers(0, 20), numbers, numbers, numbers, st.none() | st.integers(0, 19))
def test_every_ride_is_in_exactly_one_place(
    sent: int, predicted: set[int], quarantined: set[int], abandoned: set[int], done: int | None
) -> None:
    found = places(account(sent, predicted, quarantined, abandoned, done))
    assert list(found) == list(PLACES)
    assert sorted(n for numbers in found.values() for n in numbers) == list(range(sent))


def test_throughput_is_from_the_first_put_to_the_last_prediction() -> None:
    seconds, per_second = account(10, predicted=set(range(10)), done=9).throughput()
    assert (seconds, per_second) == (10.0, 1.0)
    assert account(3).throughput() == (0.0, 0.0)


def test_latency_is_from_a_ride_s_own_put() -> None:
    assert account(3, predicted={0, 2}, done=2).latencies() == [1.0, 1.0]


def test_percentiles_and_rmse_of_little() -> None:
    assert (percentile([], 50), percentile([3.0], 99), percentile([1.0, 3.0], 50)) == (None, 3.0, 2.0)
    assert (rmse([]), rmse([(3.0, 0.0), (4.0, 0.0)])) == (None, (25 / 2) ** 0.5)


def test_a_user_record_is_where_its_whole_kinesis_record_is() -> None:
    users = [f"{SHARD}:{number}:{part}" for number in range(5) for part in range(2)]
    account = Account(
        sent={user: Sent(at=1.0, index=None) for user in users},
        predictions={users[0]: Received(value=1.0, at=2.0)},
        duplicates=0,
        quarantined={users[1], event_id(1)},
        abandoned={event_id(2)},
        positions={SHARD: "3"},
    )
    assert account.whereabouts() == {
        "predicted": users[:1],
        "quarantined": users[1:4],
        "abandoned": users[4:6],
        "lost": users[6:8],
        "pending": users[8:],
    }
