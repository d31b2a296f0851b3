"""Which texts a predictions database can hold: PostgreSQL's have no NUL, and no more than its encoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from threeways.batch import sessions
from threeways.errors import InvalidEvent, PermanentError
from threeways.scoring.task import EventId


@dataclass(frozen=True, slots=True)
class Encoding:
    """codec: Python's name of it. nul: whether a text may have a NUL. at: where an event has its id."""

    codec: str
    nul: bool
    at: str

    def unfit(self, ids: Sequence[EventId]) -> dict[int, PermanentError]:
        """Of n ids that are texts, those that can't be kept, by their position, and why."""
        if self._holds("".join(map(str, ids))):
            return {}
        return {n: self._fault(str(one)) for n, one in enumerate(ids) if not self._holds(str(one))}

    def fitted(self, value: Any) -> Any:
        """Return a value of a row; in a text with escapes for the characters that the encoding lacks."""
        return (
            value.encode(self.codec, "backslashreplace").decode(self.codec) if type(value) is str else value
        )

    def _holds(self, text: str) -> bool:
        try:
            text.encode(self.codec)
        except UnicodeEncodeError:
            return False
        return self.nul or "\0" not in text

    def _fault(self, one: str) -> PermanentError:
        lacking = "NUL" if not self.nul and "\0" in one else f"character beyond {self.codec}"
        return InvalidEvent(f"the predictions database holds no {lacking} in a text - at `{self.at}`")


def of(connection: sa.Connection, at: str) -> Encoding:
    """Return the encoding of the database that a session is in."""
    return Encoding(sessions.codec(connection), nul=connection.dialect.name == "sqlite", at=at)
