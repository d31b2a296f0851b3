"""Places in S3 as people write them, and what lies there."""

from __future__ import annotations

from typing import Any

import pytest

from threeways.aws.s3 import S3Uri, bucket_and_key, objects, parse, plain


@pytest.mark.parametrize(
    ("location", "uri", "written"),
    [
        ("s3://b", S3Uri("b", ""), "s3://b"),
        ("s3://b/", S3Uri("b", ""), "s3://b"),
        ("s3://b/p/q/", S3Uri("b", "p/q"), "s3://b/p/q"),
        ("s3://b//p", S3Uri("b", "p"), "s3://b/p"),
    ],
)
def test_a_location_is_a_bucket_and_a_prefix_without_slashes_around_it(
    location: str, uri: S3Uri, written: str
) -> None:
    assert parse(location) == uri
    assert str(uri) == written


@pytest.mark.parametrize(
    "location", ["", "s3:", "s3://", "s3:///p", "b/p", "https://b/p", "S3://b", "xs3://b"]
)
def test_what_names_no_bucket_is_no_location(location: str) -> None:
    assert parse(location) is None
    assert bucket_and_key(location) is None


@pytest.mark.parametrize("key", ["a/b.parquet", "a?b=*/[0-9]", "/a//b/", ""])
def test_a_key_stays_as_it_is_to_the_letter(key: str) -> None:
    assert bucket_and_key(f"s3://b/{key}") == ("b", key)


def test_hadoop_s_names_are_of_s3() -> None:
    assert plain("s3a://b/x, S3N://c/y s3://d xs3a://e") == "s3://b/x, s3://c/y s3://d xs3a://e"


def test_all_pages_are_listed_and_the_markers_of_folders_left_out() -> None:
    class Client:
        """Two pages of a listing, the last one empty."""

        def get_paginator(self, name: str) -> Any:
            assert name == "list_objects_v2"
            return self

        def paginate(self, **_: str) -> Any:
            entries = [{"Key": key, "Size": 1, "ETag": key} for key in ("p/", "p/a", "p/b/", "p/c")]
            return iter([{"Contents": entries[:2]}, {"Contents": entries[2:]}, {}])

    client: Any = Client()
    assert [found.key for found in objects(client, "b", "p/")] == ["p/a", "p/c"]
