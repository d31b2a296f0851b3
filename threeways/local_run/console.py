"""What a person sees of a run: a live table on a terminal, plain lines in a pipe, a ledger at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from threeways.local_run.ledger import Ledger
from threeways.local_run.progress import View, at_most_every
from threeways.local_run.read_back import ReadBack
from threeways.local_run.result import Result
from threeways.scoring.decoding import reason_kind
from threeways.scoring.events import unusable
from threeways.scoring.outputs import Declared, ModelOutput, text_of

PLAIN_SECONDS = 2.0
"""Between two lines of a run where there is no terminal to draw on."""
EXAMPLES = 5
REASONS = 6
MOST_LABELS = 8
"""Classes beyond so many are not shown one by one."""
_MEASURES = {"accuracy": "accuracy", "log_loss": "log loss", "auc": "AUC"}
NARROW = 66
"""A terminal of fewer columns gets two of the values by which an event is known."""
NARROW_LABELS, LABEL_WIDTH = 2, 8
"""How many of them those are, and to how many columns at least a label's name may be folded."""


@contextmanager
def screen(console: Console) -> Iterator[Callable[[View], None]]:
    """Give what shows a view: a table drawn anew in place on a terminal, else a line every two seconds."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            yield lambda view: live.update(Group(_bar(view), "", _numbers(view)))
        return

    def show(view: View) -> None:
        console.out(
            f"{view.elapsed:6.1f} s  sent {view.sent:,}/{view.total:,}  back {view.back:,}"
            f"  {view.per_second:,.0f}/s  latency p50 {seconds_text(view.latency_p50)}"
            f"  quarantined {view.quarantined:,}  retries {view.retries:,}"
            f"  iterator age {seconds_text(view.iterator_age)}"
        )

    yield at_most_every(PLAIN_SECONDS, show)


def show_ledger(console: Console, ledger: Ledger, result: Result) -> None:
    """Print the account of the run: every event once, and what one would ask next."""
    _show_examples(console, result)
    show_quarantine(console, result.back)
    table = Table(title="Ledger: where every event is", title_justify="left", show_header=False)
    table.add_column(justify="left", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for name, note in _NOTES.items():
        style = "bold red" if name == "lost" and ledger.lost else "bold" if name in ("sent", "lost") else ""
        table.add_row(name, f"{getattr(ledger, name):,}", note, style=style, end_section=name == "sent")
        if name == "predicted" and result.task.messages is not None:
            table.add_row("without messages", f"{ledger.without_messages:,}", "of which the task makes none")
    console.print(table)
    console.out(
        f"duplicates {ledger.duplicates:,} (they repeat a source_event_id), batches {ledger.batches:,}, "
        f"cold start {ledger.cold_start_s:.2f} s, model version {ledger.model_version}"
    )
    console.out(
        f"{ledger.rides_per_s:,.0f} predictions/s over {ledger.seconds:.1f} s; put to prediction "
        f"p50 {seconds_text(ledger.latency_p50_s)}, p99 {seconds_text(ledger.latency_p99_s)}"
    )
    if result.task.messages is not None:
        console.out(f"messages {ledger.messages:,}, of {ledger.predicted:,} events with all of theirs")
    _show_error(console, ledger, result)
    if ledger.lost:
        lost = result.account.whereabouts()["lost"]
        console.print(
            f"[bold red]lost {len(lost):,}[/]: {', '.join(lost[:10])}{' …' * (len(lost) > 10)}",
            soft_wrap=True,
        )
    else:
        console.print("[bold green]lost 0[/]")
    if ledger.interrupted:
        left = f"{ledger.pending:,} are" if ledger.pending else "none is"
        console.out(f"Interrupted after {ledger.sent:,} events: {left} left on the stream", highlight=False)


def _show_error(console: Console, ledger: Ledger, result: Result) -> None:
    """Print how good the predictions are whose truth is known; of classes, which were taken for which."""
    strangers = result.judgement.strangers
    if strangers:
        console.print(
            f"[bold yellow]{strangers:,} of {len(result.pairs):,} events have a true label that is none of "
            "the model's classes[/], so there is no log loss and no AUC; check the column, ACTUAL=",
            soft_wrap=True,
        )
    if not ledger.error:
        known, task = result.events.truth, result.task
        if known.dtype.kind == "f" and np.isfinite(known).any() and not result.events.counted.any():
            why = unusable(task.truth, len(known), int(np.isfinite(known).sum()), task.output.unit)
            console.out(f"no RMSE, as no truth is one to judge by: {why}; check ACTUAL=", highlight=False)
        return
    which = "that training keeps" if result.task.truth else "whose truth is known"
    if ledger.rmse is not None:
        unit = f" {result.task.output.unit}" if result.task.output.unit else ""
        console.out(f"RMSE {ledger.rmse!r}{unit} over the {ledger.rmse_rides:,} events {which}")
        if ledger.coverage is not None:
            width = f"{ledger.mean_width:.2f}{unit} wide in the mean"
            console.out(f"{ledger.coverage:.1%} of their intervals hold what was true, {width}")
        return
    counts = result.judgement.confusion
    measures = ", ".join(f"{_measure(name)} {value:.4f}" for name, value in ledger.error.items())
    console.out(f"{measures} over the {len(result.pairs):,} events {which}")
    if not counts:
        return
    labels = sorted({label for pair in counts for label in pair})
    if len(labels) <= MOST_LABELS:
        table = Table(title="Predicted, by what was really so", title_justify="left")
        table.add_column("really", overflow="fold")
        for label in labels:
            table.add_column(escape(label), justify="right", overflow="fold")
        for true in labels:
            table.add_row(escape(true), *(f"{counts[true, told]:,}" for told in labels))
        console.print(table)


def _measure(name: str) -> str:
    """Return what a measure is called; of several outputs it ends with the output's name."""
    if name in _MEASURES:
        return _MEASURES[name]
    kind, _, output = name.partition("_")
    return f"{_MEASURES.get(kind, kind.upper())} of {output}"


