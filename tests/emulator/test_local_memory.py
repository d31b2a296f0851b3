"""MemorySize: docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. Enforced on Linux alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from threeways.aws.invocation import EXITED
from threeways.emulator.function import LocalFunction, Runtime
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.function.memory import held_memory

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds, in /proc")
HOLDING = """
import time
def handler(event, context):
    held = [bytearray(b"x") * 1048576 for _ in range(event["mb"])]
    time.sleep(event.get("seconds", 0))
    return len(held)
"""
AVAILABLE = [Runtime.STAND_IN] if Runtime.available() is Runtime.STAND_IN else list(Runtime)
type Config = Callable[..., FunctionConfig]


@linux
@pytest.mark.parametrize("runtime", AVAILABLE)
def test_a_function_that_holds_more_than_its_memory_is_killed_and_the_next_invocation_is_cold(
    function_config: Config, runtime: Runtime
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html: signal: killed"""
    lines: list[str] = []
    config = replace(function_config(HOLDING), memory=128)
    with LocalFunction(config, environment={}, on_log=lines.append, runtime=runtime) as function:
        result = function.invoke(b'{"mb": 200, "seconds": 30}')
        assert result.error is not None
        assert result.error.type == EXITED
        assert result.error.message.endswith("Error: Runtime exited with error: signal: killed")
        after = function.invoke(b'{"mb": 1}')
    assert (after.error, after.cold, after.payload) == (None, True, b"1")
    (line,) = [line for line in lines if line.startswith("Memory Size: 128 MB")]
    assert line.endswith("killed")


@linux
def test_a_function_within_its_memory_runs_and_stays_warm(function_config: Config) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
    config = replace(function_config(HOLDING), memory=256)
    with LocalFunction(config, environment={}) as function:
        assert function.invoke(b'{"mb": 100, "seconds": 0.2}').payload == b"100"
        again = function.invoke(b'{"mb": 100, "seconds": 0.2}')
    assert (again.payload, again.cold) == (b"100", False)


@linux
def test_a_function_that_holds_too_much_when_it_starts_is_killed_too(function_config: Config) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html: initialisation"""
    code = "import time\nheld = bytearray(b'x') * (300 * 1048576)\ntime.sleep(60)\n"
    config = replace(function_config(code), memory=128)
    with LocalFunction(config, environment={}) as function:
        error = function.warm()
    assert error is not None
    assert (error.type, error.message) == (EXITED, "Error: Runtime exited with error: signal: killed")


@linux
def test_what_a_process_holds_is_what_it_allocated_and_none_where_it_is_gone(tmp_path: Path) -> None:
    before = held_memory(Path(f"/proc/{os.getpid()}/status"))
    block = bytearray(b"x") * (64 * 1048576)
    after = held_memory(Path(f"/proc/{os.getpid()}/status"))
    assert before is not None
    assert after is not None
    assert after - before > len(block) / 1048576 - 8
    assert held_memory(tmp_path / "status") is None
