"""What a run of it is."""

from threeways.local_run.system.declared import System

system = System(
    consumers=("ride_duration", "ride_tip"),
    join="lab_system.both",
    effects=("told", "known"),
    subject="ride",
    explained=lambda message: [f"{message['outcome']} {message['ride_id']}"],
)
