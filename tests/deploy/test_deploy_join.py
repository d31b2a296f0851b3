"""`make deploy JOIN=`: from nothing to the stack of a join, onto the streams of the stacks that are there."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deploy_lab import Lab, client

from threeways.errors import DeploymentFailed, SettingsError, UsageError
from threeways.join import finding
from threeways.join.join import Join, decision_id
from threeways.join.policies import packed
from threeways.ops.deploy import join_plan, join_smoke_test, package
from threeways.ops.deploy.smoke_test import Example
from threeways.ops.deploy.stack import Stack
from threeways.ops.doctor import awaited
from threeways.ops.doctor.check import examine
from threeways.ops.doctor.deployed import fetch

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]

JOIN = """
import msgspec
from threeways.join.join import Decision, Effect, Join

class Order(msgspec.Struct):
    id: str
    item: str

class Seen(msgspec.Struct):
    id: str
    score: float

join: Join[Order] = Join(
    name="orders", subject=Order, example=Order("1", "book"), verdicts={"stock": Seen, "fraud": Seen},
    expected=frozenset({"stock", "fraud"}), deadline=3600.0, rules="r1",
    decide=lambda found, expected, expired: Decision("ship") if expired or found.keys() >= expected else None,
    effects=lambda order, decided: (Effect("decision", {"outcome": decided.outcome}),),
)
"""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("own")
    (folder / "shop_own").mkdir()
    (folder / "shop_own" / "orders.py").write_text(JOIN)
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(folder)
    yield "shop_own.orders"
    patch.undo()


POLICED = (
    JOIN.partition("join:")[0]
    + """
import os

def by(text):
    return Join(
        name="policed", subject=Order, example=Order("1", "book"), deadline=60.0, rules="r-" + text,
        verdicts={name: Seen for name in ("stock", "fraud")}, expected=frozenset({text or "stock"}),
        decide=lambda found, expected, expired: Decision("ship") if expired else None,
        effects=lambda order, decided: (Effect("decision", {}),), policy=text, of_policy=by,
    )

join = by(os.environ.get("SHOP_POLICY", ""))
"""
)


@pytest.fixture
def policed(orders: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Name the file's policy of the join shop_own.policed, as another `make` does."""
    package = Path(str(importlib.import_module("shop_own.orders").__file__)).parent
    (package / "policed.py").write_text(POLICED)

    def named(text: str) -> None:
        monkeypatch.setenv("SHOP_POLICY", text)
        sys.modules.pop("shop_own.policed", None)

    return named


@pytest.fixture
def shop(lab: Lab, orders: str) -> Lab:
    """An account with a stream of events and one of verdicts."""
    for name in ("orders", "seen"):
        client("kinesis").create_stream(StreamName=name, ShardCount=1)
    return lab


def arn(name: str) -> str:
    return f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}"


def deployed(lab: Lab, **options: Any) -> Stack:
    given = {"stack": "shop", "join": "shop_own.orders", "event": False} | options
    return lab.deploy(**given)


def test_a_join_is_deployed_onto_the_streams_that_are_named(shop: Lab) -> None:
    stack = deployed(shop, events_from="orders", verdicts_from=arn("seen"))
    assert shop.tools.done == ["require", "build", "prove", "push", "deploy"]
    assert shop.tools.targets == ["join"]
    assert (stack.outputs["EventsStreamArn"], stack.outputs["VerdictsStreamArn"]) == (
        arn("orders"),
        arn("seen"),
    )
    assert sorted(client("kinesis").list_streams()["StreamNames"]) == ["orders", "seen", "shop-decisions"]
    mappings = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    read = sorted(mapping["EventSourceArn"].split(":", 5)[5].partition("/stream/")[0] for mapping in mappings)
    assert read[1:] == ["stream/orders", "stream/seen", f"table/{stack.outputs['TableName']}"]
    variables = shop.variables("shop")
    assert variables["JOIN"] == "shop_own.orders"
    assert variables["JOIN_TABLE_NAME"] == stack.outputs["TableName"]
    assert variables["DECISIONS_STREAM_NAME"] == "shop-decisions"
    assert variables["JOIN_QUEUE_URL"].endswith(read[0])
    images = {
        function["ImageUri"] for function in map(_properties, package.functions(shop.tools.templates[-1]))
    }
    assert len(images) == 1
    assert not shop.answers_file.exists(), "which has the answers of a consumer"
    said = " ".join(shop.said.getvalue().split())
    assert "join orders, within 3600 s, by the rules r1" in said
    assert "NOT FOUND: a consumer of these events that is called fraud, stock" in said


