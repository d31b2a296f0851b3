"""`threeways check`: whether the function would start with a model."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.settings import LOCAL, Settings, from_environment


def check(
    model: Annotated[
        str | None,
        typer.Argument(help="models:/name@alias, a folder or s3://…; default: the registered model."),
    ] = None,
) -> None:
    """Whether the function would start with a model (TASK, MODEL_SHA256, MODEL_RUNTIME as it has them)."""
    from threeways.ops.deploy.model import tell

    tell(model, from_environment(Settings), Console(), LOCAL)
