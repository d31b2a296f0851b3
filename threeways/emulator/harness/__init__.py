"""A test harness for any Kinesis handler: a stream, the event source mapping and a failure destination."""

from threeways.emulator.harness.destinations import Place
from threeways.emulator.harness.harness import Bench, Options
from threeways.emulator.harness.trace import Invocation

__all__ = ["Bench", "Invocation", "Options", "Place"]
