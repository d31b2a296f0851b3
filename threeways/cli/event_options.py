"""What commands share that put events on a stream: their options, and the exit status of their ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threeways.cli.errors import FAILED, INTERRUPTED, TOO_MANY_BAD

if TYPE_CHECKING:
    from threeways.local_run.ledger import Ledger

Events = Annotated[
    str | None,
    typer.Option(
        "--events", "--rides", help="Parquet, JSON lines or CSV; default: the task's own producer of events."
    ),
]
Actual = Annotated[str | None, typer.Option(help="The column of --events with what the output really was.")]
EventId = Annotated[str | None, typer.Option("--id", help="The column of --events with the events' ids.")]
Tolerate = Annotated[
    float,
    typer.Option(min=0, max=1, help="Exit status 3 if a greater share of sound events is given up."),
]


def end(ledger: Ledger, tolerate: float) -> None:
    """End with the exit status that a run's ledger says."""
    if ledger.failed:
        raise typer.Exit(FAILED)
    if ledger.interrupted:
        raise typer.Exit(INTERRUPTED)
    if ledger.share_given_up > tolerate:
        raise typer.Exit(TOO_MANY_BAD)
