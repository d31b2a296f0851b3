"""The emulator is killed, or can store no more: that is told at once, in one line, and the run ends."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from events_lab import workload
from rich.console import Console
from small_training import Training

from threeways.emulator.harness import Harness
from threeways.emulator.server import Emulator
from threeways.errors import LocalFailed
from threeways.local_run import stack as stacks
from threeways.local_run.session import run_session
from threeways.local_run.stack import RunningStack
from threeways.local_run.watch.publisher import Publisher

pytestmark = pytest.mark.exhaustive

linux = pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are set on Linux alone")


def kill(emulator: Any) -> None:
    os.kill(emulator.pid, signal.SIGKILL)


def fill(emulator: Any) -> None:
    """From now on no file of its takes more: the system refuses it as it does on a full disk."""
    resource.prlimit(emulator.pid, resource.RLIMIT_FSIZE, (0, 0))  # type: ignore[attr-defined,unused-ignore]


def few_files(emulator: Any) -> None:
    resource.prlimit(emulator.pid, resource.RLIMIT_NOFILE, (20, 20))  # type: ignore[attr-defined,unused-ignore]


def put_record(emulator: Emulator) -> None:
    emulator.client("kinesis").put_record(StreamName="s", Data=b"x", PartitionKey="k")


def put_object(emulator: Emulator) -> None:
    emulator.client("s3").put_object(Bucket="bucket", Key="k", Body=bytes(8 * 2**20))


def create_stream(emulator: Emulator) -> None:
    emulator.client("kinesis").create_stream(StreamName="wide", ShardCount=100)


@pytest.mark.parametrize(
    ("end", "call", "reason"),
    [
        (kill, put_record, "killed"),
        pytest.param(fill, put_record, "File too large in .*set TMPDIR", marks=linux),
        pytest.param(fill, put_object, "File too large in .*set TMPDIR", marks=linux),
        pytest.param(few_files, create_stream, "Too many open files, .*`ulimit -n`", marks=linux),
    ],
)
def test_a_call_to_an_emulator_that_has_ended_says_why_and_is_not_repeated(
    tmp_path: Path, end: Callable[[Any], None], call: Callable[[Emulator], None], reason: str
) -> None:
    with Emulator(log=tmp_path / "emulator.log") as emulator:
        emulator.client("kinesis").create_stream(StreamName="s", ShardCount=1)
        emulator.client("s3").create_bucket(Bucket="bucket")
        assert emulator.ended() is None
        end(emulator)
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(LocalFailed, match=rf"the emulator ended.*{reason}.*emulator\.log"):
                call(emulator)
        assert time.monotonic() - began < 5
    assert emulator.ended() is None, "it was closed"


@pytest.mark.parametrize("end", [kill, pytest.param(fill, marks=linux)])
def test_a_run_ends_at_once_and_says_why(
    training: Training, tmp_path: Path, end: Callable[[Any], None]
) -> None:
    ended: list[float] = []

    def run() -> None:
        with RunningStack(tmp_path, training.report.model, 2, Console(file=io.StringIO())) as stack:

            def strike() -> None:
                while not stack.mapping.counts().invocations:
                    time.sleep(0.05)
                end(stack.emulator)
                ended.append(time.monotonic())

            threading.Thread(target=strike).start()
            console = Console(file=io.StringIO())
            run_session(stack, workload(100_000), None, threading.Event(), console, Publisher(tmp_path))

    with pytest.raises(LocalFailed, match="the emulator ended"):
        run()
    assert time.monotonic() - ended[0] < 10


def test_what_a_replay_gives_to_the_function_ends_with_the_emulator(
    training: Training, tmp_path: Path
) -> None:
    with RunningStack(tmp_path, training.report.model, 1, Console(file=io.StringIO())) as stack:
        kill(stack.emulator)
        began = time.monotonic()
        while stack.emulator.ended() is None:
            time.sleep(0.01)
        with pytest.raises(LocalFailed, match="the emulator ended"):
            stack.invoke(b'{"Records": []}')
        while stack._guard.is_alive():
            assert time.monotonic() - began < 10 * stacks.LOOK_SECONDS + 5
            time.sleep(0.05)


def test_a_bench_whose_emulator_has_ended_says_so() -> None:
    with Emulator() as emulator:
        harness = Harness(emulator, lambda event, context: None)
        harness.start()
        kill(emulator)
        with pytest.raises(LocalFailed, match="the emulator ended"):
            harness.wait(lambda: False)
        with suppress(LocalFailed):  # unless no thread of the mapping has met it
            harness.close()
