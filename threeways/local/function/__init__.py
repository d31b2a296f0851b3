"""AWS Lambda's execution environments on one machine: real processes, cold starts, timeouts and crashes."""

from threeways.local.function.in_process import Context, InProcessFunction
from threeways.local.function.pool import LocalFunction
from threeways.local.function.process import Runtime

__all__ = ["Context", "InProcessFunction", "LocalFunction", "Runtime"]
