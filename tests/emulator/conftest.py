"""A stream of its own for each test of this folder that asks, and what else these tests share."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.pytest_plugin import event_source_mapping
from threeways.emulator.server import Emulator

__all__ = ["event_source_mapping"]  # a fixture is found where it is imported

_numbers = itertools.count()


@pytest.fixture(scope="session")
def local_aws(emulator: Emulator) -> Emulator:
    return emulator


@pytest.fixture
def stream(emulator: Emulator) -> str:
    return make_stream(emulator, 1)


@pytest.fixture
def new_stream(emulator: Emulator) -> Callable[[int], str]:
    return lambda shards: make_stream(emulator, shards)


def make_stream(emulator: Emulator, shards: int) -> str:
    name = f"stream-{next(_numbers)}"
    emulator.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    return name


@pytest.fixture
def put(emulator: Emulator) -> Callable[..., list[str]]:
    """Puts texts in order onto a stream, under their own or one common key; their sequence numbers."""

    def put_all(stream: str, texts: list[str], key: str | None = None) -> list[str]:
        answers = [
            emulator.client("kinesis").put_record(
                StreamName=stream, Data=text.encode(), PartitionKey=key or text
            )
            for text in texts
        ]
        return [answer["SequenceNumber"] for answer in answers]

    return put_all


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until something is true, and fails the test if that takes over `within` seconds."""

    def wait(truth: Callable[[], Any], *, within: float = 60.0) -> None:
        end = time.monotonic() + within
        while not truth():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.01)

    return wait


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """Whether a process has ended; a zombie that nobody reaps, as in some containers, has."""

    def gone(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        try:
            return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    return gone


@pytest.fixture
def all_die(eventually: Callable[..., None], is_gone: Callable[[int], bool]) -> Callable[..., None]:
    """Waits until processes have ended by themselves; ends those that have not when that fails."""

    def wait(*pids: int) -> None:
        try:
            eventually(lambda: all(is_gone(pid) for pid in pids))
        finally:
            for pid in pids:
                if not is_gone(pid):
                    os.kill(pid, signal.SIGKILL)

    return wait


@pytest.fixture
def function_config(tmp_path: Path) -> Callable[..., FunctionConfig]:
    """Writes a handler module and answers the config of a function that runs it."""

    def write(
        code: str, *, timeout: float = 10.0, handler: str = "code_under_test.handler"
    ) -> FunctionConfig:
        (tmp_path / "code_under_test.py").write_text(code, encoding="utf-8")
        arn = "arn:aws:lambda:us-east-1:123456789012:function:tested"
        return FunctionConfig("Tested", "tested", handler, timeout, 256, {"OWN": "yes"}, tmp_path, arn)

    return write
