"""What commands share that put events on a stream: their options, and the exit status of their ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threeways.cli.errors import FAILED, INTERRUPTED, TOO_MANY_BAD, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from threeways.errors import UsageError
    from threeways.local_run.labelled.pipeline import LabelLedger
    from threeways.local_run.ledger import Ledger
    from threeways.local_run.system.ledger import SystemLedger

MOST = 100_000_000
"""Events that a run can hold in memory, on a large machine."""
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


def end(ledger: Ledger | SystemLedger | LabelLedger, tolerate: float) -> None:
    """End with the exit status that a run's ledger says."""
    if ledger.failed:
        raise typer.Exit(FAILED)
    if ledger.interrupted:
        raise typer.Exit(INTERRUPTED)
    if ledger.share_given_up > tolerate:
        raise typer.Exit(TOO_MANY_BAD)


def end_all(ledgers: Mapping[str, Ledger], refused: Mapping[str, UsageError], tolerate: float) -> None:
    """End with the exit status that the ledgers of several consumers say, or that one of them was refused."""
    if any(ledger.failed for ledger in ledgers.values()):
        raise typer.Exit(FAILED)
    if any(ledger.interrupted for ledger in ledgers.values()):
        raise typer.Exit(INTERRUPTED)
    for error in refused.values():
        raise typer.Exit(status_of(error))
    for ledger in ledgers.values():
        end(ledger, tolerate)
