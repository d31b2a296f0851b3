"""`threeways digest`: the SHA-256 that pins an artifact."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.settings import LOCAL, Settings, from_environment


def digest(
    model: Annotated[
        str | None,
        typer.Argument(help="models:/name@alias, a folder or s3://bucket/prefix; default: MODEL_LOCATION."),
    ] = None,
) -> None:
    """Print the SHA-256 of a model artifact, as MODEL_SHA256 pins it; default: the registered model's."""
    from threeways import artifact
    from threeways.local_run.model_choice import choose, named, require_run

    settings = named(from_environment(Settings), model)
    found = choose(settings, Console(stderr=True), LOCAL, loads=False)
    require_run(settings, found)
    typer.echo(artifact.digest(found.folder))
