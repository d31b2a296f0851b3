"""Write a run's report: one HTML file that needs nothing else, now or in ten years."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from threeways.atomic_files import write_atomic
from threeways.batch import charts, summary
from threeways.batch.job import Done
from threeways.batch.outcomes import Outcomes
from threeways.batch.record import Run
from threeways.scoring.outputs import Scores
from threeways.scoring.ranking import Ranking

_REASONS, _RUNS, _LABELS = 20, 10, 20

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem;
       margin: 0 auto; padding: 1rem 1.5rem 3rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
p.sub { color: #555; margin-top: .25rem; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; }
.figures div { background: #f4f6f8; border-radius: .5rem; padding: .75rem 1.25rem; min-width: 8rem; }
.figures b { display: block; font-size: 1.6rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1rem; }
.charts figure { margin: 0; } .charts svg { width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .3rem .9rem .3rem 0; }
th { border-bottom: 2px solid #ccc; } td { border-bottom: 1px solid #eee; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; } code { overflow-wrap: anywhere; }
"""


def write(path: Path, done: Done) -> None:
    """Write the report of a run that read something. Raises OSError where the file can't be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, page(done).encode())


def page(done: Done) -> str:
    """Return the report's HTML: no script, nothing that is fetched."""
    run = done.run
    title = f"{done.tally.layout.task.name}, {run.what}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _origin(run),
        _figures(done),
        *(_predicted(done) if run.scored else []),
        *(_judged(done) if run.judged else ["<h2>Error</h2>", f"<p>{escape(_unjudged(done))}</p>"]),
        *_flags(done),
        *_quarantine(done),
        *_history(done),
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _origin(run: Run) -> str:
    version = escape(str(run.model_version))
    return (
        f'<p class="sub">{escape(run.source)}<br>model version <code>{version}</code>, '
        f"made {run.finished_at:%Y-%m-%d %H:%M} UTC</p>"
    )


def _figures(done: Done) -> str:
    run, unit = done.run, done.tally.layout.task.output.unit
    judged = [
        ("-" if run.average is None else f"{run.average:.1f} {unit}", "mean prediction"),
        ("-" if run.mae is None else f"{run.mae:.2f} {unit}", f"mean absolute error, {run.judged:,} events"),
    ]
    if isinstance(run.coverage, float):
        told = f"of the intervals hold, {summary.coverage(run, unit).partition(', ')[2]} in the mean"
        judged.append((f"{run.coverage:.1%}", told))
    if done.tally.outcomes:
        judged = [
            (f"{value:.3f}", f"{summary.name_of(name)}, {run.judged:,} events")
            for name, value in run.errors.items()
        ]
    figures = [
        (f"{run.read:,}", "rows read"),
        (f"{run.scored:,}", "events predicted"),
        (f"{run.quarantined:,}", f"quarantined ({run.quarantined / run.read:.2%})"),
        *judged,
        (f"{run.rows_per_s:,.0f}", "rows a second"),
    ]
    cells = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for value, name in figures)
    return f'<div class="figures">{cells}</div>'


def _predicted(done: Done) -> list[str]:
    tally = done.tally
    if tally.outcomes:
        return _outcomes(tally.outcomes, tally.layout.task.output.name)
    parts = [(part, slices) for part, slices in tally.parts if not (part.is_binned and done.run.judged)]
    hours = [charts.by_hour(tally)] if tally.layout.time else []
    return [
        f"<h2>What is predicted: {escape(tally.layout.task.output.name)}</h2>",
        _charts(charts.predictions(tally), *hours, *(charts.by_part(tally, *one) for one in parts)),
    ]


def _outcomes(outcomes: Outcomes, name: str) -> list[str]:
    """Return the counts of labels, and the means of numbers."""
    means = [(column, f"{mean:.6g}") for column, mean in outcomes.means.items()]
    return [
        f"<h2>What is predicted: {escape(name)}</h2>",
        _charts(*(charts.labels(column, counts) for column, counts in outcomes.labels.items())),
        _table(("column", "mean"), means) if means else "",
    ]


