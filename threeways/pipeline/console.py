"""What a person sees of a run: a live table on a terminal, plain lines in a pipe, a ledger at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from threeways.pipeline.ledger import Ledger
from threeways.pipeline.result import Result
from threeways.pipeline.stage import ReadBack
from threeways.pipeline.watch import View

PLAIN_SECONDS = 2.0
EXAMPLES = 5
REASONS = 6


class Screen(Protocol):
    """Where views of a run are shown as they come."""

    def show(self, view: View) -> None:
        """Show one view."""


class Plain:
    """A line at most every two seconds, for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0

    def show(self, view: View) -> None:
        """Print the view, unless the last line is too fresh."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PLAIN_SECONDS
        self._console.print(
            f"{view.elapsed:6.1f} s  sent {view.sent:,}/{view.total:,}  back {view.back:,}"
            f"  {view.per_second:,.0f}/s  latency p50 {_seconds(view.latency_p50)}"
            f"  quarantined {view.quarantined:,}  retries {view.retries:,}"
            f"  iterator age {_seconds(view.iterator_age)}",
            soft_wrap=True,
        )


class Terminal:
    """A table that is drawn anew in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, view: View) -> None:
        """Draw the view."""
        self._live.update(Group(_bar(view), "", _table(view)))


@contextmanager
def screen(console: Console) -> Iterator[Screen]:
    """The screen that fits where the output goes."""
    if not console.is_terminal:
        yield Plain(console)
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield Terminal(live)


def show_ledger(console: Console, ledger: Ledger, result: Result) -> None:
    """The account of the run: every ride once, and what one would ask next."""
    _show_examples(console, result)
    _show_quarantine(console, result.back)
    table = Table(title="Ledger: where every ride is", title_justify="left", show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, note in _NOTES.items():
        style = "bold red" if name == "lost" and ledger.lost else "bold" if name in ("sent", "lost") else ""
        table.add_row(name, f"{getattr(ledger, name):,}", note, style=style, end_section=name == "sent")
    console.print(table)
    console.print(
        f"duplicates {ledger.duplicates:,} (they repeat a source_event_id), batches {ledger.batches:,}, "
        f"cold start {ledger.cold_start_s:.2f} s, model version {ledger.model_version}",
        soft_wrap=True,
    )
    console.print(
        f"{ledger.rides_per_s:,.0f} predictions/s over {ledger.seconds:.1f} s; put to prediction "
        f"p50 {_seconds(ledger.latency_p50_s)}, p99 {_seconds(ledger.latency_p99_s)}",
        soft_wrap=True,
    )
    if ledger.rmse is not None:
        console.print(f"RMSE {ledger.rmse!r} min over the {ledger.rmse_rides:,} rides that training keeps")
    if ledger.lost:
        lost = result.account.whereabouts()["lost"]
        console.print(f"[bold red]lost {len(lost):,}[/]: {', '.join(lost[:10])}{' …' * (len(lost) > 10)}")
    else:
        console.print("[bold green]lost 0[/]")


_NOTES = {
    "sent": "acknowledged by the input stream",
    "predicted": "found on the output stream",
    "quarantined": "found in quarantine",
    "abandoned": "only at the failure destination",
    "pending": "still on the input stream",
    "lost": "nowhere",
}


def _show_quarantine(console: Console, back: ReadBack) -> None:
    if not back.reasons:
        return
    table = Table(title="Quarantined, and why", title_justify="left")
    table.add_column("records", justify="right")
    table.add_column("code")
    table.add_column("reason")
    shown = back.reasons.most_common(REASONS)
    for (code, message), count in shown:
        table.add_row(f"{count:,}", code, escape(message))
    rest = back.reasons.total() - sum(count for _, count in shown)
    if rest:
        table.add_row(f"{rest:,}", "…", f"{len(back.reasons) - len(shown)} more reasons")
    console.print(table)
    console.print(f"Their bytes and reasons are in {back.folder / 'quarantine'}", soft_wrap=True)


def _show_examples(console: Console, result: Result) -> None:
    """A few predictions beside what the rides really took."""
    pairs = result.pairs()
    if not pairs:
        return
    table = Table(title="A few of the predictions, in minutes", title_justify="left")
    for name in ("from zone", "to zone", "miles", "pickup", "predicted", "true"):
        table.add_column(name, justify="right")
    for index, predicted, true in pairs[:: max(1, len(pairs) // EXAMPLES)][:EXAMPLES]:
        trip = result.rides.frame.iloc[index]
        table.add_row(
            str(int(trip["PULocationID"])),
            str(int(trip["DOLocationID"])),
            f"{trip['trip_distance']:.2f}",
            f"{trip['pickup_datetime']:%a %H:%M}",
            f"{predicted:.1f}",
            f"{true:.1f}",
        )
    console.print(table)


def _bar(view: View) -> Table:
    done = min(view.total, view.back + view.quarantined)
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right")
    row.add_row(ProgressBar(total=max(view.total, 1), completed=done), f"{done:,} of {view.total:,}")
    return row


def _table(view: View) -> Table:
    grid = Table.grid(padding=(0, 3))
    for _ in range(4):
        grid.add_column(justify="right")
        grid.add_column(justify="left", min_width=10)
    grid.add_row(
        "[b]sent", f"{view.sent:,}", "[b]back", f"{view.back:,}", "[b]rides/s", f"{view.per_second:,.0f}",
        "[b]elapsed", f"{view.elapsed:.0f} s",
    )  # fmt: skip
    grid.add_row(
        "[b]latency p50", _seconds(view.latency_p50), "[b]p99", _seconds(view.latency_p99),
        "[b]iterator age", _seconds(view.iterator_age), "[b]batches", f"{view.batches:,}",
    )  # fmt: skip
    grid.add_row(
        "[b]quarantined", f"{view.quarantined:,}", "[b]retries", f"{view.retries:,}",
        "[b]redelivered", f"{view.redelivered:,}", "", "",
    )  # fmt: skip
    return grid


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
