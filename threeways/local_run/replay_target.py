"""Score a replay's events with the function of `template.yaml`, brought up on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from threeways.local_run.folders import new_folder
from threeways.local_run.stack import RunningStack
from threeways.ops.replay.keeper import Keeper
from threeways.ops.replay.proof import Keep
from threeways.ops.replay.target import Target
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel


@contextmanager
def local_target(
    location: str,
    find_model: Callable[[], RegisteredModel],
    console: Console,
    local: Path,
    settings: Settings,
) -> Iterator[tuple[Target, Keep]]:
    """Run the function for a replay of a folder, and keep what that brings about beside the folder.

    find_model: the model that it serves. local: the folder that logs go to. settings: which task, and how the
    model is served. Raises LocalError, and what `find_model` raises.
    """
    logs = new_folder(local / "replays")
    with RunningStack(logs, find_model(), None, console, settings=settings) as stack:
        console.out(f"Up for {stack.served_as}, with model version {stack.version}; logs in {logs}")
        keeper = Keeper(Path(location).absolute().parent, logs.name)
        console.out(f"Predictions go to {keeper.predictions}, what still fails to {keeper.quarantine}")
        yield target_of(stack), keeper


def target_of(stack: RunningStack) -> Target:
    """Describe a function on this machine as a replay's target."""
    return Target(
        name="the function of template.yaml",
        model=f"version {stack.version}, {stack.served_as}",
        is_local=True,
        whose="this machine",
        real=False,
        invoke=stack.invoke,
        kinesis=stack.kinesis,
        s3=stack.s3,
        output_stream=stack.output_stream,
        quarantine=stack.quarantine,
    )
