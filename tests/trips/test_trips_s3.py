"""Trips in S3, read from a moto server: the endpoint respected, said, and its faults named."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from threeways.aws import s3_files as s3
from threeways.aws.files import locations
from threeways.emulator.server import Emulator
from threeways.errors import DataError
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.reading import read


@pytest.fixture
def endpoint(emulator: Emulator, new_bucket: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    client = new_bucket("trips")
    for name, rides in (("green-01", 10), ("green-02", 20), ("green-old/green-01", 30), ("yellow-01", 40)):
        file = io.BytesIO()
        city.month(2021, 1, rides).to_parquet(file)
        client.put_object(Bucket="trips", Key=f"2021/{name}.parquet", Body=file.getvalue())
    for key in ("2021/green-03.csv", "2021/.green-04.parquet", "2021/green-old/"):
        client.put_object(Bucket="trips", Key=key, Body=b"no parquet")
    return emulator.endpoint_url


def test_objects_are_read_from_the_endpoint_which_is_said_first(endpoint: str) -> None:
    said: list[str] = []
    trips = read("s3://trips/2021/green-02.parquet", say=said.append)
    assert len(trips.frame) == 20
    assert said == [f"s3://trips/2021/green-02.parquet: from {endpoint}"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("2021/green-*.parquet", ["2021/green-01", "2021/green-02"]),
        ("2021/green-*", ["2021/green-01", "2021/green-02", "2021/green-03.csv"]),
        ("2021/*.parquet", ["2021/green-01", "2021/green-02", "2021/yellow-01"]),
        ("2021/*/green-0[12].parquet", ["2021/green-old/green-01"]),
        ("**/green-?1.parquet", ["2021/green-01", "2021/green-old/green-01"]),
        ("2021/green-old/**", ["2021/green-old/green-01"]),
    ],
)
def test_a_pattern_takes_the_objects_that_it_would_take_on_disk(
    endpoint: str, pattern: str, names: list[str], tmp_path: Path
) -> None:
    found = s3.resolved(f"s3://trips/{pattern}", "DATA", lambda _line: None)
    assert [name.removeprefix("s3://trips/").removesuffix(".parquet") for name in found] == names
    for key in _keys():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        if not key.endswith("/"):
            (tmp_path / key).touch()
    on_disk = locations(f"{tmp_path}/{pattern}", "DATA", lambda _line: None)
    assert [name.replace(f"{tmp_path}/", "s3://trips/") for name in on_disk] == found


def test_a_pattern_reads_its_objects_in_order(endpoint: str) -> None:
    assert [source.rows for source in read("s3://trips/2021/green-*.parquet").sources] == [10, 20]


def _keys() -> list[str]:
    return [item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket="trips")["Contents"]]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://trips/2021/none.parquet", "there is no such object"),
        ("s3://other/2021/none.parquet", "its bucket does not exist"),
        ("s3://other/*.parquet", "its bucket does not exist"),
        ("s3://trips/none-*.parquet", "no object matches"),
        ("s3://trips", "names no object"),
    ],
)
def test_what_is_not_there_is_said(endpoint: str, address: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"^RIDES: .*{said}"):
        read(address, "RIDES")


def test_missing_credentials_are_said(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(DataError, match="there are no AWS credentials"):
        read("s3://trips/2021/green-01.parquet")


def test_a_real_account_is_announced_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    said: list[str] = []
    assert s3.resolved("s3://trips/a.parquet", "DATA", said.append) == [
        "s3://trips/a.parquet"
    ]  # sends nothing
    assert "AWS itself" in said[0]
