"""The deployed stack on this machine: everything of `template.yaml`, brought up in an emulator of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from threeways.emulator.endpoint import Endpoint
from threeways.emulator.mapping import ReadLimits
from threeways.emulator.server import Emulator
from threeways.local_run.consumer import (
    LOOK_SECONDS,
    Function,
    MakeFunction,
    RunningConsumer,
    in_processes,
)
from threeways.local_run.read_back import ReadBack
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

__all__ = ["LOOK_SECONDS", "Function", "MakeFunction", "ReadBack", "RunningStack", "in_processes"]


class RunningStack(RunningConsumer):
    """Emulator, streams, buckets, the model in its bucket, the function and the mapping. A context manager.

    folder: the run's own; logs and copies go there. shards: of every stream, the template's if None.
    settings: how the model is served, their defaults if None. emulator: one that does not run yet, moto's if
    None. function: what runs the handler. parameters: the template's. limits: of reads from the input stream.
    """

    MAKES = "streams, buckets"

    def __init__(
        self,
        folder: Path,
        model: RegisteredModel,
        shards: int | None,
        console: Console,
        *,
        settings: Settings | None = None,
        emulator: Endpoint | None = None,
        function: MakeFunction = in_processes,
        parameters: Mapping[str, str] | None = None,
        limits: ReadLimits | None = None,
    ) -> None:
        super().__init__(
            folder,
            model,
            shards,
            console,
            emulator=emulator or Emulator(log=folder / "emulator.log"),
            settings=settings,
            function=function,
            parameters=parameters,
            limits=limits,
        )

    def _start(self, starting: ExitStack) -> None:
        starting.enter_context(self.emulator)
        super()._start(starting)
