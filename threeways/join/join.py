"""What a system writes for a join: the schemas, who is expected by when, and the pure `decide`.

A join is data with two functions in it. A *subject* is what is decided about, such as an upload. A *verdict*
is a prediction about it that a consumer put on a stream: the messages of `docs/tasks.md`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from threeways.errors import SettingsError
from threeways.join import checks

type Key = int | str
"""What names a subject to everybody: an integer of 64 bits, or 1 to 256 characters."""

MAX_DEADLINE = 7 * 86_400.0
"""The limit on a deadline, in seconds."""
MIN_KEEP_DAYS, MAX_KEEP_DAYS = 8, 3_650
"""How long a decided key may be kept, in days: longer than a stream keeps records (24 hours, or 7 days with
extended retention), so that an event that comes again never opens its key again.
docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""


class Verdict[P](msgspec.Struct, frozen=True):
    """One consumer's or person's verdict about a subject.

    source: the message's `model`. id: its `source_event_id`, the same at every redelivery; of what is
    observed a hash of what it says. version: of the model, or the person's name. prediction: of the type that
    the join declares for the source. at: when the stream received it, in seconds of Unix time. because: the
    terms of its score, where the message has them.
    """

    source: str
    id: str
    version: str
    prediction: P
    at: float
    flags: tuple[str, ...] = ()
    because: tuple[Mapping[str, Any], ...] = ()


class Decision(msgspec.Struct, frozen=True):
    """What `decide` says. outcome: one word. facts: JSON values, kept with the decision and told with it."""

    outcome: str
    facts: Mapping[str, Any] = {}


class Counted(msgspec.Struct, frozen=True):
    """A verdict that a decision counted."""

    source: str
    version: str
    id: str


class Decided(msgspec.Struct, frozen=True, omit_defaults=True):
    """A decision as it is committed: one for each key and revision.

    id: a hash of join, key and revision. supersedes: the id of the revision before. verdicts: those that
    it counted. missing: the expected sources that had not come. expired: made after the deadline. rules:
    `Join.rules`. Times are seconds of Unix time.
    """

    id: str
    key: Key
    revision: int
    outcome: str
    facts: Mapping[str, Any]
    verdicts: tuple[Counted, ...]
    missing: tuple[str, ...]
    expired: bool
    opened_at: float
    due: float
    decided_at: float
    rules: str = ""
    supersedes: str | None = None


class Effect(msgspec.Struct, frozen=True):
    """One message of a decision. kind: its `message` field. body: its further fields. key: its partition key.

    Default of key: the subject's.
    """

    kind: str
    body: Mapping[str, Any]
    key: Key | None = None


type Verdicts = Mapping[str, Verdict[Any]]
"""A source -> its verdict; of a person the newest. Of `Join.versions` each version's: `source#version`."""
type Decide = Callable[[Verdicts, frozenset[str], bool], Decision | None]
"""`decide(verdicts, expected, expired)`: a pure function. None: wait; never when `expired`."""


def outcome_differs(before: Decided, now: Decision) -> bool:
    """Whether a late verdict makes a revision: the outcome is another one."""
    return now.outcome != before.outcome


