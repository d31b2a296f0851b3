"""AWS's event source mapping from Kinesis to Lambda, on one machine.

docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html and the pages below it. `decisions` and
`aws.batch_reply` hold what it decides, without threads or clocks; `reader` and `lane` hold the threads.
"""

from threeways.emulator.mapping.counts import MappingCounts, MappingEvent
from threeways.emulator.mapping.destination import Clients
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.mapping.source import EventSourceMapping

__all__ = ["Clients", "EventSourceMapping", "MappingCounts", "MappingEvent", "MappingSettings"]
