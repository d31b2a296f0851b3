"""Faults between a function and the AWS that it calls: a proxy that breaks calls, on a schedule."""

from threeways.local.faults.door import Door
from threeways.local.faults.fault import Fault, Kind
from threeways.local.faults.schedule import Rates, Schedule, Script

__all__ = ["Door", "Fault", "Kind", "Rates", "Schedule", "Script"]
