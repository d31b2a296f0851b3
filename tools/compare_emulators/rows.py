"""The rows of docs/event-source-mapping.md: what tries each, and the run of all on one emulator."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from threeways import project
from threeways.emulator.endpoint import Endpoint

from .case import Case, clients_of

PAGE = project.ROOT / "docs" / "event-source-mapping.md"
Probe = Callable[[Case], str]
PROBES: dict[str, Probe] = {}
"""By the page's words for the behaviour."""
_ROW = re.compile(r"\| (\[.+?) \| `test_")


def row(behaviour: str) -> Callable[[Probe], Probe]:
    """Enter a function that tries a behaviour and says `yes`, or what happened instead."""

    def enter(probe: Probe) -> Probe:
        PROBES[behaviour] = probe
        return probe

    return enter


def of_page() -> list[str]:
    """Return the behaviours on the page."""
    return [found[1] for line in PAGE.read_text().splitlines() if (found := _ROW.match(line))]


def _warm(case: Case) -> None:
    """Wait until what an emulator starts with its first request answers."""
    case.until(lambda: not case.refused(case.client("kinesis").list_streams), 60)
    case.until(lambda: not case.refused(case.client("dynamodb").list_tables), 60)


def run(endpoint: Endpoint, behaviours: Iterable[str], patience: float, at_once: int) -> dict[str, str]:
    """Return what an emulator did, by behaviour. Each is told on standard error as soon as it is known."""

    def one(behaviour: str) -> str:
        case = Case(client, patience)
        try:
            found = PROBES[behaviour](case)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other rows are run
            traceback.print_exc()
            found = f"not run: {type(error).__name__}: {error}"
        finally:
            case.close()
        print(f"{behaviour} | {found}", file=sys.stderr, flush=True)
        return found

    client = clients_of(endpoint)
    _warm(Case(client, patience))
    chosen = list(behaviours)
    pool = ThreadPoolExecutor(at_once)
    try:
        return dict(zip(chosen, pool.map(one, chosen), strict=True))
    finally:  # where it was interrupted, what still runs ends when its emulator does
        pool.shutdown(wait=False, cancel_futures=True)
