"""`threeways watch`: a page of the runs that go on here."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.interrupts import interruptible
from threeways.settings import LOCAL


def watch(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: a free one.")] = 8090,
) -> None:
    """Serve a page that shows the run that goes on here (make run, make torture), until Ctrl-C."""
    from threeways.local_run.watch.server import watched

    console = Console()
    with interruptible() as stopping, watched(LOCAL / "runs", console, port):
        console.print("It shows the newest run of this checkout that goes on. Ctrl-C ends it.")
        stopping.wait()
