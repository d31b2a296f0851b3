"""What a run under faults came to, in a few lines for people."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET
from rich.console import Console

from threeways.chaos.ledger import TortureLedger

SHOWN = 10


def show_verdict(
    console: Console,
    ledger: TortureLedger,
    again: str,
    disordered: Sequence[str],
    strange: Sequence[str],
) -> None:
    """Print what a run under faults came to, and the command that runs it again."""
    for name, found in (
        ("order violations", disordered),
        ("predictions under another id", strange),
    ):
        console.print(
            f"[{'bold red' if found else 'bold green'}]{name} {len(found):,}[/] {', '.join(found[:SHOWN])}",
            soft_wrap=True,
        )
    if ledger.promotions is not UNSET:
        bad = ledger.mixed_batches or ledger.by_refused
        console.print(
            f"promotions {ledger.promotions:,}, swaps {ledger.swaps:,}, refused {ledger.refused:,}; "
            f"[{'bold red' if bad else 'bold green'}]batches of several versions {ledger.mixed_batches:,}, "
            f"predictions by a refused model {ledger.by_refused:,}[/]",
            soft_wrap=True,
        )
    if ledger.sound:
        console.print(
            f"[bold green]Nothing lost, nothing pending, nothing out of order.[/] Again: {again}",
            soft_wrap=True,
        )
    elif ledger.interrupted and not ledger.failed:
        console.out(
            f"Interrupted, with {ledger.pending:,} events still on the stream; up to there nothing is lost "
            f"or out of order. Again: {again}"
        )
    else:
        console.print(
            f"[bold red]Not sound[/]: lost {ledger.lost:,}, pending {ledger.pending:,}, order violations "
            f"{ledger.order_violations:,}, new ids {ledger.duplicates_with_new_id:,}. Again: {again}",
            soft_wrap=True,
        )
