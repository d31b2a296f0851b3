"""How long will a taxi ride take? Minutes from pickup to drop-off."""

from threeways.scoring.outputs import Value
from threeways.scoring.task import Truth
from threeways.systems.taxi.rides import ride_task
from threeways.systems.taxi.slices import LEAST_MINUTES, MOST_MINUTES

TRUTH = Truth(column="dropoff_datetime", since=True, least=LEAST_MINUTES, most=MOST_MINUTES)

task = ride_task(
    "ride_duration",
    Value("ride_duration", unit="minutes"),
    TRUTH,
    page="threeways.systems.taxi.page",
    life="threeways.systems.taxi.life",
)
