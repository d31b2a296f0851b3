"""What waits for a person's verdict in a join's table, and putting one: a message on the verdicts stream.

A verdict takes the way of every consumer's: the join counts it, and makes the next revision. Nothing is
written to the table here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from threeways.aws.calls import Deadline
from threeways.errors import JoinFailed, LocationError, TransientError, UsageError
from threeways.join.finding import find
from threeways.join.join import Decided, Join, Key
from threeways.join.state import KeyState, next_step
from threeways.join.table import DynamoTable
from threeways.ops import account
from threeways.ops.deploy.stack import look
from threeways.settings import from_environment

SECONDS = 20.0
"""How long the table is asked for."""
LOOK_SECONDS = 0.25
LONGEST_NAME = 100
OUTCOMES = ("allow", "remove")
"""What a person may say."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a join is deployed. join: as JOIN names it. table, verdicts: the names of table and stream.

    policy: the packed one that it goes by, None for that of this machine.
    """

    join: str
    table: str
    verdicts: str
    region: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A key as it stands. subject: what is kept of it. decided: its last decision, None before the first."""

    key: Key
    subject: Mapping[str, Any]
    decided: Decided | None

    @property
    def revision(self) -> int:
        """The last decision's, 0 before the first."""
        return self.decided.revision if self.decided else 0


class ReviewSettings(msgspec.Struct, frozen=True, rename="upper"):
    """Where the join is, if not said otherwise: as its functions have it, and the verdicts stream."""

    join: str | None = None
    join_policy: str | None = None
    join_table_name: str | None = None
    verdicts_stream_name: str | None = None


def located(
    join: str | None, stack: str | None, table: str | None, verdicts: str | None, region: str | None
) -> Place:
    """Return where a join is: as a stack says, or as said here, or in the environment. Raises UsageError."""
    settings = from_environment(ReviewSettings)
    join, table = join or settings.join, table or settings.join_table_name
    verdicts, policy = verdicts or settings.verdicts_stream_name, settings.join_policy
    if stack:
        found = look(stack, account.of_region(region or account.region() or ""))
        if found is None:
            raise UsageError(f"there is no stack {stack}: name another, STACK= and REGION=")
        table, verdicts = found.output("TableName"), found.output("VerdictsStreamName")
        named = found.parameters.get("Join")
        join = join or named
        policy = found.parameters.get("Policy") if join == named else None
    given = {"JOIN": join, "TABLE": table, "VERDICTS": verdicts}
    missing = [f"{name}=" for name, value in given.items() if not value]
    if not (join and table and verdicts):
        raise UsageError(
            f"not given: {', '.join(missing)}; name the join's STACK=, or all of JOIN=, TABLE= and VERDICTS="
        )
    return Place(join, table, verdicts, region, policy)


def reason_of(review: Review) -> str:
    """Return why a key is as it is, in a line."""
    if review.decided is None:
        return "not decided yet"
    told = review.decided.facts.get("explanation")
    return str(told) if told else msgspec.json.encode(review.decided.facts).decode()[:500]


