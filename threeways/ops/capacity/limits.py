"""AWS's limits that bound a deployment, each with its page.

Kinesis: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
Lambda: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

SHARD_RECORDS = 1_000
"""Records a second into a shard."""
SHARD_BYTES = 2**20
"""Bytes a second into a shard, partition keys included."""
SHARD_READ_BYTES = 2 * 2**20
"""Bytes a second out of a shard by `GetRecords`, for all its consumers together."""
SHARD_CALLS = 5
"""`GetRecords` a second of a shard, for all its consumers together."""
FAN_OUT_CONSUMERS = 20
"""Registered consumers of a stream; 50 in On-demand Advantage."""
CALL_RECORDS = 10_000
"""Records in one `GetRecords`, which Lambda calls for each shard once a second.
docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
PAYLOAD_BYTES = 6 * 10**6
"""An invocation's payload, records in base64."""
BATCH = 10_000
"""The maximum of `BatchSize`. docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
PARALLELIZATION = 10
"""The maximum of concurrent batches of a shard (the same page)."""
CONCURRENCY = 1_000
"""An account's concurrent invocations in a region, by default; it can be raised to tens of thousands."""
ACCOUNT_SHARDS = 20_000
"""An account's provisioned shards by default, in us-east-1; in most regions 1,000 or 6,000."""
STREAM_SHARDS = 10_000
"""The maximum of `ShardCount` in template.yaml: the default limit of `UpdateShardCount`.
docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html"""
VCPU_MB = 1_769
"""The memory with which a function has the equivalent of one processor; with less, it has a share.
docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
MIN_MB, MAX_MB = 512, 10_240
"""The range of template.yaml's `MemorySize` in MB; Lambda's own minimum is 128."""
RECORD_AGE_SECONDS = 21_600
"""template.yaml's MaximumRecordAgeInSeconds: older records go to the failure destination."""
PARTITION_WRITES = 1_000
"""Write units a second of a partition of a DynamoDB table or index, and so of one key.
docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""
TABLE_FIRST_WRITES = 4_000
"""Write units a second that a new on-demand table takes at once.
docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"""
TABLE_WRITES = 40_000
"""Write units a second of a table, by default.
docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"""
IN_FLIGHT = 120_000
"""Messages of a standard queue that are received and not deleted yet.
docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
