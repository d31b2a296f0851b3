"""`threeways digest`: the SHA-256 that pins an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from threeways.settings import LOCAL, Settings, from_environment


def digest(
    model: Annotated[
        str | None,
        typer.Argument(
            help="models:/name@alias, a folder, s3://… or a pickle's file; default: MODEL_LOCATION."
        ),
    ] = None,
) -> None:
    """Print the SHA-256 of a model artifact, as MODEL_SHA256 pins it; default: the registered model's.

    Of a file it is the file's own, as `threeways import` wants it.
    """
    from threeways import artifact
    from threeways.local_run.model_choice import choose, named, require_run
    from threeways.training import pickled

    if model is not None and Path(model).is_file():
        typer.echo(pickled.digest_of(Path(model)))
        return
    settings = named(from_environment(Settings), model)
    found = choose(settings, Console(stderr=True), LOCAL, loads=False)
    require_run(settings, found)
    typer.echo(artifact.digest(found.folder))