def _properties(function: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = function["Properties"]
    return properties


@pytest.mark.exhaustive
def test_without_streams_it_makes_its_own_and_says_where_verdicts_go(shop: Lab) -> None:
    stack = deployed(shop)
    made = {"shop-events", "shop-verdicts", "shop-decisions"}
    assert made <= set(client("kinesis").list_streams()["StreamNames"])
    assert f"PARAMETERS=OutputStreamArn={stack.outputs['VerdictsStreamArn']}" in shop.said.getvalue()
    again = deployed(shop, parameters="BatchSize=7")
    assert again.outputs["EventsStreamArn"] == stack.outputs["EventsStreamArn"]
    sizes = [
        one.get("BatchSize") for one in client("lambda").list_event_source_mappings()["EventSourceMappings"]
    ]
    assert sizes.count(7) == 2
    assert examine(fetch("shop", client), "shop") == []
    with pytest.raises(UsageError, match=r"the stack shop reads .*/shop-events, and not .*/orders of orders"):
        deployed(shop, events_from="orders")


@pytest.mark.exhaustive
def test_another_stack_is_named_for_its_streams_and_its_consumers_are_found(shop: Lab) -> None:
    shop.deploy(parameters="InputStreamName=bought OutputStreamName=stock Task=ride_duration")
    name = shop.function()
    variables = {name: str(value) for name, value in shop.variables().items()} | {"TASK": "my_package.stock"}
    client("lambda").update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    stack = deployed(shop, stack=None, events_from="rides", verdicts_from="rides")
    assert stack.name == "rides-orders"
    assert stack.outputs["EventsStreamArn"] == arn("bought")
    assert stack.outputs["VerdictsStreamArn"] == arn("stock")
    assert "NOT FOUND: a consumer of these events that is called fraud:" in shop.said.getvalue()
    assert shop.answers_file.read_text().count('stack_name = "rides"') == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"join": "nothing"}, "JOIN='nothing' is not a join here"),
        ({"stack": None}, "JOIN=shop_own.orders is a stack of its own: name it, STACK="),
        ({"model": "models:/m@prod", "task": "ride_tip"}, "MODEL, TASK and JOIN=.*a join has no model"),
        ({"events_from": "nowhere"}, "EVENTS_FROM=nowhere: there is no such stack and no such stream"),
        ({"events_from": "shop"}, "EVENTS_FROM=shop is the stack that is deployed"),
        ({"events_from": "orders", "verdicts_from": "orders"}, "would be both the events and the verdicts"),
        (
            {"verdicts_from": "arn:aws:kinesis:eu-west-1:123456789012:stream/far"},
            "VerdictsStreamArn=.*far is in eu-west-1, the stack in us-east-1",
        ),
        ({"parameters": "Join=other"}, "JOIN=shop_own.orders and PARAMETERS=Join=other differ"),
        ({"parameters": "BatchSize=0"}, "BatchSize=0: give 1 to 10000"),
        ({"parameters": "Labels=true"}, "Labels=true: JOIN=shop_own.orders observes no labels; leave it out"),
        (
            {"join": "ride_duration_labels", "parameters": "Labels=false"},
            "Labels=false: JOIN=ride_duration_labels needs the stream of its labels",
        ),
        (
            {
                "join": "ride_duration_labels",
                "events_from": "orders",
                "parameters": f"LabelsStreamArn={arn('orders')}",
            },
            "the labels' stream and another one of the join's: labels have a stream of their own",
        ),
        ({"join": None, "verdicts_from": "seen"}, "VERDICTS_FROM=seen is for a join: say which, JOIN="),
    ],
)  # fmt: skip
def test_what_cannot_be_deployed_is_refused_before_anything_is_touched(
    shop: Lab, options: dict[str, Any], said: str
) -> None:
    with pytest.raises((UsageError, SettingsError), match=said):
        deployed(shop, **options)
    assert shop.tools.done == ["require"]
    assert sorted(client("kinesis").list_streams()["StreamNames"]) == ["orders", "seen"]


