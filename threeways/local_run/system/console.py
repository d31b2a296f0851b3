"""What a person sees of a system's run: the flow while it goes on, a ledger and its figures at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from textwrap import wrap

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from threeways.local_run.console import PLAIN_SECONDS, seconds_text, show_quarantine
from threeways.local_run.consumers_console import rows, show_side_by_side
from threeways.local_run.ledger import Ledger
from threeways.local_run.progress import at_most_every
from threeways.local_run.system.account import LATE, SHOWN, faults
from threeways.local_run.system.declared import System
from threeways.local_run.system.ledger import Seconds, SystemLedger
from threeways.local_run.system.session import SystemResult, SystemView

EXPLAINED = 4
LINE = 100
"""Columns of a line that tells how far a run is."""


@contextmanager
def system_screen(console: Console) -> Iterator[Callable[[SystemView], None]]:
    """Give what shows a view: tables drawn anew in place on a terminal, else a line every two seconds."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            yield lambda view: live.update(Group(rows(view.views, console.width), _flow(view)))
        return

    def show(view: SystemView) -> None:
        age = max((one.iterator_age for one in view.views.values()), default=0.0)
        told = f" ({_counts(view.decided)})" if view.done else ""
        more = {"revised": view.revisions, "quarantined": view.quarantined, "rules failed": view.failed}
        line = (
            f"{view.elapsed:6.1f} s  sent {view.sent:,}/{view.total:,}  verdicts {view.verdicts:,}"
            f"  decided {view.done:,}{told}"
            f"{''.join(f'  {name} {count:,}' for name, count in more.items() if count)}"
            f"  age {seconds_text(age)}"
        )
        _say(console, line, LINE, "          ")

    yield at_most_every(PLAIN_SECONDS, show)


