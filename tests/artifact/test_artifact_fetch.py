"""Fetching from S3: complete or not at all, once, and never the wrong version."""

from __future__ import annotations

import io
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from artifact_lab import X, fitted, logged, s3_client, upload
from botocore.config import Config
from botocore.response import StreamingBody

from threeways.artifact import digest, fetch, load
from threeways.artifact.fetch import cache
from threeways.errors import (
    ArtifactError,
    ArtifactIncomplete,
    ArtifactMissing,
    ArtifactUnreachable,
    ArtifactUnsupported,
    ArtifactUntrusted,
)

LOCATION = "s3://models/7/model"


@pytest.fixture
def client(new_bucket: Callable[[str], Any]) -> Any:
    return new_bucket("models")


def gets(client: Any) -> list[str]:
    """The keys that the client gets from now on."""
    keys: list[str] = []
    client.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: keys.append(params["Key"])
    )
    return keys


def test_a_fetched_artifact_is_the_one_that_was_uploaded(client: Any, tmp_path: Path) -> None:
    upload(client, logged("forest"), "models", "7/model")
    folder = fetch(LOCATION, lambda: client, tmp_path)
    assert digest(folder) == digest(logged("forest"))
    assert np.array_equal(load(folder, digest(folder)).predict(X), fitted("forest").predict(X))


