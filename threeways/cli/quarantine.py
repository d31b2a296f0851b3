"""`threeways quarantine`: read what is in quarantine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def quarantine(
    location: Annotated[str, typer.Argument(help="A folder or s3://bucket/prefix.")],
    show: Annotated[str | None, typer.Option(help="Show the record with this source_event_id.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write all entries to this file, as JSON lines.")
    ] = None,
) -> None:
    """Show what is in quarantine: by reason and by time, one record, or all of it to a file."""
    from threeways.ops.quarantine import Reader

    reader = Reader(location, Console())
    if show:
        reader.show(show)
    if export:
        reader.export(export)
    if not (show or export):
        reader.overview()
