"""A run of ride durations with their late labels: what `threeways/local_run/labelled` runs."""

from collections.abc import Mapping
from typing import Any

from threeways.local_run.system.declared import Labels, System


def ended(ride_id: Any, minutes: float) -> Mapping[str, Any]:
    """Return the event that says that a ride has ended."""
    return {"event": "ride_ended", "ride_id": ride_id, "duration_minutes": minutes}


system = System(
    consumers=("ride_duration",),
    join="ride_duration_labels",
    effects=("label", "unmatched"),
    subject="ride",
    deadline=20.0,
    variables=lambda _folder, deadline: {"JOIN_DEADLINE": f"{deadline:g}"},
    labels=Labels(event=ended, seconds=lambda minutes: 60 * minutes),
)
