"""A test harness for any Kinesis handler: a stream, the event source mapping and a failure destination."""

from threeways.emulator.harness.destinations import DestinationKind
from threeways.emulator.harness.harness import Bench, Options
from threeways.emulator.harness.trace import Invocation

__all__ = ["Bench", "DestinationKind", "Invocation", "Options"]
