"""`threeways train`: train, track and register a model."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from threeways.settings import DEFAULT_TASK, LOCAL, Settings, from_environment


def train(
    data: Annotated[
        str | None,
        typer.Option(help="Files of the task's system (parquet): paths, globs, https:// or s3://."),
    ] = None,
    validation: Annotated[str | None, typer.Option(help="The same, to test on.")] = None,
) -> None:
    """Train a model of the task, track it in MLflow and register it."""
    from threeways.training.train import train as train_model

    task = from_environment(Settings).task or DEFAULT_TASK
    train_model(data, validation, console=Console(), folder=LOCAL, task=task)
