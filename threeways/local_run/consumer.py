"""A consumer on this machine: a stack of `template.yaml` in a running emulator, its function, its mapping."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console

from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.function import LocalFunction
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping import Clients, EventSourceMapping, ReadLimits
from threeways.emulator.resources import STACK
from threeways.emulator.stack import Stack
from threeways.errors import LocalError, LocalFailed
from threeways.local_run import following
from threeways.local_run.mapping_log import MappingLog
from threeways.local_run.model_choice import serving_variables
from threeways.local_run.progress import FunctionLog
from threeways.local_run.provision import deployed
from threeways.local_run.read_back import ReadBack, read_back
from threeways.scoring import tasks
from threeways.scoring.messages import without_messages
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

LOOK_SECONDS = 0.2
"""Between two looks at whether the emulator still runs."""

type MakeFunction = Callable[[FunctionConfig, Mapping[str, str], Callable[[str], None]], Function]
"""Makes the function of its config, the variables that lead it to the emulator, and where its log goes."""


class Function(AbstractContextManager["Function"], Protocol):
    """A Lambda function that is started with its context, and ends with it, at most once."""

    def warm(self) -> FunctionError | None:
        """As `LocalFunction.warm`."""

    def invoke(self, payload: bytes) -> InvocationResult:
        """As `LocalFunction.invoke`."""


def in_processes(
    config: FunctionConfig, environment: Mapping[str, str], on_log: Callable[[str], None]
) -> Function:
    """Run the function in processes of this machine: AWS's runtime interface client, without an image."""
    return LocalFunction(config, environment=environment, on_log=on_log)


class RunningConsumer:
    """A deployed stack: its output stream and buckets, a model in its bucket, its function and its mapping.

    A context manager. folder: its own; logs and copies go there. emulator: one that runs. shards: of every
    stream, the template's if None. settings: how the model is served, their defaults if None. function: what
    runs the handler. name: the stack's. parameters: the template's; with `InputStreamArn` it reads a stream
    that is there already. limits: of reads from the input stream, which consumers share.
    """

    MAKES = "output stream, buckets"
    """What is up with it, for people."""

    def __init__(
        self,
        folder: Path,
        model: RegisteredModel,
        shards: int | None,
        console: Console,
        *,
        emulator: Endpoint,
        settings: Settings | None = None,
        function: MakeFunction = in_processes,
        name: str = STACK,
        parameters: Mapping[str, str] | None = None,
        limits: ReadLimits | None = None,
    ) -> None:
        self.folder = self._folder = folder
        self._model = model
        self._shards = shards
        self._console = console
        self._settings = settings or Settings()
        self.emulator = emulator
        self._make_function = function
        self._name, self._parameters, self._limits = name, parameters or {}, limits
        self._exit = ExitStack()
        self._events = MappingLog(folder / "mapping.log", console)
        self._leaving = threading.Event()
        self._guard = threading.Thread(target=self._end_with_emulator, name="emulator-guard", daemon=True)
        self.cold_start = 0.0
        self.without_messages: set[str] = set()
        """The ids of the events that the function is done with and has no message of, as it says."""

    def __enter__(self) -> Self:
        """Bring everything up. Raises LocalError; whatever came up until then is taken down again."""
        with ExitStack() as starting:
            self._start(starting)
            self._exit = starting.pop_all()
        return self

    def _start(self, starting: ExitStack) -> None:
        """Deploy the stack, start its function, and begin to read. starting: takes it down again."""
        stack = self._deployed()
        self.kinesis, self.s3 = self.emulator.client("kinesis"), self.emulator.client("s3")
        self.config = stack.function
        self.input_stream, self.input_arn = stack.source.name, stack.source.arn
        self.output_stream = stack.function.environment["PREDICTIONS_STREAM_NAME"]
        self.quarantine = stack.function.environment["QUARANTINE_LOCATION"]
        self.task = stack.function.environment.get("TASK", "")
        self.version = stack.function.environment["RUN_ID"]
        self.failures, self.fan_out = stack.mapping.destination, stack.mapping.fan_out
        # What leads the function to the emulator, and to a task's module of the user's own.
        variables = self.emulator.environment() | tasks.search_path(self.task)
        self.log = FunctionLog(self._folder / "function.log")
        starting.callback(self.log.close)
        self.function = starting.enter_context(self._make_function(stack.function, variables, self.log))
        self._warm()
        self.mapping = EventSourceMapping(
            self.kinesis,
            self.input_stream,
            self.invoke,
            stack.mapping,
            clients=Clients(self.s3, self.emulator.client("sqs"), self.emulator.client("sns")),
            function_arn=stack.function.arn,
            on_event=self._events,
            limits=self._limits,
        )
        self.mapping.start()
        starting.callback(self._stop)
        starting.callback(self._guard.join)
        starting.callback(self._leaving.set)
        self._guard.start()

    def _deployed(self) -> Stack:
        parameters = {**self._parameters, **following.parameters(self._settings)}
        stack = deployed(self.emulator, self._model, self._shards, self._settings, self._name, parameters)
        following.begin(self.emulator, self._model, self._settings)
        return stack

    def __exit__(self, *_: object) -> None:
        """Take everything down."""
        self._exit.close()

    def invoke(self, payload: bytes) -> InvocationResult:
        """Invoke the function. Raises LocalFailed where the emulator has ended."""
        self.emulator.check()
        result = self.function.invoke(payload)
        self.without_messages.update(without_messages(result.payload or b""))
        return result

    def _stop(self) -> None:
        """Stop the mapping. That the emulator has ended was told to whoever used it."""
        with suppress(LocalFailed):
            self.mapping.stop()

    def _end_with_emulator(self) -> None:
        """End what waits for an emulator that has ended: the function asks it until its own deadline."""
        left = False
        while not left and not self.emulator.ended():
            left = self._leaving.wait(LOOK_SECONDS)
        if self.emulator.ended():
            self.mapping.halt()
            self.function.__exit__(None, None, None)

    @property
    def troubles(self) -> Counter[str]:
        """What befell its mapping, by kind."""
        return self._events.troubles

    @property
    def followed(self) -> tuple[int, int] | None:
        """The models that took over and those that were refused; None where it does not follow a pointer."""
        if self._settings.follow is None:
            return None
        return int(self.log.totals["ModelSwaps"]), int(self.log.totals["ModelsRefused"])

    @property
    def serving(self) -> dict[str, str]:
        """The variables by which a process of this machine serves its model."""
        return serving_variables(self._settings, self._model)

    @property
    def served_as(self) -> str:
        """The task in words."""
        return f"TASK={self.task}" if self.task else "the task that its signature makes"

    def announce(self) -> None:
        """Say what is up."""
        self._console.out(
            f"Up: {self.MAKES}, model {self._model.uri} and function for {self.served_as}, "
            f"cold start {self.cold_start:.2f} s{', enhanced fan-out' if self.fan_out else ''}"
        )

    def read_back(self) -> ReadBack:
        """Everything in quarantine and at the failure destination, copied into the run's folder."""
        return read_back(self.s3, self.quarantine, self.failures, self._folder)

    def _warm(self) -> None:
        """Start the function once before the events do, so that a model that cannot be used stops the run."""
        started = time.monotonic()
        fault = self.function.warm()
        self.cold_start = time.monotonic() - started
        if fault is not None:
            raise LocalError(
                f"the function does not start. {fault.type}: {fault.message}\n"
                f"Its log is {self._folder / 'function.log'}"
            )
