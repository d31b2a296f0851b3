from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from threeways.emulator import endpoint
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

ROOT = Path(__file__).parents[2]
OWNER = """
import sys, time
from threeways.emulator.server import Emulator
with Emulator() as emulator:
    print(emulator.pid, flush=True)
    time.sleep(600)
"""


def test_it_keeps_streams_and_objects(emulator: Emulator, stream: str) -> None:
    answer = emulator.client("kinesis").put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    assert answer["ShardId"] == "shardId-000000000000"
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a/b", Body=b"\x00\xff")
    assert s3.get_object(Bucket="kept", Key="a/b")["Body"].read() == b"\x00\xff"


def test_two_run_beside_each_other(emulator: Emulator, stream: str) -> None:
    with Emulator() as second:
        assert second.endpoint_url != emulator.endpoint_url
        assert stream not in second.client("kinesis").list_streams()["StreamNames"]


def test_closing_frees_its_port_and_ends_its_process(is_gone: Callable[[int], bool]) -> None:
    with Emulator() as running:
        url, pid = running.endpoint_url, running.pid
    running.close()
    assert is_gone(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=2)
    with pytest.raises(LocalError, match="not running"):
        _ = running.endpoint_url


def test_it_dies_with_an_owner_that_is_killed(
    all_die: Callable[..., None], is_gone: Callable[[int], bool]
) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert owner.stdout is not None
    with owner.stdout:
        pid = int(owner.stdout.readline())
        assert not is_gone(pid)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    all_die(pid)


def test_a_ctrl_c_in_the_terminal_does_not_reach_it(emulator: Emulator) -> None:
    assert os.getsid(emulator.pid) == emulator.pid != os.getsid(0)


def test_clients_ignore_the_users_profile_files_and_proxies(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile real]\nendpoint_url = http://127.0.0.1:9\nregion = eu-west-3\n")
    for name, value in {
        "AWS_PROFILE": "real",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": "the-users-own",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    client = endpoint.client_of("s3", emulator.endpoint_url, "us-east-1")
    assert isinstance(client.list_buckets()["Buckets"], list)
    assert client.meta.region_name == "us-east-1"


def test_its_environment_turns_an_sdk_in_a_child_to_it_and_nowhere_else(
    emulator: Emulator, stream: str
) -> None:
    code = "import boto3; print(boto3.client('kinesis').list_streams(Limit=100)['StreamNames'])"
    environment = {**emulator.environment(), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert stream in done.stdout
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull == environment["AWS_CONFIG_FILE"]
