"""Pausing a consumer while a run goes on: PAUSE, and keys in a terminal."""

from __future__ import annotations

import json
import os
import pty
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from threeways.emulator.harness import Harness
from threeways.emulator.server import Emulator
from threeways.errors import UsageError
from threeways.local_run import pauses
from threeways.local_run.keys import keys
from threeways.local_run.pauses import Pause, parse, pausing

NAMES = ("ride_duration", "ride_tip")


def until(truth: Callable[[], Any], within: float = 20.0) -> None:
    end = time.monotonic() + within
    while not truth():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def harness(emulator: Emulator) -> Iterator[Harness]:
    with Harness(emulator, lambda event, context: None, BatchSize=5) as made:
        made.start()
        yield made


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: where a person types, and what a program reads."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def test_pauses_are_read_as_they_are_written() -> None:
    assert parse("ride_tip@5s-15s, ride_duration@0-2.5s ride_tip@20s-21s", NAMES) == [
        Pause("ride_tip", 5, 15),
        Pause("ride_duration", 0, 2.5),
        Pause("ride_tip", 20, 21),
    ]
    assert parse("", NAMES) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ride_tip", "'ride_tip' does not say who is paused and when"),
        ("ride_tip@5s", "does not say"),
        ("ride_tip@15s-5s", "does not say"),
        ("ride_tip@5s-5s", "does not say"),
        ("@1s-2s", "does not say"),
        ("ride_tip@4s-6s ride_tip@1s-5s", "two pauses of ride_tip overlap"),
        ("ride_tip@a-b", "does not say"),
        ("ride_tips@1s-2s", "names ride_tips, which is not among CONSUMERS: ride_duration, ride_tip"),
    ],
)
def test_what_is_no_pause_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"PAUSE:? .*{message}|PAUSE {message}"):
        parse(text, NAMES)


def test_a_consumer_is_paused_from_then_to_then_and_goes_on_where_it_was(harness: Harness) -> None:
    said: list[str] = []
    with pausing({"ride_tip": harness.mapping}, [Pause("ride_tip", 0.0, 1.0)], said.append):
        until(lambda: not harness.mapping.enabled)
        for n in range(20):
            harness.put({"n": n})
        assert harness.counts().polled == 0
        until(lambda: harness.mapping.enabled)
        harness.drain()
    assert [json.loads(data)["n"] for one in harness.invocations for data in one.data] == list(range(20))
    assert said == ["ride_tip is paused", "ride_tip goes on from its checkpoint"]


def test_a_pause_that_the_run_does_not_live_to_see_is_told(harness: Harness) -> None:
    said: list[str] = []
    with pausing({"ride_tip": harness.mapping}, [Pause("ride_tip", 60, 90)], said.append):
        pass
    assert said == ["ride_tip was not paused: the run had ended before"]


def test_p_pauses_the_last_consumer_or_the_one_whose_number_is_typed(
    harness: Harness, emulator: Emulator, terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, program = terminal
    monkeypatch.setattr(pauses, "keys", lambda pressed, **more: keys(pressed, program, **more))
    with Harness(emulator, lambda event, context: None, stream=harness.stream) as other:
        other.start()
        mappings = {"ride_duration": harness.mapping, "ride_tip": other.mapping}
        with pausing(mappings, [], lambda _: None):
            os.write(person, b"xp")
            until(lambda: not other.mapping.enabled)
            assert harness.mapping.enabled
            os.write(person, b"91p")
            until(lambda: not harness.mapping.enabled)
            os.write(person, b"p2p")
            until(lambda: harness.mapping.enabled and other.mapping.enabled)


def test_a_terminal_is_left_as_it_was_and_without_one_there_are_no_keys(terminal: tuple[int, int]) -> None:
    import termios

    _, program = terminal
    before = termios.tcgetattr(program)
    with suppress(KeyError), keys(lambda _: None, program):
        assert termios.tcgetattr(program) != before
        raise KeyError
    assert termios.tcgetattr(program) == before
    reading, writing = os.pipe()
    with keys(lambda _: pytest.fail("a pipe has no keys"), reading):
        os.write(writing, b"p")
    os.close(reading)
    os.close(writing)
