"""A failed batch's records, fetched again from the stream: for failure documents that do not hold them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from threeways.aws.kinesis import ShardReader
from threeways.ops.replay.documents import Batch
from threeways.stream.records import Record, whole_records

GONE = {"InvalidArgumentException", "ResourceNotFoundException"}
"""How GetShardIterator refuses a sequence number, a shard or a stream that is no longer there."""


def fetch(client: Any, batch: Batch) -> list[Record]:
    """Fetch the Kinesis records of the batch that are still on its stream, in order, aggregated ones whole.

    docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html. Raises boto's errors.
    """
    first, last = int(batch.start_sequence_number), int(batch.end_sequence_number)
    start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": batch.start_sequence_number}
    found: list[Record] = []
    try:
        reader = ShardReader(client, batch.shard_id, {"StreamARN": batch.stream_arn}, start)
    except ClientError as error:
        if error.response["Error"]["Code"] in GONE:
            return found
        raise
    for page in reader.pages():  # to the end of the shard, if need be
        records = whole_records(page, batch.shard_id, batch.stream_arn)
        found += [record for record in records if first <= int(record.sequence_number) <= last]
        if records and int(records[-1].sequence_number) >= last:
            break
    return found