def test_a_join_of_labels_is_deployed_with_the_stream_that_they_come_on(shop: Lab) -> None:
    stack = deployed(shop, join="ride_duration_labels", events_from="orders", verdicts_from="seen")
    assert stack.parameters["Labels"] == "true"
    assert stack.outputs["LabelsStreamName"] == "shop-labels"
    said = shop.said.getvalue()
    assert "labels    shop-labels, of ride_ended" in said
    assert f"verdicts  {arn('seen')}, of ride_duration_prediction_model" in said


@pytest.mark.exhaustive
def test_a_stream_that_keeps_records_for_longer_than_decisions_are_kept_is_refused(shop: Lab) -> None:
    """An event that comes again would open its key again."""
    kinesis = client("kinesis")
    kinesis.increase_stream_retention_period(StreamName="seen", RetentionPeriodHours=30 * 24)
    with pytest.raises(
        UsageError, match=r"the stream seen keeps records for 30 days, and the join orders .* 30:"
    ):
        deployed(shop, verdicts_from="seen")
    kinesis.decrease_stream_retention_period(StreamName="seen", RetentionPeriodHours=29 * 24)
    deployed(shop, verdicts_from="seen")


@pytest.mark.exhaustive
def test_a_consumer_s_stack_and_a_foreign_stream_are_not_taken_over(shop: Lab) -> None:
    shop.deploy()
    with pytest.raises(UsageError, match="the stack rides is there, and is no join"):
        deployed(shop, stack="rides", events_from="orders")
    client("kinesis").create_stream(StreamName="shop-decisions", ShardCount=1)
    with pytest.raises(UsageError, match="there is a stream shop-decisions already"):
        deployed(shop)
    client("kinesis").delete_stream(StreamName="shop-decisions")
    deployed(shop)
    with pytest.raises(UsageError, match="the stack shop is a join"):
        shop.deploy(stack="shop")


def policies(lab: Lab) -> set[str]:
    """The policy of each of the stack's functions."""
    functions = client("lambda").list_functions()["Functions"]
    return {
        one["Environment"]["Variables"]["JOIN_POLICY"]
        for one in functions
        if "JOIN" in one["Environment"]["Variables"]
    }


def test_another_policy_is_deployed_kept_gone_back_to_and_taken_away(
    shop: Lab, policed: Callable[[str], None]
) -> None:
    given = {"join": "shop_own.policed", "events_from": "orders", "verdicts_from": "seen"}
    policed("fraud")
    deployed(shop, **given)
    assert policies(shop) == {packed("fraud")}
    assert "by the rules r-fraud" in shop.said.getvalue()
    [found] = awaited.missing("shop", client)
    assert "expects verdicts of fraud," in found.what, "by the policy that is deployed, not by the one here"

    policed("")  # a machine that has no file of it
    deployed(shop, **given, parameters="BatchSize=7")
    assert policies(shop) == {packed("fraud")}
    assert "change Policy" not in shop.said.getvalue()

    policed("stock")
    deployed(shop, **given)
    assert policies(shop) == {packed("stock")}
    assert "change Policy: r-fraud -> r-stock" in shop.said.getvalue()
    shop.rollback(stack="shop")
    assert policies(shop) == {packed("fraud")}

    with pytest.raises(UsageError, match="asks for the image's policy, and a file of one's own is named"):
        deployed(shop, **given, parameters="Policy=")
    policed("")
    with pytest.raises(
        UsageError, match="takes what is packed here: leave it out and name the policy's file"
    ):
        deployed(shop, **given, parameters=f"Policy={packed('stock')}")
    deployed(shop, **given, parameters="Policy=")
    assert policies(shop) == {""}
    assert "change Policy: r-fraud -> the image's" in shop.said.getvalue()


