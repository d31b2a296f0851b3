"""How a run that ends with a ledger ends: the exit status that the ledger says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threeways.cli.errors import FAILED, INTERRUPTED, TOO_MANY_BAD

if TYPE_CHECKING:
    from threeways.local_run.ledger import Ledger

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
