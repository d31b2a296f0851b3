"""Events out of their bytes: JSON in one typed pass, with a reason in words for what is none.

What every task needs alike; what differs is the type. A batch is decoded at once, and only where something in
it is broken is each event looked at by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated

import msgspec
from msgspec import Meta

from threeways.errors import InvalidEvent, PermanentError, UndecodableEvent, without_frames

KEY_LENGTH = 256
"""How long a partition key, which an event's id becomes, may be at most.
docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html"""

Id = (
    Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
    | Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH)]
)
"""The type of an event's id: an integer of 64 bits, or text that is not empty."""


_FORMATS = {
    b"\x1f\x8b": "compressed with gzip, as CloudWatch Logs' subscriptions and Firehose do",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"\x78\x01": "compressed with zlib",
    b"\x78\x9c": "compressed with zlib",
    b"\x78\xda": "compressed with zlib",
    b"BZh": "compressed with bzip2",
    b"PK\x03\x04": "a zip file",
    b"PAR1": "Parquet",
    b"Obj\x01": "Avro",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"{\0": "UTF-16",
    b"\0{": "UTF-16",
    b"eyJ": "base64 of JSON: an AWS SDK encodes by itself",
    b"H4sI": "base64 of gzip",
}
"""How what is taken for JSON begins, and what it is.
docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
_MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark, which a reader of JSON may ignore: rfc-editor.org/rfc/rfc8259#section-8.1"""


def without_mark(payload: bytes) -> bytes:
    """Replace a byte order mark by blanks, so that positions in messages stay true."""
    return b"   " + payload[len(_MARK) :] if payload.startswith(_MARK) else payload


def format_of(payload: bytes) -> str | None:
    """Return what a payload that is no JSON is, and the mend; None where its first bytes do not tell."""
    for begins, what in _FORMATS.items():
        if payload.startswith(begins):
            return f"it is {what}; send the JSON itself, in UTF-8"
    return None


_OFFSET = re.compile(r"\b(byte|bytes|position|within) \d+(?:-\d+)?\b")
_VALUE = re.compile(r"^`[^`]*` (is not [^(]*)(?:\(.*\) )?")


def reason_kind(message: str) -> str:
    """Return a reason without what differs from event to event: the place in its bytes, and its text.

    Reasons of one kind are counted as one where people read how many there are.
    """
    return _VALUE.sub(r"`…` \1", _OFFSET.sub(r"\1 …", message))


class JsonEvents[E]:
    """Decodes JSON to one msgspec type. id_field: the field of it that is an `Id`."""

    def __init__(self, event_type: type[E], id_field: str) -> None:
        self._decode = msgspec.json.Decoder(event_type).decode
        self._id = attrgetter(id_field)
        self._id_field = id_field

    def decode(self, payload: bytes) -> E:
        """One event. Raises UndecodableEvent or InvalidEvent, and nothing else."""
        try:
            if not payload.isascii():
                payload = without_mark(payload)
                payload.decode()  # msgspec does not look into the fields that it skips
            event = self._decode(payload)
        except msgspec.ValidationError as error:
            where = "" if " - at `" in str(error) else " - at `$`"
            raise InvalidEvent(f"{error}{where}") from None
        except UnicodeDecodeError as error:
            raise UndecodableEvent(format_of(payload) or str(error)) from None
        except RecursionError:
            raise UndecodableEvent(f"it is nested too deeply, within {len(payload)} bytes") from None
        except msgspec.DecodeError as error:
            where = "" if "(byte " in str(error) else f" (byte {len(payload)})"
            raise UndecodableEvent(format_of(payload) or f"{error}{where}") from None
        named = self._id(event)
        if isinstance(named, str) and not fits_a_key(named):
            raise InvalidEvent(
                f"Expected `str` of length <= {KEY_LENGTH} in UTF-16 - at `$.{self._id_field}`"
            )
        return event

    def decode_all(
        self, payloads: Sequence[bytes | PermanentError]
    ) -> tuple[list[E], dict[int, PermanentError]]:
        """Return the events of a batch in order, and for each position that has none the reason.

        payloads: an event's bytes each, or the reason why there are none.
        """
        events = self._quickly(payloads)
        if events is not None:
            return events, {}
        events, faults = [], {}
        for position, payload in enumerate(payloads):
            try:
                if isinstance(payload, PermanentError):
                    raise payload
                events.append(self.decode(payload))
            except PermanentError as fault:
                faults[position] = without_frames(fault)
        return events, faults

    def _quickly(self, payloads: Sequence[bytes | PermanentError]) -> list[E] | None:
        """Return the events of a batch that is all sound; None for any other."""
        try:
            if not b"".join(payloads).isascii():  # type: ignore[arg-type]  # a reason among them is a TypeError
                return None
            events = list(map(self._decode, payloads))  # type: ignore[arg-type]  # bytes, they have been joined
        except (TypeError, msgspec.DecodeError, RecursionError):
            return None
        texts = [named for named in map(self._id, events) if type(named) is str]
        return events if all(map(fits_a_key, texts)) else None


def fits_a_key(text: str) -> bool:
    """Whether Kinesis takes it as a partition key, were it to count as Java does: a pair beyond U+FFFF."""
    return text.isascii() or len(text.encode("utf-16-le")) <= 2 * KEY_LENGTH
