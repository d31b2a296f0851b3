"""A test bench for any Kinesis handler: a stream, the event source mapping and a failure destination."""

from threeways.local.bench.bench import Bench
from threeways.local.bench.places import Place
from threeways.local.bench.trace import Invocation

__all__ = ["Bench", "Invocation", "Place"]