def show_share(console: Console, ledger: Ledger, tolerate: float) -> None:
    """Say so where more events were given up than are tolerated, broken records left out."""
    if ledger.share_given_up > tolerate:
        console.print(
            f"[bold red]Given up: {ledger.rides_given_up:,} of {ledger.sent - ledger.broken:,} events[/], "
            f"those broken on purpose apart: {ledger.share_given_up:.1%}, more than TOLERATE={tolerate:g}. "
            "The reasons are above: is TASK the one of these events, and the model the one of this task?",
            soft_wrap=True,
        )


_NOTES = {
    "sent": "acknowledged by the input stream",
    "predicted": "found on the output stream",
    "quarantined": "found in quarantine",
    "abandoned": "only at the failure destination",
    "pending": "still on the input stream",
    "lost": "nowhere",
}


def show_quarantine(console: Console, back: ReadBack) -> None:
    """Print what is in quarantine, by its reasons."""
    if not back.reasons:
        return
    table = Table(title="Quarantined, and why", title_justify="left")
    table.add_column("records", justify="right", no_wrap=True)
    table.add_column("code: reason", overflow="fold")
    reasons: Counter[str] = Counter()
    for (code, message), count in back.reasons.items():
        reasons[f"{code}: {reason_kind(message)}"] += count
    shown = reasons.most_common(REASONS)
    for reason, count in shown:
        table.add_row(f"{count:,}", escape(reason))
    rest = reasons.total() - sum(count for _, count in shown)
    if rest:
        table.add_row(f"{rest:,}", f"… {len(reasons) - len(shown)} more reasons")
    console.print(table)
    console.out(f"Their bytes and reasons are in {back.folder / 'quarantine'}")


