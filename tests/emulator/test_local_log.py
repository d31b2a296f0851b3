"""What is read of a function's output: every line, in bounded memory, and never longer than it lives."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from threeways.emulator.function import LocalFunction
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.function.log import LONGEST_LINE, LogReader

LEAVES_A_GRANDCHILD = """
import pathlib, subprocess, sys, time
def handler(event, context):
    sys.stdout.write("last words")
    sys.stdout.flush()
    left = subprocess.Popen(event["command"], start_new_session=True)
    pathlib.Path("left").write_text(str(left.pid))
    time.sleep(60)
"""


class Pipe:
    """A reader and the end that a process would write to."""

    def __init__(self) -> None:
        read, self._write = os.pipe()
        self.lines: list[str] = []
        self.reader = LogReader(os.fdopen(read, "rb", buffering=0), self.lines.append, "tested")

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._write, data) :]

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._write)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()
    made.reader.finish(10)


def test_lines_come_without_their_ends_and_the_last_one_needs_none(pipe: Pipe) -> None:
    pipe.write("é one\n\ntwo\r\nthree\rfour\n\xff".encode() + b"\xff")
    pipe.close()
    pipe.reader.finish(10)
    assert pipe.lines == ["é one", "", "two", "three", "four", "ÿ�"]


def test_a_line_without_an_end_comes_in_pieces_as_it_is_written(
    pipe: Pipe, eventually: Callable[..., None]
) -> None:
    long = "€" * LONGEST_LINE  # three bytes each, so that pieces end within a character
    pipe.write(long.encode())
    eventually(lambda: len(pipe.lines) == 3)
    pipe.write(b"\nnext\n")
    pipe.close()
    pipe.reader.finish(10)
    assert "".join(pipe.lines[:-1]) == long
    assert [len(line.encode()) <= LONGEST_LINE + 3 for line in pipe.lines] == [True] * 4
    assert pipe.lines[-1] == "next"


def test_finishing_hands_over_what_was_written_though_someone_holds_the_pipe_open(pipe: Pipe) -> None:
    pipe.write(b"one\ntwo")
    began = time.monotonic()
    pipe.reader.finish(10)
    pipe.reader.finish(10)
    assert time.monotonic() - began < 5
    assert pipe.lines == ["one", "two"]
    with pytest.raises(BrokenPipeError):
        pipe.write(b"nobody reads on")


@pytest.mark.parametrize("command", [["sleep", "600"], ["yes"]])
def test_what_a_function_left_behind_does_not_hold_up_its_end(
    function_config: Callable[..., FunctionConfig], command: list[str]
) -> None:
    lines: list[str] = []
    config = function_config(LEAVES_A_GRANDCHILD, timeout=1.5)
    with LocalFunction(config, environment={}, on_log=lines.append) as function:
        function.warm()
        began = time.monotonic()
        result = function.invoke(json.dumps({"command": command}).encode())
        took = time.monotonic() - began
    with suppress(ProcessLookupError):
        os.kill(int((config.root / "left").read_text()), signal.SIGKILL)
    assert result.error is not None
    assert "timed out" in result.error.message
    assert took < 1.5 + 4
    assert any("last words" in line for line in lines)
