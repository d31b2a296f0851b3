"""A database by its SQLAlchemy URL: SQLite and PostgreSQL, their faults in one line, one writer at a time."""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from threeways import disk
from threeways.batch import sessions
from threeways.errors import BatchError, BatchFailed, DataError, DiskFailed
from threeways.masking import masked

_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,
}
_POSTGRESQL = {"08", "40", "53", "57", "58", "XX"}
"""Classes: connection, rollback, resources (a full disk), an operator, the system, the server itself."""
_REFUSED_FOR_NOW = (
    "too many",
    "connection slots",
    "starting up",
    "shutting down",
    "in recovery",
    "not yet",
    "terminating",
)

type Fault = type[BatchError | DataError]

_ESCAPED = "in a password write %40 for @ and %25 for %"


def connect(url: str, variable: str, fault: Fault, zone: str = "UTC") -> sa.Engine:
    """Return an engine for `sqlite:///path` or `postgresql://…`; nothing is opened yet.

    variable: what the user calls it. zone: the clock of a PostgreSQL session, so that naive and aware times
    compare as the task means them. Raises `fault`.
    """
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):  # ValueError: what should be the port is none
        raise fault(
            f"{variable} is no database URL; write sqlite:///path or "
            f"postgresql://user:password@host/database, and {_ESCAPED}"
        ) from None
    if parsed.drivername == "postgres":  # as libpq has it too
        parsed = parsed.set(drivername="postgresql")
    backend, ours = parsed.get_backend_name(), dict[str, Any]()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise fault(f"{variable}={url} is a database that nobody else sees; write sqlite:///path")
    elif backend != "postgresql":
        raise fault(f"{variable}: {backend} is not supported; give SQLite or PostgreSQL, or parquet files")
    else:
        if "@" in f"{parsed.host}{parsed.database}":
            raise fault(f"{variable} is a URL with more than one @; {_ESCAPED}")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        ours["prepare_threshold"] = None  # poolers give each transaction another session
        if "connect_timeout" not in parsed.query:
            ours["connect_timeout"] = 10
    try:
        engine = sa.create_engine(parsed, connect_args=ours)
    except (NoSuchModuleError, ImportError) as error:
        raise fault(f"{variable}: {error}; use postgresql:// and install psycopg") from None
    sessions.prepare(engine, zone)
    return engine


def sqlite_file(url: sa.URL) -> Path | None:
    """Return the absolute path of SQLite's file, also of a URI's; None for another database.

    A URI is `sqlite:///file:events.db?mode=ro&uri=true` (sqlite.org/uri.html).
    """
    if url.get_backend_name() != "sqlite":
        return None
    path = str(url.database)
    if url.query.get("uri") and path.startswith("file:"):
        path = unquote(urlsplit(path).path)
    return Path(path).absolute()


def shown(engine: sa.Engine) -> str:
    """Return the URL without its passwords; a file's path is absolute."""
    url = engine.url
    if path := sqlite_file(url):
        url = sa.URL.create("sqlite", database=str(path))
    return masked(url.set(drivername=engine.dialect.name).render_as_string(hide_password=True))


@contextmanager
def faults(what: str, fault: Fault) -> Iterator[None]:
    """SQLAlchemy's errors inside name `what`: BatchFailed where it may pass by itself, else `fault`."""
    try:
        yield
    except _drivers_errors() as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = " ".join(str(cause).split())[:300]
        told = f"{what}: the database says: {reason}; check"
        kept = "Nothing of this run is kept; run it again"
        if _may_pass(cause):
            raise BatchFailed(f"{told} that it is up, unlocked and has room. {kept}") from None
        raise fault(f"{told} the URL, the permissions and the columns' types. {kept}") from None
    except SQLAlchemyError as error:
        raise fault(f"{what}: {' '.join(str(error).split())[:300]}; check the URL and the table") from None


def _drivers_errors() -> tuple[type[Exception], ...]:
    """Return what a driver raises, by way of SQLAlchemy or, as for COPY, without it."""
    psycopg = sys.modules.get("psycopg")
    return (DBAPIError, sqlite3.Error, *([psycopg.Error] if psycopg else []))


def _may_pass(error: BaseException | None) -> bool:
    """Whether a driver's error tells of a lost, locked or full database, and not of what was asked of it.

    postgresql.org/docs/current/errcodes-appendix.html, sqlite.org/rescode.html
    """
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _SQLITE
    state = getattr(error, "sqlstate", None)
    if state:
        return state[:2] in _POSTGRESQL or state in {"55P03", "25P03", "25P04"}
    # No state: there is no session (any more). What a server says itself as it refuses one is FATAL.
    told = str(error)
    return "FATAL:" not in told or any(words in told for words in _REFUSED_FOR_NOW)


@contextmanager
def alone(connection: sa.Connection) -> Iterator[None]:
    """Hold the predictions database for this run. Raises BatchError where another run holds it.

    It ends with its holder, however that ends: SQLite's is a lock on a file beside the database, PostgreSQL's
    the session's advisory lock (postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
    """
    engine = connection.engine
    busy = f"another batch run is writing to {shown(engine)}; wait for its end, or end it, and run again"
    if path := sqlite_file(engine.url):
        with lock_file(path.with_name(f"{path.name}.lock"), busy):
            yield
        return
    key = int.from_bytes(hashlib.sha256(b"threeways.batch").digest()[:8], "big", signed=True)
    if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
        raise BatchError(busy)
    connection.commit()
    try:
        yield
    finally:
        # A session that is broken has let go of it already.
        if not connection.invalidated and not connection.closed:
            connection.invalidate()


@contextmanager
def lock_file(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock of a file. Raises BatchError with the message `busy` where another process holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        fault = disk.fault_of(error)
        if isinstance(fault, DiskFailed):
            raise fault from None
        raise BatchError(f"{path.parent} can't be written to ({error}); name another place") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BatchError(busy) from None
        yield