def test_what_is_unchanged_is_fetched_once(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    client.put_object(Bucket="models", Key="7/model/", Body=b"")  # a console's folder marker
    first = fetch(LOCATION, lambda: client, tmp_path)
    keys = gets(client)
    assert fetch(f"{LOCATION}/", lambda: client, tmp_path) == first
    assert keys == []


def test_what_changed_is_fetched_anew_and_the_old_is_left_to_whoever_loads_it(
    client: Any, tmp_path: Path
) -> None:
    upload(client, logged("linear"), "models", "7/model")
    first = fetch(LOCATION, lambda: client, tmp_path)
    same_size = bytes(reversed((logged("linear") / "model.skops").read_bytes()))
    client.put_object(Bucket="models", Key="7/model/model.skops", Body=same_size)
    second = fetch(LOCATION, lambda: client, tmp_path)
    assert (second / "model.skops").read_bytes() == same_size
    assert digest(first) == digest(logged("linear"))


def test_a_file_that_a_cleaner_took_is_fetched_again(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    folder = fetch(LOCATION, lambda: client, tmp_path)
    (folder / "MLmodel").unlink()
    assert fetch(LOCATION, lambda: client, tmp_path) == folder
    assert digest(folder) == digest(logged("linear"))


def test_a_half_uploaded_artifact_is_refused_and_served_once_it_is_whole(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    client.delete_object(Bucket="models", Key="7/model/model.skops")
    with pytest.raises(ArtifactIncomplete, match=r"model\.skops"):
        load(fetch(LOCATION, lambda: client, tmp_path))
    upload(client, logged("linear"), "models", "7/model")
    assert load(fetch(LOCATION, lambda: client, tmp_path)).input_kind == "block"


def test_an_object_that_changes_under_the_fetch_starts_it_anew(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    once = threading.Lock()
    other = s3_client(client.meta.endpoint_url)

    def change(params: dict[str, Any], **_: Any) -> None:
        if params["Key"].endswith("MLmodel") and once.acquire(blocking=False):
            upload(other, logged("ridge"), "models", "7/model")

    client.meta.events.register("provide-client-params.s3.GetObject", change)
    assert digest(fetch(LOCATION, lambda: client, tmp_path)) == digest(logged("ridge"))


def test_an_object_that_never_rests_is_given_up(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    other = s3_client(client.meta.endpoint_url)

    def change(params: dict[str, Any], **_: Any) -> None:
        other.put_object(Bucket="models", Key=params["Key"], Body=os.urandom(9))

    client.meta.events.register("provide-client-params.s3.GetObject", change)
    with pytest.raises(ArtifactIncomplete, match="keeps changing"):
        fetch(LOCATION, lambda: client, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_body_that_ends_early_is_never_kept(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")

    def cut(parsed: dict[str, Any], **_: Any) -> None:
        short: Any = io.BytesIO(parsed["Body"].read()[:-1])
        length: Any = None  # botocore then has nothing to check the body against
        parsed["Body"] = StreamingBody(short, length)

    client.meta.events.register("after-call.s3.GetObject", cut)
    with pytest.raises(ArtifactIncomplete):
        fetch(LOCATION, lambda: client, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_threads_at_once_get_one_whole_folder(client: Any, tmp_path: Path) -> None:
    upload(client, logged("forest"), "models", "7/model")
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: fetch(LOCATION, lambda: client, tmp_path), range(4)))
    assert [digest(folder) for folder in folders] == [digest(logged("forest"))]
    assert len(list(folders.pop().parent.iterdir())) == 1


def _fetch_in_process(endpoint: str, folder: Path) -> str:
    return digest(fetch(LOCATION, lambda: s3_client(endpoint), folder))


def _die_in_the_midst(endpoint: str, folder: Path) -> None:
    client = s3_client(endpoint)
    client.meta.events.register("after-call.s3.GetObject", lambda **_: os._exit(9))
    fetch(LOCATION, lambda: client, folder)


@pytest.mark.exhaustive
def test_processes_at_once_and_one_that_is_killed_leave_only_whole_folders(
    client: Any, tmp_path: Path
) -> None:
    upload(client, logged("linear"), "models", "7/model")
    spawn = multiprocessing.get_context("spawn")
    killed = spawn.Process(target=_die_in_the_midst, args=(client.meta.endpoint_url, tmp_path))
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    with spawn.Pool(2) as pool:
        found = pool.starmap(_fetch_in_process, [(client.meta.endpoint_url, tmp_path)] * 2)
    assert set(found) == {digest(logged("linear"))}


def test_what_was_not_used_for_long_makes_room(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    old = fetch(LOCATION, lambda: client, tmp_path)
    os.utime(old, (0, 0))
    upload(client, logged("ridge"), "models", "7/model")
    assert fetch(LOCATION, lambda: client, tmp_path) != old
    assert not old.exists()


@pytest.mark.parametrize("key", ["../evil", "a/../../evil", "a//b", "./a", "back\\slash"])
def test_a_key_that_leads_elsewhere_is_refused(client: Any, tmp_path: Path, key: str) -> None:
    upload(client, logged("linear"), "models", "7/model")
    client.put_object(Bucket="models", Key=f"7/model/{key}", Body=b"x")
    if f"7/model/{key}" not in [
        found["Key"] for found in client.list_objects_v2(Bucket="models")["Contents"]
    ]:
        pytest.skip("this S3 keeps no such key")
    with pytest.raises(ArtifactUntrusted, match="outside"):
        fetch(LOCATION, lambda: client, tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_no_bucket_no_artifact_and_no_network_are_told_apart(client: Any, tmp_path: Path) -> None:
    upload(client, logged("linear"), "models", "7/model")
    with pytest.raises(ArtifactMissing, match="s3://nowhere/model: its bucket does not exist"):
        fetch("s3://nowhere/model", lambda: client, tmp_path)
    with pytest.raises(ArtifactMissing, match=r"did you mean s3://models/7/model\?"):
        fetch("s3://models/7", lambda: client, tmp_path)
    with pytest.raises(ArtifactMissing, match="no MLmodel at s3://models/8"):
        fetch("s3://models/8", lambda: client, tmp_path)
    with pytest.raises(ArtifactUnsupported, match="s3://bucket/prefix"):
        fetch("s3:///prefix", lambda: client, tmp_path)
    quick = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    nobody = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=quick)
    with pytest.raises(ArtifactUnreachable, match="cannot be reached"):
        fetch(LOCATION, lambda: nobody, tmp_path)


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        ("AccessDenied", ArtifactUnreachable, "s3:ListBucket"),
        ("SlowDown", ArtifactUnreachable, "SlowDown"),
        ("NoSuchKey", ArtifactMissing, "no such object"),
    ],
)
def test_what_s3_answers_is_told_with_its_mend(
    client: Any, tmp_path: Path, code: str, error: type[ArtifactError], told: str
) -> None:
    from botocore.exceptions import ClientError

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": code}}, "ListObjectsV2")

    client.meta.events.register("before-send.s3.ListObjectsV2", refuse)
    with pytest.raises(error, match=told):
        fetch(LOCATION, lambda: client, tmp_path)


@pytest.mark.parametrize(("name", "value"), [("AWS_ENDPOINT_URL", "localhost:9"), ("AWS_PROFILE", "nobody")])
def test_a_configuration_that_makes_no_client_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(ArtifactUnreachable, match=f"no client for S3: .*{value}.*; check .*{name}"):
        fetch(LOCATION)


def test_a_cache_that_others_can_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = cache.default_folder()
    assert cache.default_folder() == folder
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)
    with pytest.raises(ArtifactUntrusted, match="by others"):
        cache.default_folder()
