"""The pointer object: read within its bounds, written only in place of what was read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import msgspec
import pytest
from botocore.config import Config
from follow_lab import Life, at_once, nothing, pointer_to

from threeways.errors import PointerMoved, PointerRefused, PointerUnreachable, SettingsError
from threeways.lifecycle.pointer import MOST_BYTES, PointerStore, encode, parse, place_of, without_previous

POINTER = pointer_to("s3://models/7", "a" * 64, "7")
SOUND = encode(POINTER)
ONCE = Config(read_timeout=1, retries={"total_max_attempts": 1})

pytest_plugins = ["follow_fixtures"]


def test_a_pointer_is_read_as_it_was_written(life: Life) -> None:
    whole = msgspec.structs.replace(POINTER, previous=without_previous(POINTER))
    written = life.store.write(whole, nothing())
    assert life.store.read() == written
    assert life.store.read_unless(written.etag) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (SOUND[: len(SOUND) // 2], "truncated"),
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"null", "Expected `object`"),
        (b"{}", "missing required field `location`"),
        (b"[" * 200_000, "array"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
        (SOUND.replace(b'"format": 1', b'"format": 2'), "format"),
        (SOUND.replace(b"s3://models/7", b"/etc/passwd"), "location"),
        (SOUND.replace(b"aaaa", b"AAAA"), "sha256"),
        (SOUND.replace(b'"version": "7"', b'"version": "7\\n8"'), "version"),
        (SOUND.replace(b'"7"', b'"' + b"7" * 10_000 + b'"'), "version"),
        (SOUND.replace(b'Z"', b'"'), "offset from UTC"),
        (SOUND.replace(b'"previous": null', b'"previous": {"format": 1}'), "previous"),
        (SOUND + b" " * MOST_BYTES, "over the"),
    ],
)
def test_what_is_no_pointer_is_refused_with_the_field_and_the_mend(content: bytes, why: str) -> None:
    with pytest.raises(PointerRefused, match=why) as told:
        parse(content, "s3://b/champion.json")
    assert "make promote" in str(told.value)


def test_a_huge_pointer_is_refused_before_it_is_read(life: Life) -> None:
    life.put(b" " * (2 * 2**20))
    began = time.monotonic()
    with pytest.raises(PointerRefused, match="2097152 bytes") as told:
        life.store.read()
    assert time.monotonic() - began < 1
    assert told.value.etag  # so that it is not asked for again until it changes


def test_of_two_who_write_at_once_one_wins_and_the_other_is_told_by_whom(life: Life) -> None:
    held = life.store.write(POINTER, nothing())
    writers = [
        (lambda by=by: life.store.write(msgspec.structs.replace(POINTER, by=by), held))
        for by in ("ann", "bob", "eve")
    ]
    told = at_once(writers)
    lost = [one for one in told if isinstance(one, PointerMoved)]
    [won] = [one for one in told if not isinstance(one, Exception)]
    assert len(lost) == 2
    for one in lost:
        assert f"promoted by {won.pointer.by} at {POINTER.at:%Y-%m-%d %H:%M:%S} UTC" in str(one)
    assert life.store.read() == won


def test_the_first_pointer_is_written_once(life: Life) -> None:
    told = at_once([lambda: life.store.write(POINTER, nothing())] * 2)
    # the same pointer: for each it is as it wanted it
    assert not [one for one in told if isinstance(one, Exception)]
    other = msgspec.structs.replace(POINTER, version="8")
    with pytest.raises(PointerMoved, match="version 7"):
        life.store.write(other, nothing())


def test_a_pointer_that_was_deleted_meanwhile_is_not_written(life: Life) -> None:
    held = life.store.write(POINTER, nothing())
    life.s3.delete_object(Bucket=life.bucket, Key="champion.json")
    assert life.store.read() == nothing()
    with pytest.raises(PointerMoved, match="deleted meanwhile"):
        life.store.write(POINTER, held)


@contextmanager
def dripping(every: float) -> Iterator[str]:
    """S3 that answers at once, and then sends a byte every so many seconds."""
    server = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: %d\r\n\r\n' % len(SOUND))
            for byte in SOUND:
                if ended.wait(every):
                    return
                connection.sendall(bytes([byte]))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        ended.set()
        thread.join()
        server.close()


def test_a_pointer_that_drips_in_is_given_up() -> None:
    with dripping(0.05) as url:
        client = boto3.client("s3", endpoint_url=url, config=ONCE)
        began = time.monotonic()
        with pytest.raises(PointerUnreachable, match=r"within 0\.3 s"):
            PointerStore(client, "s3://b/champion.json", seconds=0.3).read()
        assert time.monotonic() - began < 1


def test_a_pointer_that_cannot_be_read_says_what_to_mend(life: Life) -> None:
    nobody = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=ONCE)
    with pytest.raises(PointerUnreachable, match="cannot be reached"):
        PointerStore(nobody, life.place).read()
    with pytest.raises(PointerUnreachable, match="correct the bucket's name"):
        PointerStore(life.s3, "s3://no-such-bucket/champion.json").read()


@pytest.mark.parametrize(
    "location", ["", "champion.json", "s3://b", "s3://b/", "s3://b/models/", "https://b/c"]
)
def test_what_names_no_object_is_no_pointer(location: str) -> None:
    with pytest.raises(SettingsError, match="s3://bucket/champion"):
        place_of(location)
