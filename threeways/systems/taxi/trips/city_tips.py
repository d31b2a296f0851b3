"""How the synthetic city's rides are paid, and what their riders tip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.systems.taxi.trips.city_map import Floats
from threeways.systems.taxi.trips.reading import PAYMENT, TIP

_TYPES, _SHARES = (1, 2, 3, 4), (0.66, 0.33, 0.007, 0.003)
"""TLC's payment types: card, cash, no charge, dispute. Source: the trip records' data dictionary,
nyc.gov/assets/tlc/downloads/pdf/data_dictionary_trip_records_green.pdf"""
_FLAG, _A_MILE, _A_MINUTE = 2.5, 2.0, 0.35  # dollars
_NO_TIP = 0.11  # the share of card rides without one
_MEAN, _SPREAD = 0.2, 0.035  # of the others' shares of the fare
_TIPS = 1  # sets this module's draws apart from those of a month's rides, which have the same seed


def draw(miles: Floats, minutes: Floats, seed: Sequence[int]) -> dict[str, NDArray[Any]]:
    """Return payment_type and tip_amount of n rides: a share of the fare on cards, and 0 of cash.

    As in TLC's records, a tip in cash is not recorded. The draws are of a generator of their own.
    """
    random = np.random.default_rng([*seed, _TIPS])
    paid = random.choice(_TYPES, size=len(miles), p=_SHARES)
    fare = (_FLAG + _A_MILE * miles + _A_MINUTE * minutes) * random.lognormal(0, 0.05, len(miles))
    share = np.clip(random.normal(_MEAN, _SPREAD, len(miles)), 0.02, 0.5)
    tips = (paid == 1) & (random.random(len(miles)) >= _NO_TIP)
    return {PAYMENT: paid, TIP: np.where(tips, np.round(fare * share, 2), 0.0)}
