"""An event through the deployed pipeline: onto the input stream, and its prediction off the output stream."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console

from threeways.errors import DeploymentFailed, PermanentError
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy import streams
from threeways.ops.deploy.stack import Stack
from threeways.ops.replay.proof import Proof
from threeways.ops.replay.target import Outputs
from threeways.scoring.task import Task

PATIENCE_SECONDS = 300.0
"""A mapping that was just enabled takes a minute or two until it reads.
docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html"""
LOOK_SECONDS = 10.0


class Example(msgspec.Struct, frozen=True):
    """An event that a deployment's model predicts. id: the field with its id. event: its fields, as in JSON.

    numbered: whether its id is an integer.
    """

    id: str
    event: dict[str, Any]
    numbered: bool = False


def example_of(task: Task[Any]) -> Example | None:
    """Return the example of a task: of the one that a signature makes, from the model's input example.

    None where it can get no id that nobody has sent, for that is neither a text nor an integer.
    """
    event: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(task.example))
    for numbered in (False, True):
        found = Example(task.id_name, event, numbered)
        with suppress(PermanentError):
            task.decode(example(found)[1])
            return found
    return None


def example(of: Example) -> tuple[str, bytes]:
    """Return an event that nobody has sent: its id, and the record's bytes."""
    own_id: str | int = secrets.randbelow(2**31) if of.numbered else f"deploy-check-{secrets.token_hex(6)}"
    return str(own_id), msgspec.json.encode({**of.event, of.id: own_id})


def send(
    stack: Stack,
    of: Example,
    run_id: str,
    client: Client,
    console: Console,
    patience: float = PATIENCE_SECONDS,
    look: float = LOOK_SECONDS,
) -> dict[str, Any]:
    """Put one event on the input stream and wait for its prediction, which is the answer.

    run_id: the model's; on an output stream of several consumers only its predictions count. "": unknown.
    Raises DeploymentFailed where it does not come, or the event lands in quarantine.
    """
    outputs = Outputs(
        kinesis=client("kinesis"), s3=client("s3"), output_stream=stack.output(streams.OUTPUT_NAME),
        quarantine=stack.output("QuarantineLocation"),
        version=run_id if run_id and stack.parameters.get(streams.OUTPUT_ARN) else None,
    )  # fmt: skip
    proof = Proof(outputs, [datetime.now(UTC)], patience=look)
    own_id, data = example(of)
    with account.named_faults("the event cannot be put on the input stream"):
        put = client("kinesis").put_record(
            StreamName=stack.output(streams.INPUT_NAME), Data=data, PartitionKey=own_id
        )
    event_id = f"{put['ShardId']}:{put['SequenceNumber']}"
    console.print(f"Event {own_id} is on {stack.output(streams.INPUT_NAME)} as {event_id}", soft_wrap=True)
    began = time.monotonic()
    while time.monotonic() - began < patience:
        with account.named_faults("its prediction cannot be looked for"):
            found = proof.find([event_id])
        if found.quarantined:
            entry = found.quarantined[event_id]
            raise DeploymentFailed(
                f"the event is in quarantine, {', '.join(found.objects)}: {entry.code}: {entry.message}. "
                "The model and the code do not fit: make rollback"
            )
        if found.predicted:
            first, _, _ = found.predicted[event_id].partition(b"\n")  # of several messages
            prediction: dict[str, Any] = msgspec.json.decode(first)
            return prediction
        console.print(f"  {time.monotonic() - began:.0f} s: no prediction of it yet", highlight=False)
    raise DeploymentFailed(
        f"the event has no prediction after {patience:.0f} s, though the stack is deployed. Are many events "
        f"before it, or does the function fail? Its log: aws logs tail {stack.outputs.get('LogGroup', '')}, "
        f"the dashboard: {stack.outputs.get('DashboardUrl', '')}. Back to what was before: make rollback"
    )
