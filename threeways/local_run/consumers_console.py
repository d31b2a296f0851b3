"""What a person sees of a run of several consumers: a row each while it goes on, a ledger each at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from threeways.errors import UsageError
from threeways.local_run.console import PLAIN_SECONDS, seconds_text, show_ledger, show_share
from threeways.local_run.ledger import PLACES, Ledger
from threeways.local_run.progress import View, at_most_every
from threeways.local_run.result import Result

WIDE = 100
"""A terminal of fewer columns gets only these numbers."""
_NARROW = ("back", "latency", "age")

type Show = Callable[[Mapping[str, View]], None]


@contextmanager
def consumers_screen(console: Console) -> Iterator[Show]:
    """Give what shows the consumers' views: a table drawn anew on a terminal, else a line each."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            yield lambda views: live.update(rows(views, console.width))
        return

    def show(views: Mapping[str, View]) -> None:
        for name, view in views.items():
            console.out(
                f"{view.elapsed:6.1f} s  sent {view.sent:,}/{view.total:,}  {name}: back {view.back:,}"
                f"  {view.per_second:,.0f}/s  latency p50 {seconds_text(view.latency_p50)}"
                f"  quarantined {view.quarantined:,}  retries {view.retries:,}"
                f"  iterator age {seconds_text(view.iterator_age)}  reads refused {view.reads_refused:,}"
                f"{'  paused' if view.paused else ''}",
                highlight=False,
            )

    yield at_most_every(PLAIN_SECONDS, show)


def rows(views: Mapping[str, View], width: int) -> Table:
    """Lay out the run: a row a consumer, with as many numbers as the terminal has room for."""
    first = next(iter(views.values()))
    table = Table(
        title=f"{first.elapsed:.0f} s, sent {first.sent:,} of {first.total:,}", title_justify="left"
    )
    table.add_column("consumer", overflow="fold")
    numbers = {name: _numbers(view) for name, view in views.items()}
    shown = [name for name in next(iter(numbers.values())) if width >= WIDE or name in _NARROW]
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for consumer, row in numbers.items():
        paused = " (paused)" if views[consumer].paused else ""
        table.add_row(escape(consumer) + paused, *(row[name] for name in shown))
    return table


def _numbers(view: View) -> dict[str, str]:
    return {
        "back": f"{view.back:,}",
        "events/s": f"{view.per_second:,.0f}",
        "latency": seconds_text(view.latency_p50),
        "p99": seconds_text(view.latency_p99),
        "age": seconds_text(view.iterator_age),
        "quarantined": f"{view.quarantined:,}",
        "retries": f"{view.retries:,}",
        "reads refused": f"{view.reads_refused:,}",
    }


def show_consumers(
    console: Console,
    ledgers: Mapping[str, Ledger],
    results: Mapping[str, Result],
    refused: Mapping[str, UsageError],
    tolerate: float,
) -> None:
    """Print each consumer's account, and all of them side by side."""
    for name, ledger in ledgers.items():
        console.rule(f"consumer {escape(name)}", align="left", characters="─")
        show_ledger(console, ledger, results[name])
        show_share(console, ledger, tolerate)
    show_side_by_side(console, ledgers, refused)


def show_side_by_side(
    console: Console, ledgers: Mapping[str, Ledger], refused: Mapping[str, UsageError]
) -> None:
    """Print the consumers' accounts side by side, and who did not run."""
    table = Table(title="Consumers of the same events", title_justify="left", pad_edge=False)
    table.add_column("consumer", overflow="fold")
    for place in ("sent", *PLACES):
        table.add_column(place, justify="right", overflow="fold")
    for name, ledger in ledgers.items():
        numbers = [f"{getattr(ledger, place):,}" for place in ("sent", *PLACES)]
        table.add_row(escape(name), *numbers, style="bold red" if ledger.failed else "")
    console.print(table)
    for name, error in refused.items():
        console.print(f"The consumer {name} did not run: {error}", markup=False, style="bold red")
