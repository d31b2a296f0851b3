"""DynamoDB without botocore's client: the same answers and errors, on the emulator."""

from __future__ import annotations

import socket
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError

from threeways.aws import clients, dynamodb
from threeways.aws.calls import is_fatal
from threeways.aws.dynamodb import Connections, Dynamo, Signer
from threeways.emulator.server import Emulator

SECONDS: dict[str, Any] = {"connect_timeout": 2, "read_timeout": 2, "retries": {"total_max_attempts": 1}}
URL = "https://dynamodb.eu-west-1.amazonaws.com"


@pytest.fixture
def table(emulator: Emulator) -> str:
    name = f"lean-{uuid.uuid4().hex[:8]}"
    emulator.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def dynamo(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    return dynamodb.client(clients.core_session(), **SECONDS)


def update(table: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": table,
        "Key": {"key": {"S": "ключ"}},
        "UpdateExpression": "SET #a=:a",
        "ExpressionAttributeNames": {"#a": "a"},
        "ExpressionAttributeValues": {":a": {"S": "b"}},
        **more,
    }


def test_answers_are_those_of_botocores_client(emulator: Emulator, table: str, dynamo: Any) -> None:
    plain = emulator.client("dynamodb")
    assert isinstance(dynamo, Dynamo)
    asked = update(table, ReturnValues="ALL_NEW")
    assert dynamo.update_item(**asked)["Attributes"] == plain.update_item(**asked)["Attributes"]
    read = {"TableName": table, "Key": {"key": {"S": "ключ"}}, "ConsistentRead": True}
    assert dynamo.get_item(**read)["Item"] == plain.get_item(**read)["Item"]
    found = {
        "TableName": table, "KeyConditionExpression": "#k=:k",
        "ExpressionAttributeNames": {"#k": "key"}, "ExpressionAttributeValues": {":k": {"S": "ключ"}},
    }  # fmt: skip
    assert dynamo.query(**found)["Items"] == plain.query(**found)["Items"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ConditionExpression": "attribute_not_exists(#a)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
        {"TableName": "no-such-table"},
        {"UpdateExpression": "nonsense"},
    ],
)
def test_errors_are_those_of_botocores_client(
    emulator: Emulator, table: str, dynamo: Any, wrong: dict[str, Any]
) -> None:
    plain = emulator.client("dynamodb")
    plain.update_item(**update(table))
    with pytest.raises(ClientError) as ours:
        dynamo.update_item(**update(table) | wrong)
    with pytest.raises(ClientError) as theirs:
        plain.update_item(**update(table) | wrong)
    assert ours.value.response["Error"] == theirs.value.response["Error"]
    assert ours.value.response.get("Item") == theirs.value.response.get("Item")
    assert str(ours.value) == str(theirs.value).replace(" (reached max retries: 0)", "")


@pytest.mark.parametrize("token", [None, "a-token/=="])
def test_signatures_are_botocores(token: str | None) -> None:
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    body = '{"TableName":"ü"}'.encode()
    head, sent = (
        Signer(URL, "eu-west-1", credentials).signed("GetItem", body, 1_800_000_000).split(b"\r\n\r\n")
    )
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
    assert sent == body
    request = AWSRequest("POST", URL + "/", headers={}, data=body)
    for name in ("content-type", "x-amz-target"):
        request.headers[name] = headers[name]
    auth = SigV4Auth(credentials, "dynamodb", "eu-west-1")
    request.context["timestamp"] = headers["x-amz-date"]
    request.headers["x-amz-date"] = headers["x-amz-date"]
    if token:
        request.headers["x-amz-security-token"] = token
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert headers["authorization"].endswith(f"Signature={signature}")


def test_without_credentials_it_says_so() -> None:
    signer = Signer(URL, "eu-west-1", None)
    with pytest.raises(NoCredentialsError):
        Dynamo(Connections("http://127.0.0.1:9", None, 1, 1), signer).get_item(TableName="t")


def test_where_a_proxy_leads_there_botocores_client_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://dynamodb.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert not isinstance(dynamodb.client(clients.core_session(), **SECONDS), Dynamo)


def answer_of(body: bytes, *more: str, status: str = "200 OK") -> bytes:
    headers = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more])
    return headers.encode() + b"\r\n\r\n" + body


@pytest.fixture
def server() -> Iterator[Callable[[list[list[bytes]]], tuple[Dynamo, list[int]]]]:
    """A server whose connections, in turn, give these answers and then close."""
    listening = socket.create_server(("127.0.0.1", 0))
    accepted: list[int] = []

    def serve(connections: list[list[bytes]]) -> None:
        for answers in connections:
            connection, _ = listening.accept()
            accepted.append(len(answers))
            for answer in answers:
                connection.recv(65_536)
                connection.sendall(answer)
            connection.close()

    def start(connections: list[list[bytes]]) -> tuple[Dynamo, list[int]]:
        threading.Thread(target=serve, args=(connections,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        signer = Signer(url, "us-east-1", Credentials("a", "b"))
        return Dynamo(Connections(url, None, 2, 2), signer), accepted

    yield start
    listening.close()


def test_a_connection_is_used_again_and_not_once_the_other_side_has_closed_it(server: Any) -> None:
    dynamo, accepted = server([[answer_of(b'{"a":1}')] * 3, [answer_of(b'{"a":2}')]])
    assert [dynamo.get_item()["a"] for _ in range(3)] == [1, 1, 1]
    threading.Event().wait(0.1)  # the server closes
    assert dynamo.get_item() == {"a": 2}
    assert accepted == [3, 1]


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "IDLE_SECONDS", 0.0)
    dynamo, accepted = server([[answer_of(b'{"a":1}')], [answer_of(b'{"a":2}')]])
    assert [dynamo.get_item()["a"] for _ in range(2)] == [1, 2]
    assert accepted == [1, 1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answer_of(b'{"a":1}', f"x-amz-crc32: {zlib.crc32(b'{}')}"), "checksum"),
        (answer_of(b"<html>"), "no JSON"),
        (b"nonsense\r\n\r\n", "no HTTP"),
        (answer_of(b'{"a":1}')[:-2], "no HTTP"),
        (b"", "closed|reset"),
    ],
)
def test_an_answer_that_is_none_may_pass(server: Any, answer: bytes, said: str) -> None:
    dynamo, _ = server([[answer]])
    with pytest.raises(OSError, match=f"(?i){said}") as found:
        dynamo.get_item()
    assert not is_fatal(found.value)


def test_an_error_of_a_load_balancer_may_pass(server: Any) -> None:
    dynamo, _ = server([[answer_of(b"<html>busy", status="503 Service Unavailable")]])
    with pytest.raises(ClientError, match="503") as found:
        dynamo.get_item()
    assert not is_fatal(found.value)


def test_a_server_that_never_answers_is_waited_for_no_longer_than_was_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        slow = Dynamo(Connections(url, None, 1, 0.2), Signer(url, "us-east-1", Credentials("a", "b")))
        with pytest.raises(TimeoutError):
            slow.get_item()


def test_it_is_found_as_the_aws_cli_finds_it(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    made = dynamodb.client(clients.core_session(), **SECONDS)
    assert isinstance(made, Dynamo)
    request = made._signer.signed("Query", b"{}", 0)
    expected = boto3.client("dynamodb").meta.endpoint_url.removeprefix("https://")
    assert f"host: {expected}\r\n".encode() in request
