"""What may pass by itself is a failure, exit 1; what was asked wrongly a usage error, exit 2; in one line."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from batch_lab import RIDE, batch, ids, rides

from threeways.batch.chunk import identity
from threeways.errors import BatchError, BatchFailed, DataError

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["postgres_server"]

ROOT = Path(__file__).resolve().parents[2]


def run_in(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A shell script in a mount namespace of its own, with an empty disk of 1 MB at $DISK."""
    unshare = shutil.which("unshare")
    if os.getuid() != 0 or unshare is None:
        pytest.skip("full and read-only disks are NOT tested: mounting one takes root and unshare")
    disk = folder / "disk"
    disk.mkdir()
    mount = (
        f'set -e; DISK={disk}; PYTHON={sys.executable}; mount -t tmpfs -o size=1m none "$DISK"; cd {folder}\n'
    )
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "batch")))
    done = subprocess.run(
        [unshare, "-m", "bash", "-c", mount + script],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "mount:" in done.stderr:
        pytest.skip("full and read-only disks are NOT tested: no mount is allowed here")
    return done


COMMAND = """
import sys, threeways.batch.command as batch
from pathlib import Path
from batch_lab import service
from rich.console import Console
from threeways.cli import app as cli
@cli.app.command()
def job(place: str, local: str) -> None:
    options = batch.Options("sqlite:///rides.db", predictions=place, report=Path(local, "report.html"))
    batch.run(options, service, Console(), Path(local))
sys.argv.insert(1, "job")
cli.main()
"""


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A folder with rides and a `job.py`: the batch command with a quick model."""
    rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(2_000)])
    (tmp_path / "job.py").write_text(COMMAND)
    return tmp_path


@pytest.mark.parametrize(
    ("before", "place", "local", "status", "says"),
    [
        ("head -c 1020k /dev/zero > $DISK/fill", "$DISK", ".", 1, "/disk/predictions_first"),
        ("head -c 990k /dev/zero > $DISK/fill", "sqlite:///$DISK/p.db", ".", 1, "disk"),
        ("head -c 2000k /dev/zero > $DISK/fill || true", "out", "$DISK", 1, "the predictions are there, but"),
        ("mount -o remount,ro $DISK", "$DISK/out", ".", 2, "can't be written to"),
        (
            "mount -o remount,ro $DISK",
            "sqlite:///$DISK/out/p.db",
            ".",
            2,
            "Read-only file system; name another",
        ),
        ("mount -o remount,ro $DISK", "out", "$DISK/new", 2, "the predictions are there, but"),
        ("touch $DISK/file", "$DISK/file/out", ".", 2, "can't be written to"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_in_one_line(
    command: Path, before: str, place: str, local: str, status: int, says: str
) -> None:
    call = f'$PYTHON job.py "{place}" "{local}"'
    done = run_in(command, f"({before}) 2> fill.log\n{call}")
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_commands_in_a_folder_that_is_read_only_say_so_in_one_line(tmp_path: Path) -> None:
    calls = "\n".join(f"$PYTHON -m threeways {name} && exit 9; echo $? >&2" for name in ("train", "batch"))
    done = run_in(tmp_path, f"mount -o remount,ro $DISK; cd $DISK; set +e\n{calls}\nexit 0")
    said = "error: .local: Read-only file system; name another place, or run it where you may write"
    assert done.stderr.splitlines() == [said, "2"] * 2


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, str]:
    return rides(tmp_path / "rides.db", [(1, *RIDE)]), f"sqlite:///{tmp_path / 'p.db'}"


def test_a_locked_database_is_a_failure(places: tuple[str, str], tmp_path: Path) -> None:
    batch(*places)
    holder = sqlite3.connect(tmp_path / "p.db")
    holder.execute("BEGIN IMMEDIATE")

    def impatient(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    sa.event.listen(sa.pool.Pool, "checkout", impatient)
    try:
        with pytest.raises(BatchFailed, match=r"database is locked; check that it is up, unlocked"):
            batch(*places, start="2021-01-01")
    finally:
        sa.event.remove(sa.pool.Pool, "checkout", impatient)
        holder.close()


def test_a_server_that_refuses_a_user_or_has_no_such_database_is_a_usage_error(postgres_server: str) -> None:
    for wrong in (
        postgres_server.replace("/postgres?", "/nowhere?"),
        postgres_server.replace("rides@", "nobody@"),
    ):
        with pytest.raises(DataError, match=r"FATAL.*check the URL"):
            batch(wrong, wrong)


def test_a_server_that_takes_no_more_sessions_is_a_failure(postgres: str) -> None:
    import psycopg

    held = []
    try:
        with suppress(psycopg.OperationalError):
            while True:
                held.append(psycopg.connect(postgres))
        with pytest.raises(BatchFailed, match=r"FATAL: .*check that it is up"):
            batch(postgres, postgres)
    finally:
        for one in held:
            one.close()


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("postgresql://a:***@h1:5432/db#rides", "postgresql+psycopg://b:***@h2/db?host=%2Ftmp#rides", True),
        ("postgresql://a@h/db#rides", "postgresql://a@h/other#rides", False),
        ("postgresql://a@h/db#rides", "postgresql://a@h/db#more.rides", False),
        ("postgresql:///#rides", "postgresql://b@/#rides", False),
        ("sqlite:////a/r.db#rides", "sqlite:////b/r.db#rides", False),
        ("s3://a/x.parquet", "s3://b/x.parquet", False),
    ],
)
def test_a_source_is_its_database_and_table(name: str, other: str, same: bool) -> None:
    assert (identity(name) == identity(other)) is same


def test_a_new_user_and_host_go_on_where_the_old_ones_ended(postgres: str) -> None:
    engine = sa.create_engine(postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE rides (ride_id int PRIMARY KEY, pulocationid int, dolocationid int, "
            "trip_distance float, pickup_datetime timestamp)"
        )
        connection.exec_driver_sql("DO $$ BEGIN CREATE ROLE nightly SUPERUSER LOGIN; EXCEPTION WHEN "
                                   "duplicate_object THEN NULL; END $$")  # fmt: skip
    engine.dispose()
    batch(postgres, postgres)
    again = batch(postgres.replace("rides@", "nightly@"), postgres)
    assert len(again.before) == 1


def test_a_source_that_has_moved_is_the_same_where_the_user_says_so(
    places: tuple[str, str], tmp_path: Path
) -> None:
    batch(*places)
    moved = rides(tmp_path / "moved.db", [(1, *RIDE), (2, *RIDE)])
    with pytest.raises(BatchError, match="or say that it is the same source, SAME_SOURCE=1"):
        batch(moved, places[1])
    batch(moved, places[1], same_source=True, start="2021-01-01")
    assert ids(places[1]) == [1, 2]
    batch(moved, places[1])
    with pytest.raises(BatchError, match="SAME_SOURCE=1"):
        batch(*places)
