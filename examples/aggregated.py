"""Predictions out of a record of the output stream, for a function with AGGREGATE_PREDICTIONS=true.

`pip install aws_kinesis_agg`, or take the records apart with AWS's Kinesis Client Library, which does it by
itself. In a consumer: `for data in deaggregated(record["Data"]): json.loads(data)`.
"""

from __future__ import annotations

from aws_kinesis_agg import DIGEST_SIZE, MAGIC
from aws_kinesis_agg.deaggregator import messages_pb2  # alone, the package does not find its own modules


def deaggregated(data: bytes) -> list[bytes]:
    """The JSON of each prediction in a record's data, in order; a record that is not aggregated has one."""
    if not data.startswith(MAGIC):
        return [data]
    aggregated = messages_pb2.AggregatedRecord.FromString(data[len(MAGIC) : -DIGEST_SIZE])
    return [user.data for user in aggregated.records]
