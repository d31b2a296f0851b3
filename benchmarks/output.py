"""What both sides put on, in the same process: it acknowledges, at once or after so many seconds a call."""

from __future__ import annotations

import time
from typing import Any


class Output:
    """An output stream and a quarantine. seconds: what a call takes, as a network would make it wait."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.count = 0
        self._seconds = seconds

    def put_record(self, **_: Any) -> dict[str, Any]:
        """One record."""
        self._call(1)
        return {"SequenceNumber": str(self.count), "ShardId": "shardId-000000000000"}

    def put_records(self, *, Records: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        """A call's records, all of them stored."""
        self._call(len(Records))
        answer = {"SequenceNumber": str(self.count), "ShardId": "shardId-000000000000"}
        return {"FailedRecordCount": 0, "Records": [answer] * len(Records)}

    def put_object(self, **_: Any) -> dict[str, Any]:
        """Quarantine's one object of an invocation."""
        self._call(1)
        return {}

    def _call(self, records: int) -> None:
        self.count += records
        if self._seconds:
            time.sleep(self._seconds)
