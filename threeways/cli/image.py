"""`threeways image`: build an image of the Dockerfile."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import typer
from rich.console import Console

NEXT = {
    "function": "make invoke EVENT=mixed, or make integration-test",
    "fast": "make invoke IMAGE={tag} EVENT=mixed, or make integration-test TARGET=fast",
    "frame": "make invoke IMAGE={tag} EVENT=mixed, or make integration-test TARGET=frame",
    "web": "docker run --publish 127.0.0.1:8080:8080 --env MODEL_LOCATION=s3://… {tag}",
    "batch": "push it to ECR, and make deploy PARAMETERS='BatchImageUri=… BatchEvents=… BatchPredictions=…'",
    "join": "make integration-test, or make deploy JOIN=",
}


def image(
    target: Annotated[
        Literal["function", "fast", "frame", "web", "batch", "join"],
        typer.Option(help="The Dockerfile's target."),
    ] = "function",
    arch: Annotated[Literal["x86_64", "arm64"] | None, typer.Option(help="Default: this machine's.")] = None,
    tag: Annotated[str | None, typer.Option(help="Default: three-ways, or three-ways-TARGET.")] = None,
) -> None:
    """Build an image and tell its size. Needs Docker and the project's checkout."""
    from threeways.docker import images

    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    built = images.build(tag, arch, target=target, console=console)
    images.tell_size(built, target, console)
    following = NEXT[target].format(tag=built)
    console.out(f"Ready in {time.monotonic() - began:.0f} s. Next: {following}")
