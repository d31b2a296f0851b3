"""moto's S3, patched: docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from threeways.emulator.patches import s3 as patch
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

WRITERS, KEYS = 4, 30

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
    "s3", endpoint_url=f"http://127.0.0.1:{server.server_port}", region_name="us-east-1",
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
from moto.s3.models import S3Backend
client.create_bucket(Bucket="bucket")
S3Backend.put_object = before(S3Backend.put_object)
def write():
    client.put_object(Bucket="bucket", Key="k", Body=b"x", IfNoneMatch="*")
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
def bucket(emulator: Emulator) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    emulator.client("s3").create_bucket(Bucket=name)
    return name


def refusal(call: Callable[..., Any], **given: Any) -> tuple[int, str]:
    """The status and code with which a call is refused."""
    with pytest.raises(ClientError) as raised:
        call(**given)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def race(write: Callable[[str, bytes], Any]) -> dict[str, list[bytes]]:
    """Have each of the writers try each of the keys at once; the bodies that were not refused, by key."""
    start = Barrier(WRITERS)

    def run(writer: int) -> list[tuple[str, bytes]]:
        won = []
        for key in map(str, range(KEYS)):
            start.wait()
            try:
                write(key, f"{writer}".encode())
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                    raise
            else:
                won.append((key, f"{writer}".encode()))
        return won

    found: dict[str, list[bytes]] = {}
    with ThreadPoolExecutor(WRITERS) as pool:
        for won in pool.map(run, range(WRITERS)):
            for key, body in won:
                found.setdefault(key, []).append(body)
    return found


@pytest.mark.parametrize("there", [False, True], ids=["If-None-Match", "If-Match"])
def test_of_concurrent_conditional_puts_of_a_key_one_wins_and_is_what_is_stored(
    emulator: Emulator, bucket: str, there: bool
) -> None:
    """docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    client = emulator.client("s3")
    tag = ""
    for number in range(KEYS if there else 0):
        tag = client.put_object(Bucket=bucket, Key=str(number), Body=b"before")["ETag"]
    condition: Any = {"IfMatch": tag} if there else {"IfNoneMatch": "*"}
    won = race(lambda key, body: client.put_object(Bucket=bucket, Key=key, Body=body, **condition))
    assert [len(bodies) for bodies in won.values()] == [1] * KEYS
    for key, [body] in won.items():
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == body


@pytest.mark.parametrize(("moto", "winners"), [("unmended", 2), ("mended", 1)])
def test_where_both_writers_meet_between_check_and_write_one_wins_by_the_mend_alone(
    moto: str, winners: int
) -> None:
    command = [sys.executable, "-c", RACE, moto]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) == winners


def multipart(client: Any, bucket: str, key: str) -> dict[str, Any]:
    """Upload the parts of an object; the arguments that complete it."""
    upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"parts")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return {"UploadId": upload, "MultipartUpload": parts}


@pytest.mark.parametrize("way", ["put", "copy", "multipart"])
def test_each_way_of_writing_keeps_its_conditions(emulator: Emulator, bucket: str, way: str) -> None:
    """docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    client: Any = emulator.client("s3")
    client.put_object(Bucket=bucket, Key="source", Body=b"parts")
    write: Any = {"put": client.put_object, "copy": client.copy_object}.get(
        way, client.complete_multipart_upload
    )

    def given(key: str) -> dict[str, Any]:
        given: dict[str, Any] = {"put": {"Body": b"parts"}, "copy": {"CopySource": f"{bucket}/source"}}
        more = given.get(way)
        return {"Bucket": bucket, "Key": key, **(more or multipart(client, bucket, key))}

    assert refusal(write, **given("k"), IfMatch='"any"') == (404, "NoSuchKey")
    first = given("k")
    write(**first, IfNoneMatch="*")
    tag = client.head_object(Bucket=bucket, Key="k")["ETag"]
    assert refusal(write, **given("k"), IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(write, **given("k"), IfMatch='"other"') == (412, "PreconditionFailed")
    write(**given("k"), IfMatch=tag)
    assert refusal(write, **given("k"), IfNoneMatch=tag) == (501, "NotImplemented")


def test_a_retried_complete_of_an_upload_that_was_done_succeeds(emulator: Emulator, bucket: str) -> None:
    client: Any = emulator.client("s3")
    done = multipart(client, bucket, "k")
    for _ in range(2):
        client.complete_multipart_upload(Bucket=bucket, Key="k", **done, IfNoneMatch="*")


def test_a_conditional_delete_is_refused_where_the_object_is_another(emulator: Emulator, bucket: str) -> None:
    """docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html"""
    client: Any = emulator.client("s3")
    tag = client.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert refusal(client.delete_object, Bucket=bucket, Key="k", IfMatch='"other"')[0] == 412
    several = {"Objects": [{"Key": "k", "ETag": '"other"'}]}
    assert refusal(client.delete_objects, Bucket=bucket, Delete=several)[0] == 501
    assert client.head_object(Bucket=bucket, Key="k")["ETag"] == tag
    client.delete_object(Bucket=bucket, Key="k", IfMatch=tag)
    assert refusal(client.delete_object, Bucket=bucket, Key="k", IfMatch="*")[0] == 404


def test_a_put_during_which_the_object_was_deleted_is_a_conflict(emulator: Emulator, bucket: str) -> None:
    """docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    client = emulator.client("s3")
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    place = urlsplit(emulator.endpoint_url)
    head = (
        f"PUT /{bucket}/k HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 5\r\nIf-None-Match: *\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/s3/aws4_request, Signature=x\r\n"
    )
    with socket.create_connection((place.hostname or "", place.port or 0)) as connection:
        connection.sendall(f"{head}\r\n".encode())
        time.sleep(0.3)  # it has begun, and waits for its body
        client.delete_object(Bucket=bucket, Key="k")
        connection.sendall(b"later")
        answer = connection.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 409")
    assert "<Code>ConditionalRequestConflict</Code>" in answer
    client.put_object(Bucket=bucket, Key="k", Body=b"again", IfNoneMatch="*")


def test_another_s3_is_refused_with_the_version_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "DIGEST", "of another source")
    with pytest.raises(LocalError, match=r"another S3.*install moto==5\.2\.5"):
        patch.patch()
