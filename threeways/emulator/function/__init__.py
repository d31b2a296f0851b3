"""AWS Lambda's execution environments on one machine: real processes, cold starts, timeouts and crashes."""

from threeways.emulator.function.in_process import Context, InProcessFunction
from threeways.emulator.function.pool import LocalFunction
from threeways.emulator.function.process import Runtime

__all__ = ["Context", "InProcessFunction", "LocalFunction", "Runtime"]
