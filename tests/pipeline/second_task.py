"""A checkout with further tasks, made as README says: files beside `ride_duration.py`, and a model of one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from threeways.systems.taxi.rides import COLUMNS

ROOT = Path(__file__).parents[2]

TIP = '''
"""Dollars, for the same rides."""
from threeways.scoring import Truth, Value
from threeways.systems.taxi.rides import ride_task

task = ride_task("tip_amount", Value("tip_amount", unit="USD"), Truth(column="tip_amount"))
'''
LONG_RIDES = '''
"""Rides of four miles and more: most events are none of its."""
import dataclasses
from typing import Annotated

import msgspec

from threeways.scoring.decoding import Id
from threeways.systems.taxi import rides
from threeways.systems.taxi.duration import task as duration


class Ride(rides.Ride, frozen=True, gc=False, kw_only=True):
    trip_distance: Annotated[float, msgspec.Meta(ge=4)]


class Event(msgspec.Struct, frozen=True, gc=False):
    ride_id: Id
    ride: Ride


task = dataclasses.replace(duration, name="long_rides", event=Event)
'''
ORDERS = '''
"""Events that are no rides."""
import msgspec
import numpy as np

from threeways.scoring import Features, Task, Value
from threeways.scoring.decoding import Id


class Order(msgspec.Struct, frozen=True):
    order_id: Id
    weight: float


def features(orders, arrived):
    return Features(np.array([[order.weight] for order in orders]), [()] * len(orders))


task = Task(
    name="orders", event=Order, id="order_id", example=Order(1, 2.5), columns=("weight",),
    features=features, output=Value("days"),
)
'''
ASTRAY = '''
"""Events that are no rides, of a task that names the rides' producer."""
import dataclasses

from threeways.systems.taxi import orders
from threeways.systems.taxi.duration import task as duration

task = dataclasses.replace(orders.task, name="astray", producer=duration.producer)
'''


def checkout(folder: Path) -> Path:
    """The project's code with the tasks `tip_amount`, `long_rides` and `orders` in it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "threeways", folder / "threeways", ignore=ignored)
    for name in ("lambda_function.py", "model.py", "web_service.py", "template.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name, code in (
        ("tip_amount", TIP),
        ("long_rides", LONG_RIDES),
        ("orders", ORDERS),
        ("astray", ASTRAY),
    ):
        (folder / "threeways" / "systems" / "taxi" / f"{name}.py").write_text(code)
    return folder


def orders_model(folder: Path) -> Path:
    """A model of `orders`: twice the weight."""
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    weights = np.arange(10.0)[:, None]
    mlflow.sklearn.save_model(
        LinearRegression().fit(weights, 2 * weights[:, 0]),
        str(folder),
        serialization_format="skops",
        pip_requirements=["scikit-learn"],
        metadata={"task": "orders", "features": ["weight"]},
    )
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