@dataclass(frozen=True, kw_only=True)
class Join[S]:
    """One join: who is awaited under a key, for how long, and what is decided then.

    name: of the decisions. subject: the msgspec type of the subject's event; what it names is stored, so
    that it should name the fields that `effects` needs and no others. id: the subject's field with the
    key. example: a subject. verdicts: source -> the type of its `prediction`, which has the key under the
    same name; a verdict of any other source is quarantined. expected: the sources that are waited for; a
    key that is open keeps those that it was opened with. deadline: seconds from a key's first event, by
    the stream's clock. decide: see there. effects: the messages of a decision, a pure function too. late:
    what a verdict after the decision does: `ignore` keeps it, `revise` decides anew. persons: sources
    whose verdicts count whenever they come, the newest of them. versions: sources of which one verdict of
    each version counts, where others have one verdict at all. observed: sources that are no model: their
    events say what happened, `{"event": <source>, …}`, and the whole event is of the source's type, with the
    key as a field of it; the same again is a redelivery, and where others contradict it, the first counts.
    reviewed: the outcomes that wait for a
    person's verdict, whose keys the table's index lists. revises: whether the new decision supersedes the
    old one. rules: the version of what `decide` goes by, such as a policy file's hash. keep_days: after
    that, TTL removes a decided key, unless it waits for a person. policy: the text of the policy that it
    goes by, where that is not the one in the image: `make deploy` hands it to the functions. of_policy:
    returns the same join as it goes by another policy's text.
    """

    name: str
    subject: type[S]
    example: S
    verdicts: Mapping[str, type]
    expected: frozenset[str]
    deadline: float
    decide: Decide
    effects: Callable[[S, Decided], Iterable[Effect]]
    id: str = "id"
    late: Literal["ignore", "revise"] = "revise"
    persons: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    observed: frozenset[str] = frozenset()
    reviewed: frozenset[str] = frozenset()
    revises: Callable[[Decided, Decision], bool] = outcome_differs
    rules: str = ""
    keep_days: int = 30
    policy: str = ""
    of_policy: Callable[[str], Join[S]] | None = None
    _decoders: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check what can be checked without an event. Raises SettingsError."""
        for fault in checks.faults(self):
            raise self._refused(fault)
        named = self.expected | self.persons | self.versions | self.observed
        unknown = sorted(named - self.verdicts.keys())
        if unknown:
            raise self._refused(f"`verdicts` has no type for {', '.join(unknown)}; add it")
        if self.reviewed and not self.persons:
            raise self._refused("`reviewed` waits for a person, and there is none; name one in `persons`")
        if self.expected & self.persons:
            raise self._refused("a person is never waited for; leave it out of `expected`")
        two = sorted(
            self.persons & self.versions | self.persons & self.observed | self.versions & self.observed
        )
        if two:
            raise self._refused(
                f"{', '.join(two)} is in two of `persons`, `versions` and `observed`; name it in one"
            )
        if not 0.001 <= self.deadline <= MAX_DEADLINE:
            raise self._refused(f"deadline={self.deadline}; give 0.001 to {MAX_DEADLINE:.0f} s")
        if not MIN_KEEP_DAYS <= self.keep_days <= MAX_KEEP_DAYS:
            raise self._refused(
                f"keep_days={self.keep_days}; give {MIN_KEEP_DAYS} to {MAX_KEEP_DAYS}: an "
                "event that the stream still holds may come again, and must find its decision"
            )
        for source, kind in self.verdicts.items():
            try:
                self._decoders[source] = msgspec.json.Decoder(kind)
            except (TypeError, NameError) as error:
                raise self._refused(
                    f"the type of {source}'s predictions cannot be read as JSON: {error}; give a "
                    "msgspec.Struct"
                ) from None

    def prove(self) -> None:
        """Decide about the example and make its messages, without a verdict and with made-up ones.

        Raises SettingsError where the subject's type has no such key; where `decide` waits past the deadline:
        such a key would never be decided; where `decide` or `effects` raises or returns something else; and
        where a sample is used as if it were of another type. What its value leads to besides is no fault: it
        is made up.
        """
        for fault in checks.subject_faults(self.subject, self.id, self.example):
            raise self._refused(fault)
        for source in sorted(self.observed):
            for fault in checks.key_faults(self.verdicts[source], self.id, f"the type of {source}"):
                raise self._refused(fault)
        self._try({}, expired=False)
        if self._try({}, expired=True) is None:
            raise self._refused(
                "decide({}, expected, expired=True) returned None; what is missing at the deadline has to "
                "lead to a decision"
            )
        samples = {
            source: Verdict(source=source, id="0", version="1", prediction=prediction, at=0.0)
            for source, kind in self.verdicts.items()
            if (prediction := checks.sample(kind)) is not None
        }
        for verdicts in (*({source: one} for source, one in samples.items()), samples):
            self._try(verdicts, expired=True)

    def _try(self, verdicts: Verdicts, *, expired: bool) -> Decision | None:
        """Decide about the example and make its messages. Raises SettingsError."""
        given = f"{{{', '.join(f'{name!r}: …' for name in verdicts)}}}"
        called = f"decide({given}, expected, expired={expired})"
        try:
            decision = self.decide(verdicts, self.expected, expired)
            if decision is None:
                return None
            if not is_decision(decision):
                raise self._refused(f"{called} returned {decision!r:.80}; return a Decision, or None to wait")
            called = f"effects(example, {decision.outcome!r})"
            decided = decided_of(self, getattr(self.example, self.id), 1, decision)
            for effect in self.effects(self.example, decided):
                if not isinstance(effect, Effect):
                    raise self._refused(f"{called} made {effect!r:.80}; make each an Effect")
                msgspec.json.encode(effect)
        except SettingsError:
            raise
        except Exception as error:
            if verdicts and not isinstance(error, AttributeError | TypeError | NameError):
                return None
            kinds = ", ".join(getattr(self.verdicts[name], "__name__", name) for name in verdicts)
            mend = (
                f"mend it: predictions are of type {kinds}"
                if verdicts
                else "it has to work without a verdict"
            )
            raise self._refused(f"{called} raised {error!r:.200}; {mend}") from error
        return decision

    def _refused(self, fault: str) -> SettingsError:
        return SettingsError(f"JOIN={self.name}: {fault}")

    def prediction(self, source: str, raw: bytes | msgspec.Raw) -> Any:
        """Decode a verdict's prediction. Raises KeyError for an unknown source, msgspec.ValidationError."""
        return self._decoders[source].decode(raw)


def is_decision(value: object) -> bool:
    """Whether `decide` may return this as its decision."""
    return isinstance(value, Decision) and isinstance(value.outcome, str)


def decision_id(join: str, key: Key, revision: int) -> str:
    """Return the id under which a decision and its effects are known, at every redelivery."""
    return hashlib.sha256(f"{join}\0{key!r}\0{revision}".encode()).hexdigest()[:32]


def decided_of(join: Join[Any], key: Key, revision: int, decision: Decision, **further: Any) -> Decided:
    """Return a decision as it is committed. further: fields of `Decided` that have no plain default."""
    plain: dict[str, Any] = {
        "verdicts": (), "missing": (), "expired": False, "opened_at": 0.0, "due": 0.0, "decided_at": 0.0,
    }  # fmt: skip
    return Decided(
        id=decision_id(join.name, key, revision),
        key=key,
        revision=revision,
        outcome=decision.outcome,
        facts=decision.facts,
        rules=join.rules,
        supersedes=decision_id(join.name, key, revision - 1) if revision > 1 else None,
        **plain | further,
    )
