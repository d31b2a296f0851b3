"""AWS's event source mappings on one machine: from Kinesis, a DynamoDB table's stream or an SQS queue.

docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, with-ddb.html, with-sqs.html and the pages below them.
Of streams, `decisions` and `aws.batch_reply` hold what is decided, without threads or clocks; `reader` and
`lane` hold the threads.
"""

from threeways.emulator.mapping.counts import MappingCounts, MappingEvent
from threeways.emulator.mapping.destination import Clients
from threeways.emulator.mapping.queue import QueueMapping
from threeways.emulator.mapping.queue_settings import QueueSettings
from threeways.emulator.mapping.read_limits import ReadLimits
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.mapping.source import EventSourceMapping
from threeways.emulator.mapping.table_stream import as_kinesis

__all__ = [
    "Clients",
    "EventSourceMapping",
    "MappingCounts",
    "MappingEvent",
    "MappingSettings",
    "QueueMapping",
    "QueueSettings",
    "ReadLimits",
    "as_kinesis",
]
