"""`threeways compare`: a champion and its shadow on the same events."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment


def compare(
    champion: Annotated[
        str | None,
        typer.Option(help="A stream, or a file of its messages; default: the newest run with a shadow."),
    ] = None,
    challenger: Annotated[str | None, typer.Option(help="The same of the shadow.")] = None,
    actuals: Annotated[
        str | None,
        typer.Option(help="What really was: a stream or file of label outcomes, or a table (ACTUAL=, ID=)."),
    ] = None,
    actual: Annotated[str | None, typer.Option(help="The column of --actuals with what really was.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="The column with the events' ids.")] = None,
) -> None:
    """How far apart two models are on the same events, where, and whose error is smaller (TASK)."""
    from threeways.errors import UsageError
    from threeways.local_run import comparison
    from threeways.scoring import tasks

    settings = from_environment(Settings)
    if bool(champion) != bool(challenger):
        raise UsageError("--champion and --challenger go together: name both, or neither for the newest run")
    if champion and challenger:
        name = settings.task or DEFAULT_TASK
        sources = comparison.Sources(champion, challenger, actuals or "", actual or "", event_id or "")
    else:
        if actuals or actual or event_id:
            raise UsageError(
                "--actuals, --actual and --id are of --champion and --challenger; a run has its own truth"
            )
        name, sources = comparison.newest(LOCAL)
    comparison.compare(sources, tasks.find(name), Console(), LOCAL)
