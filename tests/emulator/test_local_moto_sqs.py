"""moto's SQS, patched: no message that was acknowledged is lost while others are deleted."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from threeways.emulator import moto_patch, moto_server
from threeways.emulator.patches import sqs as patch
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

ROOT = Path(__file__).parents[2]
RACE = """
import sys
from threeways.emulator.patches import patch_service
if sys.argv[1] == "mended":
    patch_service("sqs")
from moto.sqs.models import Message, Queue
queue = Queue("q", "us-east-1", "123456789012")
def send(name):
    message = Message(name, "x")
    message.mark_sent()
    queue.add_message(message)
    message.mark_received(0)
    return message
first, second = send("first"), send("second")
class WhileTheFirstIsDeleted(set):
    def discard(self, message):
        if message is first:
            queue.delete_message(second.receipt_handle)
            send("sent meanwhile")
queue._pending_messages = WhileTheFirstIsDeleted()
queue.delete_message(first.receipt_handle)
print([message.id for message in queue._messages])
"""


@pytest.fixture
def queue(emulator: Emulator) -> str:
    url: str = emulator.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    return url


def test_messages_that_are_sent_while_others_are_deleted_stay_and_each_is_received_once(
    emulator: Emulator, queue: str
) -> None:
    sqs = emulator.client("sqs")

    def send(writer: int) -> None:
        for number in range(8):
            entries = [{"Id": str(at), "MessageBody": f"{writer}-{number}-{at}"} for at in range(5)]
            assert not sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed")

    def receive(_: int) -> list[str]:
        bodies: list[str] = []
        end = time.monotonic() + 20
        while time.monotonic() < end:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            if not found and senders_done.done():
                break
            bodies += [message["Body"] for message in found]
            done = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(found)]
            if done:
                assert not sqs.delete_message_batch(QueueUrl=queue, Entries=done).get("Failed")
        return bodies

    with ThreadPoolExecutor(8) as pool:
        senders = [pool.submit(send, writer) for writer in range(4)]
        senders_done = pool.submit(lambda: [sender.result() for sender in senders])
        received = [body for bodies in pool.map(receive, range(3)) for body in bodies]
    assert sorted(received) == sorted(f"{w}-{n}-{at}" for w in range(4) for n in range(8) for at in range(5))


def test_a_long_poll_lets_others_in_and_ends_with_what_they_send(emulator: Emulator, queue: str) -> None:
    sqs = emulator.client("sqs")
    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        waiting = pool.submit(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=10)
        time.sleep(0.2)
        sqs.send_message(QueueUrl=queue, MessageBody="now")
        assert time.monotonic() - started < 5, "sending waited for the poll"
        assert [message["Body"] for message in waiting.result()["Messages"]] == ["now"]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("moto", "left"), [("unmended", "['second']"), ("mended", "['sent meanwhile']")])
def test_what_is_deleted_and_sent_while_a_message_is_deleted_stays_so_by_the_mend_alone(
    moto: str, left: str
) -> None:
    command = [sys.executable, "-c", RACE, moto]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == left


def test_each_message_comes_back_in_its_place_when_its_time_is_over(emulator: Emulator, queue: str) -> None:
    sqs = emulator.client("sqs")

    def received(**more: int) -> list[str]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, **more).get("Messages", [])
        receipts.update({message["Body"]: message["ReceiptHandle"] for message in found})
        return [message["Body"] for message in found]

    def counts() -> list[str]:
        held = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        return [held[f"ApproximateNumberOfMessages{which}"] for which in ("", "NotVisible", "Delayed")]

    receipts: dict[str, str] = {}
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    sqs.send_message(QueueUrl=queue, MessageBody="late", DelaySeconds=900)
    time.sleep(0.01)
    assert received() == ["a", "b"]
    sqs.send_message(QueueUrl=queue, MessageBody="c")
    time.sleep(0.01)
    assert counts() == ["1", "2", "1"]
    for body in ("b", "a"):
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=receipts[body], VisibilityTimeout=0)
    time.sleep(0.01)
    assert received(VisibilityTimeout=0) == ["a", "b", "c"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=receipts["b"])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=receipts["b"])  # as on AWS, once more does no harm
    assert received(VisibilityTimeout=0) == ["a", "c"]
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle="none")
    sqs.purge_queue(QueueUrl=queue)
    assert counts() == ["0", "0", "0"]


def test_another_sqs_ends_the_emulator_with_the_version_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "DIGEST", "of another source")
    monkeypatch.setattr(moto_patch, "patch", lambda **_: None)
    said: list[str] = []
    server = moto_server.make_server(shard_limits=False, iterator_seconds=300, give_up=said.append)
    with pytest.raises(LocalError, match="another SQS"):
        server.app.create_app("sqs")
    server.server_close()
    assert "install moto==5.2.5" in said[0]
