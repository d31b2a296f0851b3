"""Inject faults between a function and AWS with a proxy, on a schedule."""

from threeways.emulator.faults.proxy import FaultProxy
from threeways.emulator.faults.schedule import Fault, Kind, Rates, Schedule, Script

__all__ = ["Fault", "FaultProxy", "Kind", "Rates", "Schedule", "Script"]
