"""AWS's event source mapping from a stream to Lambda, on one machine: Kinesis, or a DynamoDB table's.

docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, with-ddb.html and the pages below them. `decisions`
and `aws.batch_reply` hold what it decides, without threads or clocks; `reader` and `lane` hold the threads.
"""

from threeways.emulator.mapping.counts import MappingCounts, MappingEvent
from threeways.emulator.mapping.destination import Clients
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.mapping.source import EventSourceMapping
from threeways.emulator.mapping.table_stream import as_kinesis

__all__ = ["Clients", "EventSourceMapping", "MappingCounts", "MappingEvent", "MappingSettings", "as_kinesis"]
