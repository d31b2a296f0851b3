"""How much will the rider tip? Dollars, for rides paid by card: tips in cash are not recorded."""

from threeways.scoring.outputs import Value
from threeways.scoring.task import Truth
from threeways.systems.taxi.rides import ride_task

task = ride_task(
    "ride_tip",
    Value("tip", unit="USD"),
    Truth(column="tip_amount", least=0, most=50, where={"payment_type": 1}),
)
