"""The stage a run plays on: everything of `template.yaml`, brought up on this machine."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec
from rich.console import Console

from threeways.artifact import digest
from threeways.errors import LocalError
from threeways.local.emulator import Emulator
from threeways.local.faults import Door, Schedule
from threeways.local.function import LocalFunction
from threeways.local.function.config import FunctionConfig
from threeways.local.mapping import EventSourceMapping, MappingEvent
from threeways.local.provision import provision
from threeways.local.stack import Stack
from threeways.local.template import load
from threeways.pipeline.replay.documents import kinesis_ids
from threeways.pipeline.watch import FunctionLog
from threeways.stream.quarantine import read as read_quarantine
from threeways.stream.quarantine import split_location

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

STARTS = 20
"""How often a function is started at most where its way to the model is a faulty one."""
ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"


@dataclass(frozen=True)
class ReadBack:
    """What lies in quarantine and at the failure destination: event ids, and why they are there.

    reasons: (code, message) -> how many. folder: where copies of the objects are kept.
    """

    quarantined: frozenset[str]
    abandoned: frozenset[str]
    reasons: Counter[tuple[str, str]]
    folder: Path


@dataclass(frozen=True)
class Conditions:
    """What a stage has otherwise than the template.

    shards: of every stream, the template's if None. faults: on the function's way to AWS, its start included;
    with them shards have AWS's limits, too. timeout: the function's, in seconds. concurrency: its most.
    """

    shards: int | None = None
    faults: Schedule | None = None
    timeout: float | None = None
    concurrency: int = 10


class Stage:
    """Emulator, streams, buckets, the model in its bucket, the function and the mapping. A context manager.

    folder: the run's own; logs and copies go there.
    """

    def __init__(
        self, folder: Path, model: RegisteredModel, console: Console, conditions: Conditions | None = None
    ) -> None:
        self._folder = folder
        self._model = model
        self._conditions = conditions or Conditions()
        self._console = console
        self._exit = ExitStack()
        self._told: set[str] = set()
        self._telling = threading.Lock()
        self.cold_start = 0.0
        self.killed = 0
        self.door: Door | None = None

    def __enter__(self) -> Self:
        """Bring everything up. Raises LocalError; whatever came up until then is taken down again."""
        with ExitStack() as rising:
            faults = self._conditions.faults
            self.emulator = rising.enter_context(
                Emulator(log=self._folder / "emulator.log", shard_limits=faults is not None)
            )
            self.kinesis, self.s3 = self.emulator.client("kinesis"), self.emulator.client("s3")
            stack = self._load()
            provision(stack, self.emulator, shards=self._conditions.shards)
            self._upload(stack)
            self.input_stream = stack.source.name
            self.output_stream = stack.function.environment["PREDICTIONS_STREAM_NAME"]
            self.quarantine = stack.function.environment["QUARANTINE_LOCATION"]
            self.task = stack.function.environment["TASK"]
            self.version = stack.function.environment["RUN_ID"]
            self.failures = stack.mapping.destination
            self.log = FunctionLog(self._folder / "function.log")
            rising.callback(self.log.close)
            self.function = self._function(stack.function, rising)
            self._warm()
            self.mapping = EventSourceMapping(
                self.kinesis,
                self.input_stream,
                self.function.invoke,
                stack.mapping,
                s3=self.s3,
                sqs=self.emulator.client("sqs"),
                sns=self.emulator.client("sns"),
                function_arn=stack.function.arn,
                on_event=self._tell,
            )
            self.mapping.start()
            rising.callback(self.mapping.stop)
            self._exit = rising.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._exit.close()

    def announce(self) -> None:
        """Say what is up."""
        self._console.print(
            f"Up: streams, buckets, model {self._model.uri} and function, cold start {self.cold_start:.2f} s",
            soft_wrap=True,
        )

    def read_back(self) -> ReadBack:
        """Everything in quarantine and at the failure destination, copied into the run's folder."""
        reasons: Counter[tuple[str, str]] = Counter()
        quarantined = set()
        for _, entry in read_quarantine(self.s3, self.quarantine):
            if entry.source_event_id not in quarantined:
                quarantined.add(entry.source_event_id)
                reasons[entry.code, entry.message] += 1
        bucket, prefix = split_location(self.quarantine)
        self._copy(bucket, prefix, "quarantine")
        abandoned: set[str] = set()
        if self.failures:
            for body in self._copy(self.failures, "", "failures"):
                abandoned |= kinesis_ids(body)
        return ReadBack(frozenset(quarantined), frozenset(abandoned), reasons, self._folder)

    def _load(self) -> Stack:
        names = load(TEMPLATE).buckets
        return load(
            TEMPLATE,
            {
                "ModelLocation": f"s3://{names['ModelBucket'].name}/{_key(self._model)}",
                "ModelSha256": digest(self._model.folder),
                "RunId": self._model.run_id,
            },
        )

    def _upload(self, stack: Stack) -> None:
        """Put the model's files where MLflow would."""
        bucket = stack.buckets["ModelBucket"].name
        for file in sorted(path for path in self._model.folder.rglob("*") if path.is_file()):
            key = f"{_key(self._model)}/{file.relative_to(self._model.folder).as_posix()}"
            self.s3.upload_file(str(file), bucket, key)

    def _function(self, config: FunctionConfig, rising: ExitStack) -> LocalFunction:
        """The function, whose calls go through a faulty door if there are faults."""
        wanted = self._conditions
        environment = self.emulator.environment()
        if wanted.faults is not None:
            self.door = rising.enter_context(Door(self.emulator.endpoint_url, wanted.faults, self._strike))
            environment["AWS_ENDPOINT_URL"] = self.door.endpoint_url
        return rising.enter_context(
            LocalFunction(
                replace(config, timeout=wanted.timeout or config.timeout),
                environment=environment,
                concurrency=wanted.concurrency,
                on_log=self.log,
            )
        )

    def struck(self) -> Counter[str]:
        """The faults that struck so far, as `Door.counts`."""
        return self.door.counts() if self.door else Counter()

    def _strike(self) -> None:
        """Kill whoever called through the door: all processes of the function, since it cannot tell which."""
        self.killed += self.function.strike()

    def _warm(self) -> None:
        """Start the function once before the rides do, so that a model that cannot be used stops the run."""
        for attempt in range(1, STARTS + 1):
            started = time.monotonic()
            fault = self.function.warm()
            self.cold_start = time.monotonic() - started
            if fault is None or self._conditions.faults is None or attempt == STARTS:
                break
            self._console.print(f"The function did not start, which is one of the faults: {fault.message}")
        if fault is not None:
            raise LocalError(
                f"the function does not start. {fault.type}: {fault.message}\n"
                f"Its log is {self._folder / 'function.log'}"
            )

    def _tell(self, event: MappingEvent) -> None:
        """Write what befell the mapping to a file; on the screen, the first of a kind."""
        with self._telling:
            with (self._folder / "mapping.log").open("a", encoding="utf-8") as log:
                log.write(f"{msgspec.json.encode(event).decode()}\n")
            if event.kind in self._told:
                return
            self._told.add(event.kind)
        self._console.print(
            f"[yellow]{event.kind}[/] on {event.shard_id}, {event.records} records: {event.message} "
            f"(more of the kind only in {self._folder / 'mapping.log'})",
            highlight=False,
            soft_wrap=True,
        )

    def _copy(self, bucket: str, prefix: str, name: str) -> list[bytes]:
        """Copy the objects under a prefix into the run's folder; returns their bodies."""
        bodies = []
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                body = self.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                target = self._folder / name / item["Key"].removeprefix(prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(body)
                bodies.append(body)
        return bodies


def _key(model: RegisteredModel) -> str:
    """Where MLflow puts the artifact of a model in a bucket: version 3 by the model, version 2 by its run."""
    if model.model_id:
        return f"{model.experiment_id}/models/{model.model_id}/artifacts"
    return f"{model.experiment_id}/{model.run_id}/artifacts/model"
