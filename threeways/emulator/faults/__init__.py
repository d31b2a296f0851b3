"""Inject faults between a function and AWS with a proxy, on a schedule."""

from threeways.emulator.faults.fault import Fault, Kind
from threeways.emulator.faults.proxy import FaultProxy
from threeways.emulator.faults.schedule import Rates, Schedule, Script

__all__ = ["Fault", "FaultProxy", "Kind", "Rates", "Schedule", "Script"]
