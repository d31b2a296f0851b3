"""Ship an order when fraud and stock have said yes: `JOIN=examples.orders_join`. docs/joins.md explains it."""

import msgspec

from threeways.join.join import Decision, Effect, Join


class Order(msgspec.Struct):
    order_id: str
    email: str


class Answer(msgspec.Struct):
    ok: bool


def decide(verdicts, expected, expired):
    if not all(verdict.prediction.ok for verdict in verdicts.values()):
        return Decision("refuse", {"by": [name for name, one in verdicts.items() if not one.prediction.ok]})
    if expected <= verdicts.keys():
        return Decision("ship")
    return Decision("ask a person") if expired else None


join = Join(
    name="orders", subject=Order, example=Order("a-1", "ann@example.com"), id="order_id",
    verdicts={"fraud": Answer, "stock": Answer}, expected=frozenset({"fraud", "stock"}), deadline=30,
    decide=decide, effects=lambda order, decided: [Effect("mail", {"to": order.email, "told": decided.outcome})],
)  # fmt: skip
