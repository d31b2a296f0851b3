"""AWS's limits as far as they bound a deployment, each with its page.

Kinesis: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
Lambda: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

SHARD_RECORDS = 1_000
"""Records a second that a shard takes."""
SHARD_BYTES = 2**20
"""Bytes a second that a shard takes, partition keys included."""
SHARD_READ_BYTES = 2 * 2**20
"""Bytes a second that `GetRecords` gives of a shard, to all its consumers together."""
CALL_RECORDS = 10_000
"""Records in one `GetRecords`, which Lambda asks of each shard once a second.
docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
PAYLOAD_BYTES = 6 * 10**6
"""An invocation's payload, records in base64."""
BATCH = 10_000
"""The most that `BatchSize` may be. docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
PARALLELIZATION = 10
"""The most batches of a shard at once (the same page)."""
CONCURRENCY = 1_000
"""An account's concurrent invocations in a region, by default; it can be raised to tens of thousands."""
ACCOUNT_SHARDS = 20_000
"""An account's provisioned shards by default, in us-east-1; in most regions 1,000 or 6,000."""
STREAM_SHARDS = 10_000
"""The most that `ShardCount` in template.yaml may be: what `UpdateShardCount` goes up to by default.
docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html"""
VCPU_MB = 1_769
"""A function with so much memory has the equivalent of one processor; with less, a share of it.
docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
LEAST_MB, MOST_MB = 512, 10_240
"""Memory, in MB, that template.yaml's `MemorySize` lets through; Lambda itself begins at 128."""
RECORD_AGE_SECONDS = 21_600
"""template.yaml's MaximumRecordAgeInSeconds: what is older goes to the failure destination."""
