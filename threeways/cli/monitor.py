"""`threeways monitor`: tell what changed since a model was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.errors import FAILED, TOO_MANY_BAD
from threeways.settings import LOCAL, Settings, from_environment


def monitor(
    counts: Annotated[
        str | None, typer.Option(help="Records of counts: a folder, or COUNTS_LOCATION's s3://bucket/prefix.")
    ] = None,
    events: Annotated[
        str | None, typer.Option(help="A table of events: parquet, JSON lines, CSV or a database URL.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table or view of events, in a database.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Label outcomes, as JSON lines: a file, a folder or s3://bucket/prefix."),
    ] = None,
    quarantine: Annotated[
        str | None, typer.Option(help="Quarantine: a folder or s3://bucket/prefix.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="A table of events to compare with; default: the artifact's reference.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Days of counts in S3, back from today.")] = 28,
    window: Annotated[str, typer.Option(help="day, week, month, or days such as 3d.")] = "day",
    out: Annotated[
        str | None, typer.Option(help="Tables of findings and measures: a database URL, or a folder.")
    ] = None,
    html: Annotated[Path, typer.Option(help="The report, an HTML file.")] = LOCAL / "monitor.html",
    event_id: Annotated[str | None, typer.Option("--id", help="The column with the events' ids.")] = None,
    time: Annotated[str | None, typer.Option(help="The column with the events' time.")] = None,
    actual: Annotated[
        str | None, typer.Option(help="The column with what the prediction should have been.")
    ] = None,
    fail_on_drift: Annotated[
        bool, typer.Option("--fail-on-drift", help="Exit status 3 where there is a finding.")
    ] = False,
) -> None:
    """Compare what a model meets with what it was trained on, and its errors with those of its validation."""
    from threeways.batch.layout import Naming
    from threeways.batch.model import service_of
    from threeways.local_run.model_choice import choose, resolved
    from threeways.monitor.command import Options, run

    console, settings = Console(), from_environment(Settings)
    naming = Naming(event_id, time, actual)
    model = choose(settings, console, LOCAL)
    service = service_of(model.folder, resolved(settings, model), naming)
    options = Options(counts, events, table, labels, quarantine, reference, days, window, out, html, naming)
    made = run(options, service, model.folder, console, LOCAL)
    if not made.judged:
        raise typer.Exit(FAILED)
    if fail_on_drift and made.findings:
        raise typer.Exit(TOO_MANY_BAD)
