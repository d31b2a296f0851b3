"""`threeways export`: write the flavour of an artifact that needs no scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from threeways.cli.errors import FAILED
from threeways.errors import UsageError
from threeways.settings import LOCAL, Settings, from_environment


def export(
    folder: Annotated[
        str | None, typer.Argument(help="An artifact with a scikit-learn flavour; default: MODEL_LOCATION.")
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            "--events", "--rides", help="Parquet to compare on, as DATA= takes it; default: the system's own."
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The copy's folder; default: FOLDER-onnx.")] = None,
    sha256: Annotated[
        str | None, typer.Option(help="The artifact's digest, which a pickle needs; default: MODEL_SHA256.")
    ] = None,
) -> None:
    """Copy a model artifact so that it needs no scikit-learn to be served. Exit status 1 if it can't be."""
    from threeways.local_run.model_choice import choose, named, require_run
    from threeways.training.export_command import export as write

    given = from_environment(Settings)
    if given.model_runtime == "sklearn":
        raise UsageError("MODEL_RUNTIME=sklearn, and export writes what onnx serves: unset MODEL_RUNTIME")
    settings = named(msgspec.structs.replace(given, model_sha256=sha256 or given.model_sha256), folder)
    console = Console()
    model = choose(msgspec.structs.replace(settings, model_runtime=None), console, LOCAL, loads=False)
    require_run(settings, model)
    if to is None and model.uri != str(model.folder):
        raise UsageError(f"say where the copy of {model.uri} goes: --to FOLDER")
    if not write(model.folder, events, to, settings.model_sha256, console, settings.task):
        raise typer.Exit(FAILED)
