from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.mapping.buffer import Buffer
from threeways.emulator.mapping.records import StreamRecord, event_of


def records(*sizes: int, first: int = 0) -> list[StreamRecord]:
    return [StreamRecord(str(first + number), "k", 0.0, b"x" * size) for number, size in enumerate(sizes)]


def numbers(batch: tuple[StreamRecord, ...]) -> list[str]:
    return [record.sequence_number for record in batch]


def test_a_batch_is_cut_at_batch_size_and_the_rest_comes_next() -> None:
    buffer = Buffer(3, window=0)
    buffer.put(records(*[1] * 5))
    assert numbers(buffer.take()) == ["0", "1", "2"]
    assert numbers(buffer.take()) == ["3", "4"]
    assert len(buffer) == 0


def test_without_a_window_what_is_there_is_a_batch() -> None:
    buffer = Buffer(100, window=0)
    buffer.put(records(1))
    assert numbers(buffer.take()) == ["0"]


def test_a_batch_that_is_not_full_waits_for_the_window_of_its_first_record() -> None:
    now = [0.0]
    buffer = Buffer(3, window=0.2, clock=lambda: now[0])
    buffer.put(records(1))
    now[0] = 0.19
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(buffer.take)
        assert not taken.done()
        buffer.put(records(1, first=1))
        assert not taken.done()
        now[0] = 0.2
        assert numbers(taken.result(timeout=60)) == ["0", "1"]


def test_a_full_batch_does_not_wait_for_the_window() -> None:
    buffer = Buffer(2, window=300)
    buffer.put(records(1, 1, 1))
    assert numbers(buffer.take()) == ["0", "1"]


def test_a_batch_is_cut_where_its_event_would_pass_six_megabytes() -> None:
    third = REQUEST_LIMIT // 3
    buffer = Buffer(100, window=300)
    buffer.put(records(third - 10, third - 10, third - 10, third - 10))
    batch = buffer.take()
    assert numbers(batch) == ["0", "1", "2"]
    assert REQUEST_LIMIT - 30 < len(event_of(batch)) <= REQUEST_LIMIT


def test_a_record_that_fits_no_event_is_a_batch_of_its_own() -> None:
    buffer = Buffer(100, window=0)
    buffer.put(records(10, REQUEST_LIMIT, 10))
    assert [numbers(buffer.take()) for _ in range(3)] == [["0"], ["1"], ["2"]]


def test_the_reader_waits_while_two_batches_or_their_bytes_are_held() -> None:
    by_count, by_bytes = Buffer(2, window=0), Buffer(100, window=0)
    by_count.put(records(1, 1, 1, 1))
    by_bytes.put(records(REQUEST_LIMIT, REQUEST_LIMIT))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(buffer.wait_for_room) for buffer in (by_count, by_bytes)]
        assert not any(waiter.done() for waiter in waiting)
        by_count.take()
        by_bytes.take()
        assert [waiter.result(timeout=60) for waiter in waiting] == [True, True]


def test_closing_wakes_both_sides() -> None:
    buffer = Buffer(1, window=0)
    full = Buffer(1, window=0)
    full.put(records(1, 1))
    with ThreadPoolExecutor(2) as pool:
        taken, room = pool.submit(buffer.take), pool.submit(full.wait_for_room)
        buffer.close()
        full.close()
        assert taken.result(timeout=60) == ()
        assert room.result(timeout=60) is False
