"""Tasks with events of many kinds, for the form on the page at `/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from threeways.scoring.decoding import Id
from threeways.scoring.outputs import Value
from threeways.scoring.task import Features, Task, Time


class Plan(Enum):
    """What a customer pays for."""

    BASIC = "basic"
    FULL = "full & more"


class Customer(msgspec.Struct, frozen=True):
    """A flat event, with one field for each kind of control."""

    customer_id: Id
    orders_last_year: Annotated[int, Meta(ge=0, le=1000)]
    average_order: Annotated[float, Meta(ge=0, title="Average order", description="In EUR.")]
    plan: Plan
    region: Literal["north", "south"]
    subscribed: bool
    joined: date
    last_seen: datetime
    called: Annotated[datetime, Meta(tz=True)]
    comment: Annotated[str, Meta(max_length=40)] | None = None
    discount: float | None = None
    visits: int = 7
    opens: time | None = None


class Nothing(msgspec.Struct, frozen=True):
    """A struct without a field."""


class Node(msgspec.Struct, frozen=True):
    """A type within itself."""

    weight: float
    next: Node | None = None


class Circle(msgspec.Struct, frozen=True, tag=True):
    radius: float


class Square(msgspec.Struct, frozen=True, tag=True):
    side: float


class Left(msgspec.Struct, frozen=True, tag=True):
    id: int


class Right(msgspec.Struct, frozen=True, tag=True):
    id: int
    size: float


class Two(msgspec.Struct, frozen=True):
    radius: float
    colour: str | None


class Nested(msgspec.Struct, frozen=True):
    """Structs that may be null, may be left out, or are of one type; a field with a dot in its name."""

    id: int
    two: Two | None
    shape: Circle
    three: Two | None = None
    dotted: float = msgspec.field(name="shape.radius", default=3.0)


class Hostile(msgspec.Struct, frozen=True):
    """What HTML has no control for, and names that it could take for its own."""

    id: Id
    sizes: list[float]
    counts: dict[str, int]
    shape: Circle | Square
    node: Node
    nothing: Nothing
    anything: Any
    either: int | str
    raw: msgspec.Raw
    pair: tuple[int, str]
    choice: Literal[1, "1", ""]
    price: Decimal
    big: int
    blank: str
    null: None
    odd: Annotated[str, Meta(title="<b>Odd</b>")] = msgspec.field(name="a.b c <i>", default="x")
    maybe: Circle | None = None
    empty_or_null: int | None = msgspec.field(default=None)
    unset: int | UnsetType = UNSET
    text: str = ""


HOSTILE = Hostile(
    id="o'hara <1>", sizes=[1.5], counts={"a": 1}, shape=Square(2.0), node=Node(1.0, Node(2.0)),
    nothing=Nothing(), anything={"x": [None]}, either="7", raw=msgspec.Raw(b"[0]"), pair=(1, "</textarea>"),
    choice="1", price=Decimal("1.10"), big=2**63, blank="", null=None, text="two\nlines",
)  # fmt: skip


def first_number(events: Sequence[Any], arrived: Sequence[datetime]) -> Features:
    """Make a block of four columns, whose last one is the event's number."""
    del arrived
    block = np.zeros((len(events), 4))
    block[:, 3] = [getattr(event, "average_order", 1.0) for event in events]
    return Features(block, [("first_order", "VIP")] * len(events))


CUSTOMER = Customer(
    customer_id=7, orders_last_year=12, average_order=30.25, plan=Plan.FULL, region="south", subscribed=True,
    joined=date(2024, 2, 29), last_seen=datetime(2026, 3, 1, 9, 30),  # noqa: DTZ001 - without an offset, as some are
    called=datetime.fromisoformat("2026-03-01T09:30:00+01:00"),
)  # fmt: skip


def task_of(example: Any, name: str = "customer_value", **changed: Any) -> Task[Any]:
    """Return a task on events like this one; `FakeModel` doubles an order."""
    return Task(
        name=name,
        event=changed.pop("event", type(example)),
        example=example,
        columns=("a", "b", "c", "order"),
        features=first_number,
        output=Value("yearly_value", unit="EUR"),
        **changed,
    )


customers = task_of(CUSTOMER, id="customer_id", time=Time("last_seen", "Europe/Berlin"))
hostile = task_of(HOSTILE, name="hostile")
nested = task_of(Nested(1, None, Circle(2.0)), name="nested")