@pytest.mark.exhaustive
def test_rollback_goes_back_to_the_image_and_parameters_before(shop: Lab) -> None:
    first = deployed(shop, parameters="MemorySize=512")
    shop.tools.layers = "two"
    second = deployed(shop, parameters="MemorySize=2048")
    assert package.image_of(first.template) != package.image_of(second.template)
    back = shop.rollback(stack="shop")
    assert package.image_of(back.template) == package.image_of(first.template)
    assert back.parameters["MemorySize"] == "512"
    assert "Back: shop with join orders" in shop.said.getvalue()


@pytest.mark.exhaustive
def test_destroy_names_the_table_that_stays(shop: Lab) -> None:
    stack = deployed(shop)
    shop.destroy("shop", stack="shop")
    said = shop.said.getvalue()
    assert f"  DynamoDB::Table: {stack.outputs['TableName']}" in said.partition("and stays")[2]
    assert said.partition("and stays")[2].count("  s3://") == 3


def test_an_event_is_awaited_until_it_is_decided_and_nobody_s_verdict_is_invented(
    shop: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = deployed(shop, events_from="orders", verdicts_from="seen")
    join = finding.find("shop_own.orders")
    of = join_plan.example_of(join)
    assert of
    asked = Asked(monkeypatch, stack, shop)
    with pytest.raises(DeploymentFailed, match=r"has not taken the event after 0 s.*Joiner.*make rollback"):
        asked.through(join, of)
    [record] = _records("orders")
    assert json.loads(record["Data"]) == {"id": "deploy-check-1", "item": "book"}
    assert _records("seen") == [], "a verdict of nobody's"
    asked.has(due=4e9, **{"v#stock": "{}"})
    asked.through(join, of)
    assert "It was taken, and waits for fraud: decided at" in asked.said()
    asked.has(due=1.0)
    with pytest.raises(DeploymentFailed, match=r"undecided past its deadline: do Expirer and Sweeper fail"):
        asked.through(join, of)
    asked.has(due=1.0, revision="1")
    with pytest.raises(DeploymentFailed, match=r"decided, and after 0 s no message .* does Publisher fail"):
        asked.through(join, of)
    message = {
        "message": "decision",
        "decision": decision_id("orders", "deploy-check-1", 1),
        "outcome": "ship",
    }
    for data in (b"junk", b'{"decision": "another"}', json.dumps(message).encode()):
        client("kinesis").put_record(StreamName="shop-decisions", Data=data, PartitionKey="k")
    asked.through(join, of)
    assert "It was decided: {'message': 'decision'" in asked.said()


@pytest.mark.exhaustive
def test_a_paused_join_gets_no_event(shop: Lab) -> None:
    deployed(shop, parameters="Consume=false", event=True)
    assert "The join is paused (Consume=false): no event was sent" in " ".join(shop.said.getvalue().split())
    assert _records("shop-events") == []


class Asked:
    """The test of a deployed join, with an event whose id is known."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stack: Stack, lab: Lab) -> None:
        data = json.dumps({"id": "deploy-check-1", "item": "book"}).encode()
        monkeypatch.setattr(join_smoke_test, "example", lambda of: ("deploy-check-1", data))
        self._stack, self._lab = stack, lab

    def has(self, due: float, **more: str) -> None:
        """The item that the table has."""
        item = {"key": {"S": '"deploy-check-1"'}, "due": {"N": str(due)}} | {
            name: {"S": text} for name, text in more.items()
        }
        client("dynamodb").put_item(TableName=self._stack.outputs["TableName"], Item=item)

    def through(self, join: Join[Any], of: Example) -> None:
        join_smoke_test.through(self._stack, join, of, client, self._lab.console, patience=0.1, look=0.0)

    def said(self) -> str:
        return " ".join(self._lab.said.getvalue().split())


def _records(stream: str) -> list[dict[str, Any]]:
    kinesis = client("kinesis")
    [shard] = kinesis.list_shards(StreamName=stream)["Shards"]
    start = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(**start)["ShardIterator"]
    records: list[dict[str, Any]] = kinesis.get_records(ShardIterator=iterator)["Records"]
    return records
