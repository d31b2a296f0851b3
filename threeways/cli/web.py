"""`threeways web`: the web service on this machine."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from threeways import project
from threeways.settings import LOCAL, Settings, from_environment, inherited_environment


def web(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Default: WEB_PORT, else 8080; 0: a free one.")
    ] = None,
) -> None:
    """Serve the registered model, or MODEL_LOCATION's, as a web service on 127.0.0.1, until Ctrl-C."""
    from threeways.local_run.model_choice import choose, serving_variables

    settings = from_environment(Settings)
    given = serving_variables(settings, choose(settings, Console(), LOCAL))
    if port is not None:
        given["WEB_PORT"] = str(port)
    # The service takes this process's place: what runs is what a container runs, and Ctrl-C is its alone.
    service = str(project.ROOT / "web_service.py")
    os.execve(sys.executable, [sys.executable, service], inherited_environment() | given)  # noqa: S606 - ours
