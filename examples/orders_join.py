"""Ship an order when fraud and stock have said yes: JOIN=examples.orders_join, see docs/joins.md."""

import msgspec

from threeways.join.join import Decision, Effect, Join, Verdicts


class Order(msgspec.Struct):
    order_id: str
    email: str


class Answer(msgspec.Struct):
    ok: bool


def decide(verdicts: Verdicts, expected: frozenset[str], expired: bool) -> Decision | None:
    if noes := sorted(name for name, verdict in verdicts.items() if not verdict.prediction.ok):
        return Decision("refuse", {"by": noes})
    if expected <= verdicts.keys():
        return Decision("ship")
    return Decision("ask a person") if expired else None


join = Join(
    name="orders", subject=Order, example=Order("a-1", "ann@example.com"), id="order_id", deadline=30.0,
    verdicts={"fraud": Answer, "stock": Answer}, expected=frozenset({"fraud", "stock"}), decide=decide,
    effects=lambda order, decided: [Effect("mail", {"to": order.email, "told": decided.outcome})],
)  # fmt: skip
