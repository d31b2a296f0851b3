"""`threeways start-lambda`: the image as an endpoint, under SAM CLI."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console


def start_lambda(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="On 127.0.0.1.")] = 3001,
    image: Annotated[str, typer.Option(help="One that is built.")] = "three-ways",
) -> None:
    """Serve the image as Lambda does, for AWS SDKs, until Ctrl-C."""
    from threeways.local_run.sam_local import start_lambda as run_start_lambda

    run_start_lambda(image, port, Console(), Console(stderr=True, highlight=False))
