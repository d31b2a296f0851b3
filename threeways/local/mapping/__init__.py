"""AWS's event source mapping from Kinesis to Lambda, on one machine.

docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html and the pages below it. `decisions` and `replies` hold
what it decides, without threads or clocks; `reader` and `lane` hold the threads.
"""

from threeways.local.mapping.counts import MappingCounts, MappingEvent
from threeways.local.mapping.settings import MappingSettings
from threeways.local.mapping.source import EventSourceMapping

__all__ = ["EventSourceMapping", "MappingCounts", "MappingEvent", "MappingSettings"]