def _show_examples(console: Console, result: Result) -> None:
    """Show a few predictions, each beside what is known of its event, the truth included."""
    found = result.predicted()
    if not found:
        return
    output, true = result.task.output, {index: value for index, _, value in result.pairs}
    wide = console.width >= NARROW
    shown = _examples(found, true)
    labels = [result.events.labels(index) for index, _ in shown]
    names = list(dict.fromkeys(name for one in labels for name in one))[: None if wide else NARROW_LABELS]
    table = Table(
        title=f"A few of the predictions{_named(output)}",
        title_justify="left",
        padding=(0, 1) if wide else 0,
    )
    intervals = result.intervals if any(index in result.intervals for index, _ in shown) else {}
    for name in [*names, "predicted", *(["interval"] if intervals else []), *(["true"] if true else [])]:
        widest = max(map(len, name.split()), default=0)
        least = min(widest, LABEL_WIDTH) if name in names else widest
        table.add_column(escape(name), justify="right", min_width=least, overflow="fold")
    digits = _digits([number for _, value in shown for number in _numbers_in(value)])
    for (index, predicted), about in zip(shown, labels, strict=True):
        known = _text(true[index], digits) if index in true else "-"
        row = [escape(about.get(name, "")) for name in names]
        row.append(escape(_text(predicted, digits)))
        if intervals:
            ends = intervals.get(index)
            row.append("-" if ends is None else " to ".join(_text(end, digits) for end in ends))
        table.add_row(*row, *([escape(known)] if true else []))
    console.print(table)


def _examples(found: list[tuple[int, Any]], true: Mapping[int, Any]) -> list[tuple[int, Any]]:
    """Return a few of the predictions, spread evenly; where all are of one truth, one of another, too."""
    shown = found[:: max(1, len(found) // EXAMPLES)][:EXAMPLES]
    told = [true[index] for index, _ in shown if index in true]
    if not told or any(one != told[0] for one in told):
        return shown
    other = next((one for one in found if one[0] in true and true[one[0]] != told[0]), None)
    return [*shown[: EXAMPLES - 1], other] if other else shown


def _named(output: Declared) -> str:
    """Return what is predicted, for a title: its unit, or its name where the task gives it one."""
    if isinstance(output, ModelOutput):
        return ""
    return f", in {output.unit}" if output.unit else f" of {output.name}"


def _digits(numbers: list[float]) -> int:
    """Return how many digits after the point tell numbers of this size apart."""
    largest = max(map(abs, numbers), default=0.0)
    return 1 if largest >= 10 else 2 if largest >= 1 else 4


def _numbers_in(value: Any) -> list[float]:
    """Return the numbers of a prediction, which may be a label or several fields by name."""
    if isinstance(value, dict):
        return [number for one in value.values() for number in _numbers_in(one)]
    if isinstance(value, list):
        return [one["score"] for one in value]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _text(value: Any, digits: int) -> str:
    """Return a prediction in a few words: a class with its own probability."""
    if isinstance(value, dict) and "label" in value:
        numbers = next((one for name, one in value.items() if name != "label"), None)
        own = numbers.get(text_of(value["label"])) if isinstance(numbers, dict) else numbers
        return text_of(value["label"]) + ("" if own is None else f" {own:.{digits}f}")
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one, digits)}" for name, one in value.items())
    if isinstance(value, list):  # a ranking
        return ", ".join(f"{one['name']} {_text(one['score'], digits)}" for one in value)
    return f"{value:.{digits}f}" if isinstance(value, float) else text_of(value)


def _bar(view: View) -> Table:
    done = min(view.total, view.back + view.quarantined)
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right")
    row.add_row(ProgressBar(total=max(view.total, 1), completed=done), f"{done:,} of {view.total:,}")
    return row


def _numbers(view: View) -> Columns:
    """Lay out the run in numbers, as many in a row as the terminal has room for, and none cut."""
    numbers = {
        "sent": f"{view.sent:,}",
        "back": f"{view.back:,}",
        "events/s": f"{view.per_second:,.0f}",
        "elapsed": f"{view.elapsed:.0f} s",
        "latency p50": seconds_text(view.latency_p50),
        "p99": seconds_text(view.latency_p99),
        "iterator age": seconds_text(view.iterator_age),
        "batches": f"{view.batches:,}",
        "quarantined": f"{view.quarantined:,}",
        "retries": f"{view.retries:,}",
        "redelivered": f"{view.redelivered:,}",
    }
    shown = [Text.assemble((name, "bold"), " ", number, no_wrap=True) for name, number in numbers.items()]
    return Columns(shown, padding=(0, 2), equal=True)


def seconds_text(value: float | None) -> str:
    """Return a duration for people, - where there is none."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
