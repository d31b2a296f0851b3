"""moto's DynamoDB, patched: concurrent conditional writes have one winner, and streams say what happened."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from threeways.aws.clients import isolated
from threeways.emulator.faults import FaultProxy, Script
from threeways.emulator.faults.schedule import Fault, Kind
from threeways.emulator.patches import dynamodb as patch
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

pytestmark = pytest.mark.exhaustive

WRITERS, KEYS = 4, 30
NEW = "attribute_not_exists(id)"
REFUSED = {"ConditionalCheckFailedException", "TransactionCanceledException"}

ROOT = Path(__file__).parents[2]
RACE = """
import sys
from threading import Barrier, BrokenBarrierError, Thread
import boto3
from threeways.emulator import moto_server
if sys.argv[1] == "unmended":
    moto_server.patch_service = lambda service: None
server = moto_server.make_server(shard_limits=False, iterator_seconds=300, give_up=print)
Thread(target=server.serve_forever, daemon=True).start()
client = boto3.client(
    "dynamodb", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1",
    aws_access_key_id="a", aws_secret_access_key="b",
)
won, both_have_checked = [], Barrier(2, timeout=0.5)
def before(call):
    def waiting(*given, **more):
        try:
            both_have_checked.wait()
        except BrokenBarrierError:
            pass  # the other one is not let in meanwhile
        return call(*given, **more)
    return waiting
from moto.dynamodb.models import table
table.get_filter_expression = before(table.get_filter_expression)
client.create_table(
    TableName="t", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
)
def write():
    client.put_item(TableName="t", Item={"id": {"S": "k"}}, ConditionExpression="attribute_not_exists(id)")
def run():
    try:
        write()
        won.append("k")
    except client.exceptions.ClientError:
        pass
threads = [Thread(target=run) for _ in range(2)]
[t.start() for t in threads], [t.join() for t in threads]
print(len(won))
"""


@pytest.fixture
def table(emulator: Emulator) -> str:
    return make_table(emulator)


def make_table(emulator: Emulator, view: str = "NEW_AND_OLD_IMAGES") -> str:
    name = f"table-{uuid.uuid4().hex[:8]}"
    emulator.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return name


def stream_of(emulator: Emulator, table: str) -> str:
    arn: str = emulator.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
    return arn


def shard_of(emulator: Emulator, table: str) -> dict[str, str]:
    arn = stream_of(emulator, table)
    stream = emulator.client("dynamodbstreams").describe_stream(StreamArn=arn)["StreamDescription"]
    return {"StreamArn": arn, "ShardId": stream["Shards"][0]["ShardId"]}


def iterator(emulator: Emulator, table: str, start: str = "TRIM_HORIZON", **more: str) -> str:
    where = {**shard_of(emulator, table), "ShardIteratorType": start, **more}
    found: str = emulator.client("dynamodbstreams").get_shard_iterator(**where)["ShardIterator"]
    return found


def changes(emulator: Emulator, table: str, at: str | None = None) -> list[tuple[str, Any, Any]]:
    """What the stream holds: name, old and new image."""
    found = emulator.client("dynamodbstreams").get_records(ShardIterator=at or iterator(emulator, table))
    parts = [(record["eventName"], record["dynamodb"]) for record in found["Records"]]
    return [(name, part.get("OldImage"), part.get("NewImage")) for name, part in parts]


def race(write: Callable[[str, int], Any]) -> list[tuple[str, int]]:
    """Have each of the writers try each of the keys at once; who was not refused, of (key, writer)."""
    start = Barrier(WRITERS)

    def run(writer: int) -> list[tuple[str, int]]:
        won = []
        for key in map(str, range(KEYS)):
            start.wait()
            try:
                write(key, writer)
            except ClientError as error:
                if error.response["Error"]["Code"] not in REFUSED:
                    raise
            else:
                won.append((key, writer))
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        return [one for won in pool.map(run, range(WRITERS)) for one in won]


WRITES: dict[str, Callable[[Any, str, str, int], Any]] = {
    "put": lambda client, table, key, writer: client.put_item(
        TableName=table, Item={"id": {"S": key}, "by": {"N": str(writer)}}, ConditionExpression=NEW
    ),
    "update": lambda client, table, key, writer: client.update_item(
        TableName=table,
        Key={"id": {"S": key}},
        UpdateExpression="SET #by = :by",
        ConditionExpression="attribute_not_exists(#by)",
        ExpressionAttributeNames={"#by": "by"},
        ExpressionAttributeValues={":by": {"N": str(writer)}},
    ),
    "transaction": lambda client, table, key, writer: client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table, "Item": {"id": {"S": f"{key} by {writer}"}}}},
            {
                "Put": {
                    "TableName": table,
                    "Item": {"id": {"S": key}, "by": {"N": str(writer)}},
                    "ConditionExpression": NEW,
                }
            },
        ]
    ),
}


@pytest.mark.parametrize("kind", WRITES)
def test_of_concurrent_conditional_writes_of_a_key_one_wins_and_is_what_is_stored(
    emulator: Emulator, table: str, kind: str
) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html"""
    client = emulator.client("dynamodb")
    won = race(lambda key, writer: WRITES[kind](client, table, key, writer))
    assert sorted(int(key) for key, _ in won) == list(range(KEYS))
    for key, writer in won:
        assert client.get_item(TableName=table, Key={"id": {"S": key}})["Item"]["by"] == {"N": str(writer)}
    inserted = [new["id"]["S"] for name, _, new in changes(emulator, table) if "by" in new]
    assert sorted(map(int, inserted)) == list(range(KEYS))
    losers = {f"{key} by {writer}" for key in map(str, range(KEYS)) for writer in range(WRITERS)} - {
        f"{key} by {writer}" for key, writer in won
    }
    stored = {item["id"]["S"] for item in client.scan(TableName=table)["Items"]}
    assert not losers & stored, "a cancelled transaction stored nothing"


