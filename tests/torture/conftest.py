"""What the exhaustive run did is told at the end of pytest's own output."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from _pytest.terminal import TerminalReporter
from simulated import threads_run_at_once

_TOLD = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print a line at the end."""
    return pytestconfig.stash.setdefault(_TOLD, []).append


@pytest.fixture
def _simulated() -> Iterator[None]:
    """The test's worlds have no threads."""
    with threads_run_at_once():
        yield


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_TOLD, []):
        terminalreporter.write_line(line)
