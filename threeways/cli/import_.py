"""`threeways import`: log a model that is only a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from threeways.errors import UsageError
from threeways.settings import LOCAL


def import_(
    file: Annotated[
        Path, typer.Argument(help="A pickle or joblib file: a Pipeline, an estimator or a tuple of steps.")
    ],
    name: Annotated[str, typer.Option(help="What the model is registered under.")],
    examples: Annotated[
        Path | None, typer.Option(help="Parquet, JSON lines or CSV with rows of what it was trained on.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="The file's SHA-256, with which you vouch for whoever made it.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", help="The field with the events' id; default: id.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="predict, predict_proba, predict_log_proba or decision_function.")
    ] = "predict",
) -> None:
    """Log a model that is only a pickle to MLflow, with a signature from example rows, and register it."""
    from threeways.training.import_command import Chosen, import_model

    if examples is None:
        raise UsageError(
            "a pickle has no signature; give rows of what the model was trained on: --examples=rows.parquet"
        )
    import_model(file, Chosen(name, examples, sha256, event_id, method), Console(), LOCAL)
