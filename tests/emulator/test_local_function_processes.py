"""The processes of a function: initialised, killed and ended as on Lambda."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from function_lab import HANDLER, Make, call, error_of, make

from threeways.aws.invocation import (
    EXITED,
    TIMED_OUT,
)
from threeways.emulator.function import environment
from threeways.errors import LocalError

__all__ = ["make"]  # a fixture is found where it is imported


def test_a_timeout_kills_the_process_and_the_next_invocation_initialises_anew(make: Make) -> None:
    function = make(timeout=1.0)
    function.warm()
    (pid,) = function.pids()
    started = time.monotonic()
    kind, message = error_of(function, do="sleep", seconds=60)
    assert time.monotonic() - started < 30
    assert kind == TIMED_OUT
    assert message.endswith("Task timed out after 1.00 seconds")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert function.invoke(b"{}").cold


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"do": "exit", "status": 7}, "Runtime exited with error: exit status 7"),
        ({"do": "exit", "status": 0}, "Runtime exited without providing a reason"),
        ({"do": "kill"}, "Runtime exited with error: signal: killed"),
    ],
)
def test_a_crash_is_an_exit_error_and_the_next_invocation_initialises_anew(
    make: Make, event: dict[str, Any], reason: str
) -> None:
    function = make()
    kind, message = error_of(function, **event)
    assert kind == EXITED
    assert message.endswith(reason)
    assert function.invoke(b"{}").cold


def test_a_process_killed_while_idle_costs_the_next_invocation_a_cold_start_only(
    make: Make, eventually: Callable[..., None]
) -> None:
    function = make()
    function.warm()
    os.kill(function.pids()[0], signal.SIGKILL)
    eventually(lambda: not function.pids())
    assert call(function)["calls"] == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("raise ValueError('no model')", "ValueError"),
        ("import no_such_module", "Runtime.ImportModuleError"),
        ("def handler(:", "Runtime.UserCodeSyntaxError"),
        ("import os; os._exit(3)", EXITED),
    ],
)
def test_what_stops_initialisation_is_the_error_of_warming_and_of_invoking(
    make: Make, code: str, kind: str
) -> None:
    function = make(code)
    error = function.warm()
    assert error is not None
    assert error.type == kind
    assert error_of(function)[0] == kind


def test_a_failed_first_initialisation_is_tried_once_more_on_the_functions_time(make: Make) -> None:
    code = "import pathlib\nmark = pathlib.Path('mark')\n"
    code += "if not mark.exists():\n    mark.touch()\n    raise OSError\n"
    result = make(code + HANDLER).invoke(b"{}")
    assert result.error is None
    assert result.cold


def test_an_initialisation_that_never_ends_is_a_timeout(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "INIT_LIMIT", 0.2)
    function = make("import time; time.sleep(600)", timeout=0.4)
    started = time.monotonic()
    assert error_of(function)[0] == TIMED_OUT
    assert 0.6 < time.monotonic() - started < 30
    assert function.pids() == []


def test_closing_ends_the_processes_and_what_they_started(make: Make, is_gone: Callable[[int], bool]) -> None:
    function = make()
    grandchild = call(function, do="child")
    pids = function.pids()
    threads = threading.active_count()
    function.close()
    assert all(is_gone(pid) for pid in [*pids, grandchild])
    assert threading.active_count() < threads
    with pytest.raises(LocalError, match="closed"):
        function.invoke(b"{}")


def test_a_ctrl_c_in_the_terminal_does_not_reach_the_function(make: Make) -> None:
    said = call(make())
    assert said["session"] == said["pid"] != os.getsid(0)
