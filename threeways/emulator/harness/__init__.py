"""A test harness for any Kinesis handler: a stream, the event source mapping and a failure destination."""

from threeways.emulator.harness.destinations import DestinationKind
from threeways.emulator.harness.harness import Harness, Invocation, Options

__all__ = ["Bench", "DestinationKind", "Harness", "Invocation", "Options"]

Bench = Harness
"""The earlier name."""
