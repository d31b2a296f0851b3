"""A test harness for any handler: a source of events, the event source mapping and a failure destination."""

from threeways.emulator.harness.destinations import DestinationKind
from threeways.emulator.harness.harness import Harness, Invocation
from threeways.emulator.harness.options import Options

__all__ = ["Bench", "DestinationKind", "Harness", "Invocation", "Options"]

Bench = Harness
"""The earlier name."""
