"""Make a decision's messages: its effects, each under an id that is the same whenever it is put."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec

from threeways.errors import JoinFailed, SettingsError
from threeways.join.join import Decided, Join, Key, decided_of
from threeways.scoring.decoding import KEY_LENGTH, fits_a_key
from threeways.stream.delivery import Entry

MAX_BYTES = 2**20
"""The limit on one message with its partition key: a stream's, unless its MaxRecordSizeInKiB is raised.
docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html"""


class Effects:
    """Makes a join's messages.

    A message is `{"message": kind, "id": …, "decision": …, "revision": n, <the key's field>: key}` and the
    effect's own fields. Its id is the decision's with the kind after it, and from the second of a kind on
    with its number.
    """

    def __init__(self, join: Join[Any]) -> None:
        self._join = join
        self._subject = msgspec.json.Decoder(join.subject)
        self._own = ("message", "id", "decision", "revision", join.id)

    def entries(self, key: Key, subject: bytes, decided: Decided) -> list[Entry]:
        """Return what is to be put for a decision. Raises JoinFailed."""
        try:
            effects = list(self._join.effects(self._subject.decode(subject), decided))
        except Exception as error:
            raise JoinFailed(f"{key!r}: its effects cannot be made: {error!r}") from error
        kinds: Counter[str] = Counter()
        made = []
        for effect in effects:
            kinds[effect.kind] += 1
            number = f"-{kinds[effect.kind]}" if kinds[effect.kind] > 1 else ""
            taken = [name for name in self._own if name in effect.body]
            if taken:
                raise JoinFailed(f"{key!r}: an effect's {taken[0]!r} is the message's; rename it")
            head = (effect.kind, f"{decided.id}-{effect.kind}{number}", decided.id, decided.revision, key)
            message = dict(zip(self._own, head, strict=True)) | dict(effect.body)
            made.append(self._entry(key, str(key if effect.key is None else effect.key), message))
        return made

    def prove(self) -> None:
        """Make the messages of the example. Raises SettingsError where they cannot be put."""
        join = self._join
        key: Key = getattr(join.example, join.id)
        decision = join.decide({}, join.expected, True)
        if decision is not None:
            try:
                self.entries(key, msgspec.json.encode(join.example), decided_of(join, key, 1, decision))
            except JoinFailed as error:
                raise SettingsError(
                    f"JOIN={join.name}: of its example, {error}; mend its `effects`"
                ) from error

    def _entry(self, key: Key, partition_key: str, message: dict[str, Any]) -> Entry:
        if not 0 < len(partition_key) <= KEY_LENGTH or not fits_a_key(partition_key):
            raise JoinFailed(
                f"{key!r}: an effect's key has 1 to {KEY_LENGTH} characters, not {partition_key[:64]!r}"
            )
        try:
            data = msgspec.json.encode(message)
            if b"null" in data:  # which is how msgspec writes NaN, too
                json.dumps(msgspec.to_builtins(message), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise JoinFailed(f"{key!r}: an effect is no JSON: {error}") from error
        if len(data) + len(partition_key.encode()) > MAX_BYTES:
            raise JoinFailed(f"{key!r}: an effect has {len(data):,} bytes, and a stream takes {MAX_BYTES:,}")
        return Entry(str(key), partition_key, data)
