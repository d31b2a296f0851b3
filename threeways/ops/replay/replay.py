"""`make replay`: what it will touch, the replay, the ledger."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from threeways.atomic_files import write_json
from threeways.aws.kinesis import region_of
from threeways.errors import LocalFailed, LocationError
from threeways.interrupts import interruptible
from threeways.join.table import DynamoTable
from threeways.ops import account
from threeways.ops.locations import Folder, Place, find
from threeways.ops.printing import say
from threeways.ops.replay import target as targets
from threeways.ops.replay.documents import Batch, Fetch, Unreadable
from threeways.ops.replay.join_proof import JoinProof, join_of
from threeways.ops.replay.ledger import ReplayLedger, show
from threeways.ops.replay.proof import Keep, Proof
from threeways.ops.replay.refetch import fetch
from threeways.ops.replay.rounds import Replay
from threeways.ops.replay.sending import Sender
from threeways.ops.replay.target import Target
from threeways.stream.records import Record

type OpenLocal = Callable[[str], AbstractContextManager[tuple[Target, Keep]]]
"""Bring up the function on this machine to replay a folder; `Keep` is called before it is gone."""


@dataclass(frozen=True)
class Options:
    """What the user chose.

    location: a folder, `s3://bucket/prefix` or an SQS queue's URL. function: a deployed function; None is the
    template's on this machine, for folders only. yes: do not ask before a real account is touched.
    """

    location: str
    function: str | None = None
    yes: bool = False


def replay(
    options: Options,
    open_local: OpenLocal,
    console: Console,
    local: Path,
    confirm: Callable[[str], bool],
) -> ReplayLedger:
    """Score again what lies at a location, and account for it.

    The ledger is `last-replay.json` in the folder `local`, too. confirm: asks the user a yes-or-no question.
    Raises UsageError where it cannot start. Ctrl-C ends it early, with its ledger.
    """
    place = find(options.location)
    if options.function is None and not isinstance(place, Folder):
        raise LocationError(
            f"{place.name} is not on this machine: name the deployed function that is to score its events "
            "again, FUNCTION=name"
        )
    keys = place.keys()
    ledger = ReplayLedger()
    if keys:
        with ExitStack() as stack:
            stopping = stack.enter_context(interruptible())
            if options.function is None:
                files = f"{len(keys):,} files of {place.name}"
                say(console, f"Replays {files} on this machine; no AWS account is touched.")
                say(console, "What is found again is removed there; everything else stays as it is.")
                target, keep = stack.enter_context(open_local(options.location))
            else:
                target, keep = targets.deployed(options.function), lambda _: None
                _announce(place, len(keys), target, console)
                if (target.real or place.real) and not options.yes and not confirm("Go on?"):
                    raise LocationError("nothing was touched")
            ledger = _run(place, keys, target, keep, stopping, console)
            ledger.interrupted = stopping.is_set()
    else:
        say(console, f"{place.name} is empty: there is nothing to replay")
    show(console, ledger)
    local.mkdir(parents=True, exist_ok=True)
    write_json(local / "last-replay.json", ledger)
    return ledger


def _run(
    place: Place,
    keys: list[str],
    target: Target,
    keep: Keep,
    stopping: threading.Event,
    console: Console,
) -> ReplayLedger:
    from botocore.exceptions import BotoCoreError, ClientError

    def tell(line: str) -> None:
        say(console, line)

    replay = Replay(
        place=place,
        keys=keys,
        fetch=_fetcher(target),
        sender=Sender(target.invoke, stopping, tell),
        make_proof=_prover(target),
        keep=keep,
        tell=tell,
    )
    try:
        replay.run()
    except (BotoCoreError, ClientError, LocalFailed, LocationError) as error:
        tell(f"It ends here: {error}")
    return replay.ledger


def _announce(place: Place, objects: int, target: Target, console: Console) -> None:
    """Say what will be touched, before anything is."""
    quarantine = target.quarantine or "nowhere, for the function has no quarantine"
    table = target.join.join_table_name if target.join else None
    puts = (
        f"Events go into the table {table}"
        if table
        else f"Predictions go to the stream {target.output_stream}"
    )
    say(
        console,
        f"Replays {objects:,} objects of {place.name} ({place.whose})",
        f"with {target.name} ({target.model}), in {target.whose}",
        f"{puts}, what still fails to {quarantine}",
        f"What is found there again is removed from {place.name}; everything else stays as it is.",
    )


def _prover(target: Target) -> Callable[[Collection[datetime], Mapping[str, Record]], Proof]:
    """Return what looks for the records of a round: on the output stream, or of a join in its table."""
    if target.join is None:
        return lambda hours, _: Proof(target, hours)
    join = join_of(target.join, target.name)
    client = account.client("dynamodb", retries={"total_max_attempts": 1})
    table = DynamoTable(client, str(target.join.join_table_name), join)
    return lambda hours, records: JoinProof(target, hours, records, join, table)


def _fetcher(target: Target) -> Fetch:
    """Return a function that fetches failed batches from streams, which must be where the function is."""
    client = functools.cache(lambda region: account.client("kinesis", region=region))

    def from_stream(batch: Batch) -> list[Record]:
        if target.is_local:
            raise Unreadable(
                f"this failure document names records of {batch.stream_arn} and does not hold them: "
                "replay it with a deployed function in that account, FUNCTION=name"
            )
        return fetch(client(region_of(batch.stream_arn)), batch)

    return from_stream
