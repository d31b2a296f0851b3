from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threeways.chaos.ledger import out_of_order, wrong_ids
from threeways.chaos.torture import keys_of
from threeways.local_run.ledger import Account, Received, Sent
from threeways.scoring.events import Events


def event_id(number: int, shard: int = 0) -> str:
    return f"shardId-{shard:012d}:{number}"


def account(
    sent: Sequence[tuple[str, str, int | None]], predicted: Sequence[tuple[str, int, int]]
) -> Account:
    """sent: (event id, key, ride). predicted: (event id, number on the output stream, ride that it names)."""
    return Account(
        sent={id_: Sent(1.0, ride, key) for id_, key, ride in sent},
        predictions={id_: Received(1.0, 2.0, number, ride) for id_, number, ride in predicted},
        duplicates=0,
        quarantined=(),
        abandoned=(),
        positions={},
    )


IDS = [100, 101, 102, 103]
"""Of events whose ids are not their positions."""
EVENTS = Events("made up", IDS, lambda: iter([b""] * 4), np.zeros(4), np.ones(4, dtype=np.bool_))


def test_a_keys_rides_in_order_are_no_violation_whatever_other_keys_do() -> None:
    sent = [(event_id(1), "a", 0), (event_id(2), "b", 1), (event_id(3), "a", 2), (event_id(4), "b", 3)]
    predicted = [
        (event_id(1), 12, 100),
        (event_id(2), 11, 101),
        (event_id(3), 13, 102),
        (event_id(4), 14, 103),
    ]
    assert out_of_order(account(sent, predicted)) == []


def test_a_ride_that_comes_out_before_an_earlier_one_of_its_key_is_named() -> None:
    sent = [(event_id(1), "a", 0), (event_id(2), "a", 1), (event_id(3), "a", 2)]
    predicted = [(event_id(1), 20, 100), (event_id(2), 10, 101), (event_id(3), 15, 102)]
    assert out_of_order(account(sent, predicted)) == [event_id(2), event_id(3)]


def test_the_order_of_a_key_goes_on_from_a_shard_to_its_child_and_over_what_was_never_predicted() -> None:
    sent = [
        (event_id(9, 0), "a", 0),
        (event_id(8, 0), "a", 1),
        (event_id(10, 3), "a", 2),
        (event_id(11, 3), "a", 3),
    ]
    right = [(event_id(8, 0), 1, 101), (event_id(10, 3), 2, 102), (event_id(11, 3), 3, 103)]
    assert out_of_order(account(sent, right)) == []
    wrong = [(event_id(8, 0), 5, 101), (event_id(10, 3), 2, 102)]
    assert out_of_order(account(sent, wrong)) == [event_id(10, 3)]


def test_numbers_are_compared_as_numbers() -> None:
    sent = [(event_id(99), "a", 0), (event_id(100), "a", 1)]
    assert out_of_order(account(sent, [(event_id(99), 1, 100), (event_id(100), 2, 101)])) == []


def test_a_prediction_under_another_rides_id_a_broken_records_or_none_that_was_sent_is_a_stranger() -> None:
    sent = [(event_id(1), "a", 0), (event_id(2), "a", 1), (event_id(3), "a", None)]
    predicted = [(event_id(1), 1, 100), (event_id(2), 2, 100), (event_id(3), 3, 102), (event_id(4), 4, 103)]
    assert wrong_ids(account(sent, predicted), EVENTS) == [event_id(2), event_id(3), event_id(4)]


def test_the_keys_of_a_run_are_shared_by_many_rides_some_of_them_hot() -> None:
    key = keys_of(20_000)
    keys = [key(position) for position in range(20_000)]
    hot = [one for one in keys if one.startswith("hot")]
    assert 0.2 < len(hot) / len(keys) < 0.4
    assert len(set(hot)) <= 300
    assert 500 < len(set(keys)) < 1_500
