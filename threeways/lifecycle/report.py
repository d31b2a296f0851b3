"""Write monitoring's report as one HTML file: no script, nothing that is fetched, as wide as a phone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from threeways.lifecycle.drift.finding import Finding, Measured
from threeways.lifecycle.monitoring import Report

_CHARTS, _FINDINGS = 60, 100
_WIDE, _HIGH, _EDGE = 320, 110, 8

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem;
       margin: 0 auto; padding: 1rem 1.25rem 3rem; }
h1 { margin-bottom: 0; line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
p.sub { color: #555; margin-top: .25rem; overflow-wrap: anywhere; }
.state { padding: .75rem 1rem; border-radius: .5rem; background: #e8f3ea; border-left: .4rem solid #2e7d46; }
.state.moved { background: #fdf0e3; border-left-color: #b5541c; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; }
.figures div { background: #f4f6f8; border-radius: .5rem; padding: .5rem 1rem; min-width: 6rem; }
.figures b { display: block; font-size: 1.4rem; }
ol.found { padding-left: 1.5rem; } ol.found li { margin: .8rem 0; overflow-wrap: anywhere; }
ol.found span { display: block; color: #555; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid #e2e5e8; border-radius: .5rem; padding: .5rem .75rem; }
figure.moved { border-color: #b5541c; } figcaption { font-size: .9rem; overflow-wrap: anywhere; }
figcaption small { color: #555; display: block; } svg { width: 100%; height: auto; display: block; }
.table { overflow-x: auto; } table { border-collapse: collapse; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #eee; vertical-align: top; }
"""


def page(report: Report) -> str:
    """Return the report's HTML."""
    title = f"{report.task}: what changed"
    moved = bool(report.findings) or not report.judged
    parts = [
        f"<h1>{escape(title)}</h1>",
        _origin(report),
        f'<p class="state{" moved" * moved}">{escape(report.headline)}</p>',
        _figures(report),
        *_findings(report.findings),
        *_charts(report.series),
        *_quarantine(report),
        *_notes(report.notes),
        _METHOD,
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


_METHOD = (
    "<h2>How it is judged</h2><p>A window is compared with the reference by its population stability index "
    "and, for sizes, the Wasserstein distance in standard deviations. The line in each chart is its "
    "threshold: what windows as long, put together of the reference's own blocks of time, do not exceed. All "
    "comparisons of a report share one chance in a hundred of a false finding.</p>"
)


def _origin(report: Report) -> str:
    version = escape(str(report.version or "any"))
    return f'<p class="sub">version <code>{version}</code>, compared with {escape(report.reference)}</p>'


def _figures(report: Report) -> str:
    told = [
        (f"{report.windows:,}", "windows"),
        (f"{report.rows:,}", "events counted"),
        (f"{report.labels:,}", "labels"),
        (f"{sum(report.quarantined.values()):,}", "quarantined"),
    ]
    cells = "".join(f"<div><b>{value}</b>{name}</div>" for value, name in told)
    return f'<div class="figures">{cells}</div>'


def _findings(findings: Sequence[Finding]) -> list[str]:
    if not findings:
        return []
    lines = [f"<li>{escape(one.told)}.<span>{escape(one.advice)}</span></li>" for one in findings[:_FINDINGS]]
    rest = len(findings) - len(lines)
    more = f"<p>… and {rest:,} more, in the table.</p>" if rest else ""
    return ["<h2>Findings</h2>", f'<ol class="found">{"".join(lines)}</ol>', more]


def _charts(series: Sequence[Measured]) -> list[str]:
    groups: dict[tuple[str, str], list[Measured]] = {}
    for one in series:
        groups.setdefault((one.what, one.measure), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: not any(one.beyond for one in item[1]))
    pictures = "".join(_chart(*name, measured) for name, measured in ordered[:_CHARTS])
    return ["<h2>Over time</h2>", f'<div class="charts">{pictures}</div>'] if pictures else []


def _chart(what: str, measure: str, series: Sequence[Measured]) -> str:
    """Draw a measure by window, the threshold as a line, windows beyond it apart."""
    values, limits = [one.value for one in series], [one.threshold for one in series]
    both = min(values) < 0
    top = max([*map(abs, values), *limits]) * 1.1 or 1.0
    low = -top if both else 0.0
    step = (_WIDE - 2 * _EDGE) / len(series)

    def y(value: float) -> float:
        return _HIGH - _EDGE - (value - low) / (top - low) * (_HIGH - 2 * _EDGE)

    bars = "".join(
        f'<rect x="{_EDGE + place * step:.1f}" width="{max(0.5, step * 0.8):.1f}" '
        f'y="{min(y(one.value), y(0)):.1f}" height="{max(0.5, abs(y(one.value) - y(0))):.1f}" '
        f'fill="{"#b5541c" if one.beyond else "#1b6ca8"}"><title>{one.start[:10]}: {one.value:.3g}, '
        f"threshold {one.threshold:.3g}, {one.rows:,} rows</title></rect>"
        for place, one in enumerate(series)
    )
    middles = [_EDGE + (place + 0.4) * step for place in range(len(series))]
    lines = "".join(
        f'<polyline fill="none" stroke="#888" stroke-dasharray="3 2" points="{" ".join(points)}"/>'
        for points in (
            [f"{x:.1f},{y(sign * one):.1f}" for x, one in zip(middles, limits, strict=True)]
            for sign in ((1, -1) if measure == "bias" else (1,))
        )
    )
    beyond = sum(one.beyond for one in series)
    about = f"{series[0].start[:10]} to {series[-1].end[:10]}, largest {max(values, key=abs):.3g}"
    about += f", {beyond} of {len(series)} windows beyond the threshold" if beyond else ""
    label = f"{what}, {measure}: {about}"
    return (
        f'<figure class="{"moved" if beyond else "quiet"}"><figcaption>{escape(what)}, {escape(measure)}'
        f"<small>{escape(about)}</small></figcaption>"
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(label)}">{bars}{lines}</svg>'
        "</figure>"
    )


def _quarantine(report: Report) -> list[str]:
    if not report.quarantined:
        return []
    ordered = sorted(report.quarantined.items(), key=lambda item: -item[1])[:30]
    lines = "".join(f"<tr><td>{count:,}</td><td>{escape(reason)}</td></tr>" for reason, count in ordered)
    head = "<tr><th>events</th><th>reason</th></tr>"
    return ["<h2>Quarantine</h2>", f'<div class="table"><table>{head}{lines}</table></div>']


def _notes(notes: Sequence[str]) -> list[str]:
    if not notes:
        return []
    return ["<h2>Not judged</h2>", f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in notes)}</ul>"]