def _flow(view: SystemView) -> Table:
    """Lay out what the join makes of the verdicts."""
    table = Table(title="The join", title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    waiting = max(0, view.sent - view.done - view.quarantined)
    table.add_row("verdicts", f"{view.verdicts:,}", "")
    table.add_row("decided", f"{view.done:,}", _counts(view.decided))
    table.add_row("waiting", f"{waiting:,}", f"quarantined {view.quarantined:,}")
    if view.failed:
        table.add_row("rules failed", f"{view.failed:,}", "decide or effects raised, see the end of the run")
    table.add_row("messages", f"{sum(view.effects.values()):,}", escape(_counts(view.effects)))
    return table


def _say(console: Console, line: str, width: int | None = None, indent: str = "  ") -> None:
    """Print a line, wrapped between words. indent: of what follows. A narrower terminal wraps by itself."""
    for part in wrap(line, width or max(40, console.width), subsequent_indent=indent, break_on_hyphens=False,
                     break_long_words=False):  # fmt: skip
        console.out(part, highlight=False)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def show_system(
    console: Console,
    system: System,
    ledger: SystemLedger,
    consumers: Mapping[str, Ledger],
    result: SystemResult,
    tolerate: float,
) -> None:
    """Print the account of a run: a few decisions, every event once, times, and how good the verdicts are."""
    _show_explained(console, system, result)
    show_quarantine(console, result.back)
    _show_places(console, system, ledger)
    _show_figures(console, system, ledger, result.account.allowed)
    _show_quality(console, ledger)
    show_side_by_side(console, consumers, {})
    _show_faults(console, system, ledger, result)
    if ledger.share_given_up > tolerate:
        console.print(
            f"[bold red]Given up: {ledger.given_up:,} of {ledger.sent - ledger.broken:,} {system.subject}s"
            f"[/], those broken on purpose apart: {ledger.share_given_up:.1%}, more than "
            f"TOLERATE={tolerate:g}",
            soft_wrap=True,
        )


def _show_explained(console: Console, system: System, result: SystemResult) -> None:
    """Print a few decisions with their reasons, of each outcome one before others."""
    seen: dict[str, list[str]] = {}
    for message in result.decisions.recent:
        lines = [line for line in system.explained(message) if line]
        if lines:
            seen.setdefault(str(message.get("outcome")), lines)
    shown = list(seen.values())[:EXPLAINED]
    if shown:
        console.print("A few of the decisions", style="italic")
    for first, *rest in shown:
        _say(console, f"- {first}")
        for line in rest:
            _say(console, f"  {line}", indent="    ")


_NOTES = {
    "decided": "a decision lies on the decisions stream",
    "quarantined": "found in the join's quarantine",
    "abandoned": "only at the failure destination",
    "pending": "on the stream, or undecided in the table",
    "lost": "nowhere",
}


def _show_places(console: Console, system: System, ledger: SystemLedger) -> None:
    title = f"Ledger: where every {system.subject} is"
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(justify="left", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    broken = f"acknowledged by the stream, {ledger.broken:,} of them broken"
    table.add_row(f"{system.subject}s", f"{ledger.sent:,}", broken, style="bold", end_section=True)
    for name, note in _NOTES.items():
        count = getattr(ledger, name)
        style = "bold red" if name == "lost" and count else "bold" if name == "lost" else ""
        table.add_row(name, f"{count:,}", note, style=style)
    console.print(table)


def _show_figures(console: Console, system: System, ledger: SystemLedger, allowed: float) -> None:
    say = partial(_say, console)
    say(
        f"Decisions of one {system.subject} and revision, at most: {ledger.decisions_max}; revisions "
        f"{ledger.revisions:,}; late verdicts {ledger.late_verdicts:,}; last outcomes: "
        f"{_counts(ledger.outcomes)}"
    )
    say(f"Messages: {_counts(ledger.effects)}; duplicates {ledger.duplicates:,} (they repeat an id)")
    say(f"{system.subject} to decision: {_times(ledger.decision_s)}; to its message: {_times(ledger.told_s)}")
    if ledger.expired:
        say(
            f"The deadline of {ledger.deadline:g} s brought {ledger.expired:,} decisions, after it by "
            f"{_times(ledger.deadline_s)}; {allowed:g} s are allowed"
        )
    if ledger.late and ledger.slower:
        excused = ledger.late - ledger.faults.get(LATE, 0)
        say(
            f"Decided later than {allowed:g} s after the deadline: {ledger.late:,}. This machine ran a "
            f"process up to {ledger.slower:.1f} times slower meanwhile than it would one alone, and "
            f"{excused:,} of them are within that many times what is allowed"
        )


def _times(seconds: Seconds) -> str:
    if seconds.worst is None:
        return "-"
    p50, p99, worst = (seconds_text(one) for one in (seconds.p50, seconds.p99, seconds.worst))
    return f"p50 {p50}, p99 {p99}, worst {worst}"


def _show_quality(console: Console, ledger: SystemLedger) -> None:
    if not ledger.quality:
        return
    table = Table(title="Verdicts against the truth", title_justify="left")
    table.add_column("category", overflow="fold")
    for name in ("judged", "true", "precision", "recall", "AUC"):
        table.add_column(name, justify="right", no_wrap=True)
    for category, one in ledger.quality.items():
        shares = ("-" if value is None else f"{value:.3f}" for value in (one.precision, one.recall, one.auc))
        table.add_row(escape(category), f"{one.judged:,}", f"{one.true:,}", *shares)
    console.print(table)


def _show_faults(console: Console, system: System, ledger: SystemLedger, result: SystemResult) -> None:
    """Print each broken rule with what breaks it; or that all is well."""
    broken = faults(result.account)
    for name, keys in broken.items():
        told = ", ".join(map(str, keys[:SHOWN])) + " …" * (len(keys) > SHOWN)
        hint = ". Is the machine busy with other things? RATE= puts fewer a second" * (name == LATE)
        console.print(f"[bold red]{name}: {len(keys):,}[/] {escape(told)}{hint}", soft_wrap=True)
    if result.failed:
        console.print(
            f"[bold red]decide or effects raised {result.failed:,} times[/], first: {escape(result.failure)}",
            soft_wrap=True,
        )
    for place in ("lost", "pending"):
        ids = result.account.whereabouts[place]
        if ids and (place == "lost" or not ledger.interrupted):
            told = ", ".join(ids[:SHOWN]) + " …" * (len(ids) > SHOWN)
            console.print(f"[bold red]{place} {len(ids):,}[/]: {told}", soft_wrap=True)
    if ledger.sound:
        console.print(
            f"[bold green]Every {system.subject} has exactly one decision a revision; lost 0[/]",
            soft_wrap=True,
        )
    if ledger.interrupted:
        left = (
            f"{ledger.pending:,} {system.subject}s are undecided" if ledger.pending else "none is undecided"
        )
        console.out(f"Interrupted after {ledger.sent:,} {system.subject}s: {left}", highlight=False)
