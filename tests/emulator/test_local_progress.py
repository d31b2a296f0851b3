from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeways.emulator.mapping.progress import Progress


def test_nothing_read_is_nothing_done() -> None:
    progress = Progress()
    assert (progress.checkpoint, progress.complete) == (None, False)


def test_what_is_done_beyond_a_gap_does_not_move_the_checkpoint_until_the_gap_is_closed() -> None:
    progress = Progress()
    progress.read(["1", "2", "3", "4"])
    checkpoints = []
    for numbers in (["2", "4"], ["1"], ["3"]):
        progress.done(numbers)
        checkpoints.append(progress.checkpoint)
    assert checkpoints == [None, "2", "4"]


def test_a_shard_is_complete_once_its_end_was_read_and_all_of_it_is_done() -> None:
    progress = Progress()
    progress.read(["1"])
    states = [progress.complete]
    progress.ended()
    states.append(progress.complete)
    progress.done(["1"])
    states.append(progress.complete)
    assert states == [False, False, True]


def test_an_empty_shard_is_complete_at_its_end() -> None:
    progress = Progress()
    progress.ended()
    assert (progress.complete, progress.checkpoint) == (True, None)


def test_what_was_not_read_or_is_done_already_cannot_be_done() -> None:
    progress = Progress()
    progress.read(["1"])
    progress.done(["1"])
    for number in ("1", "2"):
        with pytest.raises(KeyError):
            progress.done([number])


@given(st.permutations(range(12)), st.integers(0, 12))
def test_in_whatever_order_records_are_done_the_checkpoint_is_the_last_before_the_first_gap(
    order: list[int], done: int
) -> None:
    progress = Progress()
    progress.read(str(number) for number in range(12))
    for number in order[:done]:
        progress.done([str(number)])
    gap = min(set(range(12)) - set(order[:done]), default=12)
    assert progress.checkpoint == (str(gap - 1) if gap else None)


def test_it_holds_what_is_not_done_and_no_more_however_far_a_lane_is_behind() -> None:
    progress = Progress()
    progress.read(["0"])
    for number in range(1, 10_000):
        progress.read([str(number)])
        progress.done([str(number)])
    assert len(progress._outstanding) == 1
    assert progress.checkpoint is None
