"""A run for people who read pictures: one HTML file that needs nothing else, now or in ten years."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from threeways.atomic_files import write_atomic
from threeways.batch import charts
from threeways.batch.job import Done
from threeways.batch.record import Run

_REASONS, _RUNS = 20, 10

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
    """The report's HTML: no script, nothing that is fetched."""
    run = done.run
    title = f"Rides, {run.interval}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _origin(run),
        _figures(run),
        *(_predicted(done) if run.scored else []),
        *(
            _judged(done)
            if run.judged
            else ["<h2>Error</h2><p>No real duration of 1 to 60 minutes is known.</p>"]
        ),
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


def _figures(run: Run) -> str:
    figures = [
        (f"{run.read:,}", "rows read"),
        (f"{run.scored:,}", "rides predicted"),
        (f"{run.quarantined:,}", f"quarantined ({run.quarantined / run.read:.2%})"),
        ("-" if run.mean_minutes is None else f"{run.mean_minutes:.1f} min", "mean prediction"),
        ("-" if run.mae is None else f"{run.mae:.2f} min", f"mean absolute error, {run.judged:,} rides"),
        (f"{run.rows_per_s:,.0f}", "rows a second"),
    ]
    cells = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for value, name in figures)
    return f'<div class="figures">{cells}</div>'


def _predicted(done: Done) -> list[str]:
    tally = done.tally
    return [
        "<h2>How long rides will take</h2>",
        _charts([charts.durations(tally), charts.by_hour(tally), charts.by_zone(tally)]),
    ]


def _judged(done: Done) -> list[str]:
    tally, run = done.tally, done.run
    told = f"MAE {run.mae:.3f} min, RMSE {run.rmse:.3f} min" if run.mae and run.rmse else ""
    return [
        "<h2>Error, where the real duration is known</h2>",
        f"<p>{told} over {run.judged:,} rides of 1 to 60 minutes, which are those that training keeps.</p>",
        _charts(
            [charts.error_by_hour(tally), charts.error_by_miles(tally), charts.runs([*done.before, run])]
        ),
    ]


def _flags(done: Done) -> list[str]:
    rows = [(flag, f"{count:,}") for flag, count in done.tally.flags.items() if count]
    return [
        "<h2>Flags</h2>",
        _table(("flag", "rides"), rows) if rows else "<p>No prediction bears a flag.</p>",
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
            str(run.interval),
            f"{run.scored:,}",
            f"{run.quarantined:,}",
            "-" if run.mean_minutes is None else f"{run.mean_minutes:.2f}",
            "-" if run.mae is None else f"{run.mae:.3f}",
            run.model_version or "",
        )
        for run in reversed([*done.before, done.run][-_RUNS:])
    ]
    head = ("interval", "predicted", "quarantined", "mean, min", "MAE, min", "model version")
    return ["<h2>The last runs, this one first</h2>", _table(head, rows)]


def _charts(pictures: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(f"<figure>{one}</figure>" for one in pictures)}</div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def kind(text: str) -> str:
        return ' class="n"' if text.replace(",", "").replace(".", "").isdecimal() else ""

    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(
        f"<tr>{''.join(f'<td{kind(cell)}>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="table"><table><tr>{top}</tr>{lines}</table></div>'
