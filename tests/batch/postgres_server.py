"""A real PostgreSQL, where its binaries are."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    here = shutil.which("initdb")
    return found[-1].parent if found else Path(here).parent if here else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server of the session's own, on a socket in its own folder; it will not run as root."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is NOT tested: no initdb here; to run it, apt-get install postgresql")
    user = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if user:
        shutil.chown(folder, "nobody")
    data, log = folder / "data", folder / "log"
    subprocess.run(
        [*user, binaries / "initdb", "-D", data, "-U", "rides", "-A", "trust", "--no-sync"],
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    options = ["-F", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*user, binaries / "postgres", "-D", data, *options], stdout=output, stderr=output, cwd="/"
        )
    try:
        url = f"postgresql://rides@/postgres?host={folder}"
        _wait(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of a database of the test's own."""
    server = sa.make_url(postgres_server)
    engine = sa.create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    name = f"t{time.monotonic_ns()}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield server.set(database=name).render_as_string()
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()
