"""The state of a run as it goes on, in a file that others may read while it does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from threeways.atomic_files import replacing

FILE, BY_HAND = "live.json", "by_hand.jsonl"
"""In the run's folder: its state, and the events that somebody puts by hand meanwhile, a line each."""


class Shard(msgspec.Struct, frozen=True):
    """A shard of the input stream. sent: records put on it. iterator_age_s: of the slowest consumer."""

    id: str
    sent: int
    iterator_age_s: float = 0.0


class Prediction(msgspec.Struct, frozen=True):
    """A prediction. id: of what it is for. seconds: from its event's put to its arrival."""

    id: int | str
    value: Any
    seconds: float


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer of the run.

    version: its model's. per_second: predictions, over the last seconds. reasons: quarantined events by code.
    troubles: what befell its mapping, by kind. answers: to the events that were put by hand, by their ids.
    refused: why its model doesn't serve; it reads nothing then.
    """

    name: str
    version: str = ""
    output_stream: str = ""
    unit: str = ""
    predicted: int = 0
    per_second: float = 0.0
    quarantined: int = 0
    retries: int = 0
    batches: int = 0
    redelivered: int = 0
    iterator_age_s: float = 0.0
    latency_p50_s: float | None = None
    latency_p99_s: float | None = None
    paused: bool = False
    reads_refused: int = 0
    reasons: dict[str, int] = {}
    troubles: dict[str, int] = {}
    recent: list[Prediction] = []
    answers: dict[str, Prediction] = {}
    refused: str | None = None


class Decided(msgspec.Struct, frozen=True):
    """A decision. seconds: from its event's put to its message. lines: why, for people."""

    id: int | str
    outcome: str
    seconds: float | None
    lines: list[str] = []


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What a join makes of the consumers' verdicts.

    subject: what is decided about. verdicts: on their stream, each once. outcomes: first decisions by
    outcome. waiting: events without a decision. effects: the decisions' messages by kind, each once. reasons:
    what the join quarantined, by code. troubles: what befell its functions, by kind.
    """

    name: str
    subject: str
    verdicts_stream: str
    decisions_stream: str
    deadline_s: float
    verdicts: int = 0
    outcomes: dict[str, int] = {}
    waiting: int = 0
    revisions: int = 0
    effects: dict[str, int] = {}
    quarantined: int = 0
    reasons: dict[str, int] = {}
    troubles: dict[str, int] = {}
    recent: list[Decided] = []


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands. Times in seconds.

    pid: the run's process. endpoint: the emulator's. serving: the variables by which a process here serves
    the first consumer's model. example: an event as its task takes it. id_name: the field with an event's id.
    join: what is made of the consumers' predictions, if anything. ended: whether this is the last state.
    """

    pid: int
    endpoint: str
    region: str
    serving: dict[str, str]
    example: Any
    id_name: str
    elapsed_s: float
    total: int
    sent: int
    input_stream: str
    shards: list[Shard]
    consumers: list[Consumer]
    join: Flow | None = None
    ended: bool = False


class ByHand(msgspec.Struct, frozen=True):
    """An event that was put by hand. event_id: Kinesis's. id: its own. at: Unix time of the put."""

    event_id: str
    id: str
    at: float
    event: Any


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write the state; where the disk is full the run goes on, and those who watch see an older one."""
    with suppress(OSError), replacing(folder / FILE) as part:
        part.write_bytes(msgspec.json.encode(snapshot))


def read(folder: Path) -> Snapshot | None:
    """Return a run's state; None where it has none."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Snapshot)
    except (OSError, msgspec.MsgspecError):
        return None


def put_by_hand(folder: Path) -> list[ByHand]:
    """Return the events that were put by hand, in order."""
    try:
        lines = (folder / BY_HAND).read_bytes().splitlines()
    except OSError:
        return []
    return [msgspec.json.decode(line, type=ByHand) for line in lines]


def note_by_hand(folder: Path, put: ByHand) -> None:
    """Add an event to those that were put by hand."""
    with (folder / BY_HAND).open("ab") as file:
        file.write(msgspec.json.encode(put) + b"\n")


def newest(runs: Path) -> tuple[Path, Snapshot] | None:
    """Return the folder and state of the newest run that goes on, else of the newest that ended."""
    folders = sorted((one for one in _folders(runs)), key=lambda one: one.name, reverse=True)
    found = [(folder, state) for folder in folders[:20] if (state := read(folder)) is not None]
    going_on = (one for one in found if not one[1].ended and _is_running(one[1].pid))
    return next(going_on, found[0] if found else None)


def _folders(runs: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (one for one in runs.iterdir() if one.is_dir())


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
