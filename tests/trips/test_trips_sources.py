"""Where files are looked for, on disk and over HTTP, and what is said when they are not there."""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from threeways.errors import DataError
from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.reading import read


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has where it is defined
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_a_file_is_read_over_http(server: str, tmp_path: Path) -> None:
    city.month(2021, 1, 30).to_parquet(tmp_path / "green.parquet")
    assert len(read(f"{server}/green.parquet").frame) == 30


def test_an_address_without_a_file_is_said(server: str) -> None:
    with pytest.raises(DataError, match=r"RIDES: http.*/none.parquet can't be read \(HTTP Error 404"):
        read(f"{server}/none.parquet", "RIDES")


def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening, so that connecting is refused
        port = taken.getsockname()[1]
        with pytest.raises(DataError, match="can't be read"):
            read(f"http://127.0.0.1:{port}/a.parquet")


@pytest.mark.parametrize("address", ["http:///a.parquet", "http://127.0.0.1:port/a", "http://[::1/a"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    with pytest.raises(DataError, match="can't be read"):
        read(address)


def test_what_is_not_there_is_named_with_the_variable(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^VALIDATION: there is no file .*none.parquet"):
        read(str(tmp_path / "none.parquet"), "VALIDATION")
    with pytest.raises(DataError, match=r"^DATA: no file matches .*\*.parquet"):
        read(f"{tmp_path}/*.parquet")
    with pytest.raises(DataError, match=r"is a folder; give .*/\*.parquet"):
        read(str(tmp_path))
    with pytest.raises(DataError, match="DATA is empty"):
        read(" , ")
    with pytest.raises(DataError, match=r"gs://bucket/a\.parquet is neither a path nor"):
        read("gs://bucket/a.parquet")
