"""What a run of the rides is: their duration, without a join."""

from threeways.local_run.system.declared import System

system = System(consumers=("ride_duration",), count=20_000)