def _confusion(done: Done, outcomes: Outcomes) -> list[str]:
    """Return how good classes are, and the confusion matrix."""
    run, matrix = done.run, outcomes.confusion(_LABELS)
    rows = [(label, *(f"{one:,}" for one in counts)) for label, counts in (matrix.rows if matrix else ())]
    told = f"{summary.error(run.errors, '')} over {run.judged:,} events with a known output"
    about = " A row is a true label, a column what was predicted." if matrix else ""
    return [
        f"<h2>Error, where {escape(done.tally.layout.task.output.name)} is known</h2>",
        f"<p>{escape(told)}.{about}</p>",
        *(f"<p>{escape(line)}.</p>" for line in outcomes.notes()),
        _table(("true", *matrix.predicted), rows) if matrix else "",
    ]


def _judged(done: Done) -> list[str]:
    tally, run = done.tally, done.run
    if tally.outcomes:
        return _confusion(done, tally.outcomes)
    unit, output = charts.unit_of(tally), tally.layout.task.output
    kept = ", which are those that training keeps" if tally.layout.task.truth else ""
    error = summary.error(run.errors, output.unit)
    hours = [charts.error_by_hour(tally)] if tally.layout.time else []
    parts = (charts.error_by_part(tally, *one) for one in tally.parts if one[0].is_binned)
    return [
        f"<h2>Error, where {escape(output.name)} is known</h2>",
        f"<p>{escape(f'{error} over {run.judged:,} events {_span(done)}{kept}')}.</p>",
        _charts(*hours, *parts, charts.runs([*done.before, run], unit)),
    ]


def _unjudged(done: Done) -> str:
    layout = done.tally.layout
    if told := summary.unjudged(done.tally):
        return told
    if isinstance(layout.task.output, Scores):
        names = ",".join(layout.task.output.names[:3])
        return f"No column tells what they really were; ACTUAL= names one of each, as ACTUAL={names}."
    if isinstance(layout.task.output, Ranking):
        return "Rankings are not judged."
    if layout.truth is None:
        return f"No column tells what {layout.task.output.name} really was; ACTUAL= names one."
    return f"No {layout.task.output.name} {_span(done)} is known."


def _span(done: Done) -> str:
    """Which of the known outputs are judged, in words."""
    layout = done.tally.layout
    truth, unit = layout.truth, layout.task.output.unit
    if truth is None or np.isinf([truth.least, truth.most]).all():
        return "with a known output"
    return f"of {truth.least:g} to {truth.most:g} {unit}".rstrip()


def _flags(done: Done) -> list[str]:
    rows = [(flag, f"{count:,}") for flag, count in done.tally.flags.items() if count]
    return [
        "<h2>Flags</h2>",
        _table(("flag", "events"), rows) if rows else "<p>No prediction bears a flag.</p>",
    ]


def _quarantine(done: Done) -> list[str]:
    reasons = done.tally.reasons.most_common()
    if not reasons:
        return ["<h2>Quarantine</h2>", "<p>No row was bad.</p>"]
    rows = [(f"{count:,}", code, message) for (code, message), count in reasons[:_REASONS]]
    more = f"<p>… and {len(reasons) - _REASONS} more reasons.</p>" if len(reasons) > _REASONS else ""
    return ["<h2>Quarantine</h2>", _table(("rows", "code", "reason"), rows), more]


def _history(done: Done) -> list[str]:
    rows = [
        (
            run.what,
            f"{run.scored:,}",
            f"{run.quarantined:,}",
            *_history_errors(done, run),
            run.model_version or "",
        )
        for run in reversed([*done.before, done.run][-_RUNS:])
    ]
    unit = charts.unit_of(done.tally)
    errors = ("error",) if done.tally.outcomes else (f"mean, {unit}", f"MAE, {unit}")
    head = ("interval", "predicted", "quarantined", *errors, "model version")
    return ["<h2>The last runs, this one first</h2>", _table(head, rows)]


def _history_errors(done: Done, run: Run) -> tuple[str, ...]:
    if done.tally.outcomes:
        return (summary.error(run.errors, "") or "-",)
    return (
        "-" if run.average is None else f"{run.average:.2f}",
        "-" if run.mae is None else f"{run.mae:.3f}",
    )


def _charts(*pictures: str) -> str:
    return f'<div class="charts">{"".join(f"<figure>{one}</figure>" for one in pictures)}</div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def kind(text: str) -> str:
        return ' class="n"' if text.replace(",", "").replace(".", "").isdecimal() else ""

    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(
        f"<tr>{''.join(f'<td{kind(cell)}>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="table"><table><tr>{top}</tr>{lines}</table></div>'
