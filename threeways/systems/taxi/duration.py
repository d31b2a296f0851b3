"""How long will a taxi ride take? Minutes from pickup to drop-off."""

from threeways.scoring.task import Truth, Value
from threeways.systems.taxi.rides import ride_task

task = ride_task(
    "ride_duration",
    Value("ride_duration", unit="minutes"),
    Truth(column="dropoff_datetime", since=True, least=1, most=60),
    page="threeways.systems.taxi.page",
)