def age_of(review: Review) -> str:
    """Return for how long a key has been as it is."""
    seconds = max(0.0, time.time() - _since(review))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class Reviews:
    """Reads a join's table and puts persons' verdicts. Raises UsageError where that cannot be."""

    def __init__(self, place: Place) -> None:
        self.join: Join[Any] = find(place.join, place.policy)
        if len(self.join.persons) != 1 or not self.join.reviewed:
            raise UsageError(
                f"JOIN={place.join} awaits no person; one that does names one source in `persons`, and in "
                "`reviewed` the outcomes that wait"
            )
        [self._person] = self.join.persons
        self._place = place
        self._dynamodb = account.client("dynamodb", region=place.region)
        self._kinesis = account.client("kinesis", region=place.region)
        self._table = DynamoTable(self._dynamodb, place.table, self.join)

    @property
    def table(self) -> str:
        """The table's name."""
        return self._place.table

    @property
    def stream(self) -> str:
        """The name of the verdicts stream."""
        return self._place.verdicts

    @property
    def is_real(self) -> bool:
        """Whether it is somebody's account."""
        return account.is_real(self._dynamodb, self._kinesis)

    @property
    def whose(self) -> str:
        """The account."""
        return account.whose(self._dynamodb, self._kinesis)

    def waiting(self, most: int) -> tuple[list[Review], bool]:
        """Return what waits for a person, longest first, and whether there is more than so many."""
        found: list[Review] = []
        with self._told():
            deadline = _within(SECONDS)
            for key in self._table.reviewed(most, deadline):
                review = _review(self._table.load(key, deadline))
                if review is not None and self.waits(review):
                    found.append(review)
                if len(found) > most:
                    break
        found.sort(key=_since)
        return found[:most], len(found) > most

    def waits(self, review: Review) -> bool:
        """Whether a person's verdict is awaited."""
        return review.decided is not None and review.decided.outcome in self.join.reviewed

    def of(self, text: str) -> Review:
        """Return what is known of a key as it is typed: `7` is the number if there is one, `"7"` the text."""
        return self.at(next((key for key in _keys(text) if self._load(key) is not None), text))

    def at(self, key: Key) -> Review:
        """Return what is known of a key."""
        review = _review(self._load(key))
        if review is None:
            raise UsageError(
                f"the table {self.table} has no {self.join.id} {key} with its event; correct it, or wait for "
                "the event: a verdict without one decides nothing"
            )
        return review

    def put(self, key: Key, outcome: str, by: str, because: str) -> str:
        """Put a person's verdict on the verdicts stream; return its id. It overrules whatever was decided."""
        by, because = by.strip(), because.strip()
        if not 0 < len(by) <= LONGEST_NAME:
            raise UsageError(f"BY= has {len(by)} characters; give a name of 1 to {LONGEST_NAME}")
        prediction = {self.join.id: key, "outcome": outcome, "because": because}
        try:
            self.join.prediction(self._person, msgspec.json.encode(prediction))
        except msgspec.ValidationError as error:
            raise UsageError(f"that is no verdict for {self.join.name}: {error}; correct it") from None
        made = f"review-{uuid.uuid4()}"
        message = {
            "model": self._person, "version": by, "prediction": prediction, "source_event_id": made,
            "flags": [],
        }  # fmt: skip
        stream = self._place.verdicts
        with account.named_faults(f"the verdict cannot be put on {stream}"):
            self._kinesis.put_record(
                StreamName=stream, Data=msgspec.json.encode(message), PartitionKey=str(key)
            )
        return made

    def outcome(self, key: Key, verdict: str, within: float) -> Review | None:
        """Wait until the join has a verdict and made of it what it calls for. Return the key as it is then.

        None where that takes longer. A verdict that changes nothing makes no revision.
        """
        deadline = _within(within)
        while True:
            state = self._load(key)
            if state is not None and any(one.id == verdict for one in state.verdicts.values()):
                with self._told():
                    if next_step(self.join, state, time.time()) is None:
                        return _review(state)
            if deadline.remaining() <= 0:
                return None
            time.sleep(LOOK_SECONDS)

    def _load(self, key: Key) -> KeyState | None:
        with self._told():
            return self._table.load(key, _within(SECONDS))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise LocationError for what the table refuses."""
        try:
            yield
        except (TransientError, JoinFailed) as error:
            raise LocationError(
                f"the table {self._place.table} cannot be read: {error}. Mend the name, the credentials, "
                "AWS_REGION, AWS_ENDPOINT_URL or the permissions"
            ) from None


def _review(state: KeyState | None) -> Review | None:
    if state is None or state.subject is None:
        return None
    subject = msgspec.json.decode(state.subject)
    return Review(state.key, subject, state.decisions.get(state.revision))


def _since(review: Review) -> float:
    return review.decided.decided_at if review.decided else 0.0


def _keys(text: str) -> list[Key]:
    """Return the keys that a typed text may be."""
    try:
        key: Key = msgspec.json.decode(text, type=int | str)
    except msgspec.MsgspecError:
        return [text]
    return [key] if isinstance(key, str) else [key, text]


def _within(seconds: float) -> Deadline:
    ends = time.monotonic() + seconds
    return Deadline(lambda: ends - time.monotonic())