def test_of_concurrent_conditional_deletes_of_a_key_one_wins(emulator: Emulator, table: str) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html"""
    client = emulator.client("dynamodb")
    for key in range(KEYS):
        client.put_item(TableName=table, Item={"id": {"S": str(key)}})
    condition = "attribute_exists(id)"
    won = race(
        lambda key, _: client.delete_item(
            TableName=table, Key={"id": {"S": key}}, ConditionExpression=condition
        )
    )
    assert sorted(int(key) for key, _ in won) == list(range(KEYS))
    assert [name for name, _, _ in changes(emulator, table)].count("REMOVE") == KEYS


def test_concurrent_increments_all_count(emulator: Emulator, table: str) -> None:
    client = emulator.client("dynamodb")
    add = {"UpdateExpression": "ADD seen :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    race(lambda _, __: client.update_item(TableName=table, Key={"id": {"S": "k"}}, **add))
    assert client.get_item(TableName=table, Key={"id": {"S": "k"}})["Item"]["seen"] == {
        "N": str(WRITERS * KEYS)
    }
    counted = [int(new["seen"]["N"]) for _, _, new in changes(emulator, table)]
    assert counted == list(range(1, 1 + WRITERS * KEYS)), "the stream has each change, in order"


@pytest.mark.parametrize(("moto", "winners"), [("unmended", 2), ("mended", 1)])
def test_where_both_writers_meet_between_check_and_write_one_wins_by_the_mend_alone(
    moto: str, winners: int
) -> None:
    command = [sys.executable, "-c", RACE, moto]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) == winners


def test_an_update_that_creates_an_item_is_one_insert_and_one_without_effect_is_none(
    emulator: Emulator, table: str
) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    client = emulator.client("dynamodb")
    item = {"id": {"S": "k"}, "n": {"N": "1"}}
    for _ in range(2):
        client.update_item(
            TableName=table,
            Key={"id": {"S": "k"}},
            UpdateExpression="SET n = :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )
        client.put_item(TableName=table, Item=item)
    client.delete_item(TableName=table, Key={"id": {"S": "k"}})
    client.delete_item(TableName=table, Key={"id": {"S": "k"}})
    assert changes(emulator, table) == [("INSERT", None, item), ("REMOVE", item, None)]


def test_a_stream_record_keeps_the_image_of_its_time(emulator: Emulator, table: str) -> None:
    client, key = emulator.client("dynamodb"), {"id": {"S": "k"}}
    for name in ("a", "b"):
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="ADD seen :s SET held = :l",
            ExpressionAttributeValues={":s": {"SS": [name]}, ":l": {"L": [{"B": name.encode()}]}},
        )
    first, second = changes(emulator, table)
    assert first == ("INSERT", None, {**key, "seen": {"SS": ["a"]}, "held": {"L": [{"B": b"a"}]}})
    assert second[1] == first[2]
    assert sorted(second[2]["seen"]["SS"]) == ["a", "b"]


def test_an_update_that_fails_half_way_changes_nothing(emulator: Emulator, table: str) -> None:
    client, key = emulator.client("dynamodb"), {"id": {"S": "k"}}
    with pytest.raises(ClientError, match="size"):
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET a = :a, b = :b",
            ExpressionAttributeValues={":a": {"S": "small"}, ":b": {"S": "x" * 410_000}},
        )
    assert "Item" not in client.get_item(TableName=table, Key=key)
    assert not changes(emulator, table)


@pytest.mark.parametrize("key", [{"N": "1"}, {"N": "no number"}, {"S": ""}])
def test_a_key_of_another_type_is_refused_as_moto_does(
    emulator: Emulator, table: str, key: dict[str, str]
) -> None:
    client, put = emulator.client("dynamodb"), {"TableName": table, "Item": {"id": key}}
    for call, given in (
        (client.put_item, put),
        (client.transact_write_items, {"TransactItems": [{"Put": put}]}),
    ):
        with pytest.raises(ClientError) as raised:
            call(**given)
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert not client.scan(TableName=table)["Items"]


def test_a_cancelled_transaction_undoes_all_of_it_and_its_streams_readers_go_on(
    emulator: Emulator, table: str
) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
    client, other = emulator.client("dynamodb"), make_table(emulator)
    client.put_item(TableName=other, Item={"id": {"S": "there"}, "n": {"N": "1"}})
    at = iterator(emulator, other, "LATEST")
    refused = {"Put": {"TableName": table, "Item": {"id": {"S": "k"}}, "ConditionExpression": "id = :x"}}
    refused["Put"]["ExpressionAttributeValues"] = {":x": {"S": "no"}}
    with pytest.raises(ClientError, match="ConditionalCheckFailed") as raised:
        client.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": other, "Key": {"id": {"S": "there"}}}},
                {"Put": {"TableName": other, "Item": {"id": {"S": "new"}}}},
                refused,
            ]
        )
    reasons = [reason["Code"] for reason in raised.value.response["CancellationReasons"]]
    assert reasons == ["None", "None", "ConditionalCheckFailed"]
    assert [item["id"]["S"] for item in client.scan(TableName=other)["Items"]] == ["there"]
    assert not changes(emulator, other, at)
    client.put_item(TableName=other, Item={"id": {"S": "later"}})
    assert [new["id"]["S"] for _, _, new in changes(emulator, other, at)] == ["later"]


def test_a_transaction_sent_again_with_its_token_is_done_once(emulator: Emulator, table: str) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
    client = emulator.client("dynamodb")
    put = {"Put": {"TableName": table, "Item": {"id": {"S": "k"}}, "ConditionExpression": NEW}}
    token = uuid.uuid4().hex
    for _ in range(2):
        client.transact_write_items(TransactItems=[put], ClientRequestToken=token)
    assert len(changes(emulator, table)) == 1
    other = {"Put": {"TableName": table, "Item": {"id": {"S": "other"}}}}
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        client.transact_write_items(TransactItems=[other], ClientRequestToken=token)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        client.transact_write_items(TransactItems=[put])


def test_a_stream_is_read_page_by_page_from_any_position(emulator: Emulator, table: str) -> None:
    client, streams = emulator.client("dynamodb"), emulator.client("dynamodbstreams")
    for number in range(5):
        client.put_item(TableName=table, Item={"id": {"S": str(number)}})
    first = streams.get_records(ShardIterator=iterator(emulator, table), Limit=2)
    second = streams.get_records(ShardIterator=first["NextShardIterator"], Limit=2)
    numbers = [record["dynamodb"]["SequenceNumber"] for record in first["Records"] + second["Records"]]
    assert numbers == sorted(set(numbers), key=int)
    after = iterator(emulator, table, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[3])
    assert [new["id"]["S"] for _, _, new in changes(emulator, table, after)] == ["4"]
    at = iterator(emulator, table, "AT_SEQUENCE_NUMBER", SequenceNumber=numbers[3])
    assert [new["id"]["S"] for _, _, new in changes(emulator, table, at)] == ["3", "4"]
    assert not changes(emulator, table, iterator(emulator, table, "LATEST"))
    with pytest.raises(ClientError, match="Invalid ShardIterator"):
        streams.get_records(ShardIterator="bm9uZQ==")


def test_a_page_of_large_items_ends_at_a_megabyte_and_nothing_is_passed_over(
    emulator: Emulator, table: str
) -> None:
    client, streams = emulator.client("dynamodb"), emulator.client("dynamodbstreams")
    for number in range(4):
        client.put_item(TableName=table, Item={"id": {"S": str(number)}, "x": {"S": "x" * 390_000}})
    at, sizes = iterator(emulator, table), []
    while True:
        page = streams.get_records(ShardIterator=at)
        if not page["Records"]:
            break
        sizes.append(len(page["Records"]))
        at = page["NextShardIterator"]
    assert sizes == [2, 2]


def test_another_dynamodb_is_refused_with_the_version_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "DIGEST", "of another source")
    with pytest.raises(LocalError, match=r"another DynamoDB.*install moto==5\.2\.5"):
        patch.patch()


def test_a_transaction_whose_answer_was_lost_succeeds_when_the_sdk_sends_it_again(
    emulator: Emulator, table: str
) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
    lost = Script(TransactWriteItems=[Fault(Kind.RESET_AFTER)], UpdateItem=[Fault(Kind.THROTTLED)])
    put = {"Put": {"TableName": table, "Item": {"id": {"S": "k"}}, "ConditionExpression": NEW}}
    with FaultProxy(emulator.endpoint_url, lost) as proxy:
        client = isolated(
            "dynamodb",
            region="us-east-1",
            endpoint_url=proxy.endpoint_url,
            key_id="local",
            secret="local",
            retries={"mode": "standard", "total_max_attempts": 3},
        )
        client.transact_write_items(TransactItems=[put])
        client.update_item(
            TableName=table,
            Key={"id": {"S": "k"}},
            UpdateExpression="SET n = :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )
        client.close()
    assert [name for name, _, _ in changes(emulator, table)] == ["INSERT", "MODIFY"]
