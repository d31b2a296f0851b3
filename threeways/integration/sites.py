"""Where the integration test runs: a function, the streams and bucket around it, and what to expect."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from threeways import artifact
from threeways.emulator.container import ContainerFunction
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.server import Emulator
from threeways.errors import LocationError
from threeways.local_run.replay_target import target_of
from threeways.local_run.stack import Function, MakeFunction, RunningStack, in_processes
from threeways.ops import account
from threeways.ops.replay import target as targets
from threeways.ops.replay.proof import Proof
from threeways.ops.replay.target import Target
from threeways.scoring import tasks
from threeways.scoring.outcomes import Scored
from threeways.scoring.service import ModelService
from threeways.settings import DEFAULT_TASK, Settings, from_environment
from threeways.stream.records import Record

EMULATORS = ("moto", "localstack", "aws")


@dataclass(frozen=True)
class Site:
    """target: the function and where its results land. input_stream: what its event source mapping reads.

    oracle: the same model, scoring in this process. start: another function of the same kind, with these
    variables over its own; None for a deployed one, which is not to be changed.
    """

    target: Target
    input_stream: str
    oracle: ModelService[Any]
    events: int
    start: Callable[[dict[str, str]], Function] | None = None

    def proof(self, arrivals: Collection[datetime] = ()) -> Proof:
        """Return a finder of what invocations from now on bring about, which waits a minute for it."""
        hours = {at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for at in arrivals}
        return Proof(self.target, hours, patience=60.0)

    def expected(self, records: Collection[Record]) -> dict[str, Any]:
        """By event id: the prediction that should be on the output stream, or the reason for quarantine."""
        outcomes = self.oracle.score([one.data for one in records], [one.arrived for one in records])
        return {
            one.event_id: self.oracle.prediction(outcome, one.event_id)
            if isinstance(outcome, Scored)
            else outcome
            for one, outcome in zip(records, outcomes, strict=True)
        }


def in_image(image: str | None) -> MakeFunction:
    """Return a maker of functions of an image; without one, of the same code in AWS's runtime client."""
    if image is None:
        return in_processes

    def make(config: FunctionConfig, environment: Any, on_log: Callable[[str], None]) -> Function:
        return ContainerFunction(config, environment, on_log, image=image)

    return make


def oracle_of(settings: Settings) -> ModelService[Any]:
    """Load the model that a function with these settings loads, in this process."""
    folder = artifact.fetch(artifact.find(settings))
    model = artifact.load(folder, settings.model_sha256)
    return ModelService(model, tasks.find(settings.task or DEFAULT_TASK), settings.run_id or model.version)


def here(stack: RunningStack, folder: Path, make: MakeFunction) -> Site:
    """Return the site of a stack that is up, with the model's files in `folder`."""

    def start(variables: dict[str, str]) -> Function:
        config = replace(stack.config, environment=stack.config.environment | variables)
        return make(config, stack.emulator.environment(), stack.log)

    settings = Settings(model_location=str(folder), run_id=stack.version, task=stack.task or None)
    return Site(target_of(stack), stack.input_stream, oracle_of(settings), 2_000, start)


def deployed(name: str) -> Site:
    """Find a deployed function and its Kinesis event source mapping. Raises LocationError, ArtifactError.

    docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
    """
    target = targets.deployed(name)
    client = account.client("lambda")
    with account.named_faults(f"FUNCTION={name} cannot be used"):
        mappings = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        configuration = client.get_function_configuration(FunctionName=name)
    streams = [one["EventSourceArn"] for one in mappings if ":kinesis:" in one.get("EventSourceArn", "")]
    if len(streams) != 1 or not target.quarantine:
        raise LocationError(
            f"FUNCTION={name} has {len(streams)} Kinesis event source mappings and "
            f"{'a' if target.quarantine else 'no'} quarantine: name a function (or an alias) with one of each"
        )
    settings = from_environment(Settings, configuration["Environment"]["Variables"])
    return Site(target, streams[0].rpartition("/")[2], oracle_of(settings), 200)


def emulator(name: str, folder: Path) -> Endpoint:
    """Return the emulator of a name, not started yet; its downloads and log go to the folder."""
    if name == "localstack":
        from threeways.integration.localstack import LocalStack

        return LocalStack(folder)
    return Emulator(log=folder / "emulator.log")
