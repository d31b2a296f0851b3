"""The options of commands that put events on a stream."""

from __future__ import annotations

from typing import Annotated

import typer

Events = Annotated[
    str | None,
    typer.Option(
        "--events", "--rides", help="Parquet, JSON lines or CSV; default: the task's own producer of events."
    ),
]
Actual = Annotated[str | None, typer.Option(help="The column of --events with what the output really was.")]
EventId = Annotated[str | None, typer.Option("--id", help="The column of --events with the events' ids.")]
