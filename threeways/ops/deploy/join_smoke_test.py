"""A subject through a deployed join: onto the events stream, and its decision off the decisions stream.

No verdict is put: on a live stream an invented one would be counted as a consumer's, and the consumer's own,
which comes later, quarantined. So the decision is a real one, by the verdicts of the consumers that there
are, and at the deadline where one of them is missing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console

from threeways.aws.kinesis import ShardReader, list_shards
from threeways.errors import DeploymentFailed
from threeways.join.join import Join, Key, decision_id
from threeways.ops import account
from threeways.ops.account import Client
from threeways.ops.deploy.smoke_test import LOOK_SECONDS, PATIENCE_SECONDS, Example, example
from threeways.ops.deploy.stack import Stack
from threeways.ops.printing import say
from threeways.ops.replay.proof import SKEW, SLACK, Proof
from threeways.ops.replay.target import Outputs

GRACE_SECONDS = 90.0
"""How long after its deadline a key may be undecided: the sweeper comes each minute."""


def through(
    stack: Stack,
    join: Join[Any],
    of: Example,
    client: Client,
    console: Console,
    patience: float = PATIENCE_SECONDS,
    look: float = LOOK_SECONDS,
) -> None:
    """Put one subject on the events stream and wait for its decision.

    A key whose deadline is later than that is told with what it waits for. Raises DeploymentFailed where the
    subject is in quarantine, was not taken, or was not decided in time.
    """
    if stack.parameters.get("Consume", "true") != "true":
        say(console, "The join is paused (Consume=false): no event was sent, and events wait")
        return
    decisions = stack.output("DecisionsStreamName")
    outputs = Outputs(
        kinesis=client("kinesis"), s3=client("s3"), output_stream=decisions,
        quarantine=stack.output("QuarantineLocation"),
    )  # fmt: skip
    proof = Proof(outputs, [datetime.now(UTC)], patience=0.0)
    since = datetime.now(UTC) - SKEW
    own_id, data = example(of)
    key: Key = int(own_id) if of.numbered else own_id
    events = stack.output("EventsStreamName")
    with account.named_faults("the event cannot be put on the events stream"):
        put = client("kinesis").put_record(StreamName=events, Data=data, PartitionKey=own_id)
    event_id = f"{put['ShardId']}:{put['SequenceNumber']}"
    say(console, f"Event {own_id} is on {events} as {event_id}")
    began = time.monotonic()
    while time.monotonic() - began < patience:
        with account.named_faults("its decision cannot be looked for"):
            if entry := proof.find([event_id]).quarantined.get(event_id):
                raise DeploymentFailed(
                    f"the event is in quarantine: {entry.code}: {entry.message}. The join does not fit the "
                    "events: make rollback"
                )
            message = _decision(client, decisions, decision_id(join.name, key, 1), since)
        if message is not None:
            say(console, f"It was decided: {message}")
            return
        console.print(f"  {time.monotonic() - began:.0f} s: no decision about it yet", highlight=False)
        time.sleep(look)
    say(console, _state(stack, join, key, client, patience))


def _decision(client: Client, stream: str, wanted: str, since: datetime) -> Mapping[str, Any] | None:
    """Return the first message of a decision; None where there is none yet. Raises boto's errors."""
    start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    began = datetime.now(UTC)
    for shard in list_shards(client("kinesis"), stream):
        for page in ShardReader(client("kinesis"), shard.id, {"StreamName": stream}, start).pages():
            for record in page:
                try:
                    message = msgspec.json.decode(record["Data"])
                except msgspec.DecodeError:
                    continue  # another producer's
                if isinstance(message, dict) and message.get("decision") == wanted:
                    return message
            if page and page[-1]["ApproximateArrivalTimestamp"] > began + SLACK:
                break
    return None


def _state(stack: Stack, join: Join[Any], key: Key, client: Client, patience: float) -> str:
    """Return what an undecided key waits for. Raises DeploymentFailed where it should not be undecided."""
    log = (
        f"Its log: aws logs tail {stack.outputs.get('LogGroup', '')}. Back to what was before: make rollback"
    )
    with account.named_faults("the key cannot be looked up in the table"):
        item = (
            client("dynamodb")
            .get_item(
                TableName=stack.output("TableName"),
                Key={"key": {"S": msgspec.json.encode(key).decode()}},
                ConsistentRead=True,
            )
            .get("Item")
        )
    if item is None:
        raise DeploymentFailed(
            f"the join has not taken the event after {patience:.0f} s. Are many events before it, or does "
            f"Joiner fail? {log}"
        )
    if "revision" in item:
        raise DeploymentFailed(
            f"the event is decided, and after {patience:.0f} s no message of it is on "
            f"{stack.output('DecisionsStreamName')}: does Publisher fail? {log}"
        )
    due = float(item["due"]["N"])
    if time.time() > due + GRACE_SECONDS:
        raise DeploymentFailed(
            f"the event is undecided past its deadline: do Expirer and Sweeper fail? {log}"
        )
    missing = sorted(one for one in join.expected if f"v#{one}" not in item)
    return (
        f"It was taken, and waits for {', '.join(missing) or 'nothing'}: decided at "
        f"{datetime.fromtimestamp(due, UTC):%H:%M:%S} UTC at the latest"
    )
