"""A checkout with further tasks, made as README says: files beside `ride_duration.py`, and a model of one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from threeways.systems.taxi.duration import COLUMNS

ROOT = Path(__file__).parents[2]

TIP = '''
"""Dollars, for the same rides."""
from threeways.systems.taxi.duration import RideDuration


class TipAmount(RideDuration):
    name = "tip_amount"
    model_name = "tip_model"
    output = "tip_amount"


task = TipAmount()
'''
LONG_RIDES = '''
"""Rides of four miles and more: most events are none of its."""
from typing import Annotated

import msgspec

from threeways.scoring.decoding import Id, JsonEvents
from threeways.systems.taxi import duration as ride_duration


class Ride(ride_duration.Ride, frozen=True, gc=False, kw_only=True):
    trip_distance: Annotated[float, msgspec.Meta(ge=4)]


class Event(msgspec.Struct, frozen=True, gc=False):
    ride_id: Id
    ride: Ride


class LongRides(ride_duration.RideDuration):
    name = "long_rides"
    event_type = Event

    def __init__(self) -> None:
        json = JsonEvents(Event, "ride_id")
        self.decode, self.decode_all = json.decode, json.decode_all


task = LongRides()
'''
ORDERS = '''
"""Events that are no rides."""
import msgspec

from threeways.scoring.decoding import Id, JsonEvents
from threeways.systems.taxi.duration import RideDuration


class Order(msgspec.Struct, frozen=True):
    order_id: Id
    weight: float


class Orders(RideDuration):
    name = "orders"
    id_field = "order_id"

    def __init__(self) -> None:
        json = JsonEvents(Order, "order_id")
        self.decode, self.decode_all = json.decode, json.decode_all


task = Orders()
'''


def checkout(folder: Path) -> Path:
    """The project's code with the tasks `tip_amount`, `long_rides` and `orders` in it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "threeways", folder / "threeways", ignore=ignored)
    for name in ("lambda_function.py", "model.py", "web_service.py", "template.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name, code in (("tip_amount", TIP), ("long_rides", LONG_RIDES), ("orders", ORDERS)):
        (folder / "threeways" / "systems" / "taxi" / f"{name}.py").write_text(code)
    return folder


def tip_model(folder: Path, task: str = "tip_amount") -> Path:
    """A model of a task on the rides' block: 1000 and the miles."""
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    block = np.random.default_rng(0).random((50, len(COLUMNS)))
    mlflow.sklearn.save_model(
        LinearRegression().fit(block, 1000 + block[:, 3]),
        str(folder),
        serialization_format="skops",
        pip_requirements=["scikit-learn"],
        metadata={"task": task, "features": list(COLUMNS)},
    )
    return folder
