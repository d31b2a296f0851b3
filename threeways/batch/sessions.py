"""What a database's session is told once it is open, so that each value of a row comes in, however odd."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

_TEXTS = ("text", "varchar", "bpchar", "name", '"char"', 0)
"""PostgreSQL's types of text; 0 stands for those that the driver does not know, such as an enum's."""
_NO_ENCODING = "SQL_ASCII"
"""PostgreSQL keeps any bytes then (postgresql.org/docs/current/multibyte.html); here they are UTF-8."""


def prepare(engine: sa.Engine, zone: str) -> None:
    """Set each session of the engine up before SQLAlchemy asks it anything. zone: the clock of times."""
    told: Any = {"sqlite": _sqlite, "postgresql": partial(_postgresql, zone=zone)}[engine.dialect.name]
    sa.event.listen(engine, "connect", told, insert=True)


def raw_text(connection: sa.Connection, text: str) -> sa.ColumnElement[Any]:
    """Return a text of the database as a query takes it: its bytes may be no text of any encoding."""
    if connection.dialect.name == "sqlite":
        # Joined to nothing, it has no affinity, so that a column's index serves (sqlite.org/datatype3.html).
        return sa.cast(sa.literal(text.encode(errors="surrogateescape")), sa.Text).op("||")(sa.text("''"))
    raw = sa.literal(text.encode(encoding(connection).codec, "surrogateescape"))
    return sa.func.convert_from(raw, sa.func.current_setting("server_encoding"))


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which texts a database holds. codec: Python's name of its encoding. nul: whether one may have a NUL."""

    codec: str
    nul: bool

    def lacking(self, text: str) -> str | None:
        """Return what of a text can't be kept, in words."""
        try:
            text.encode(self.codec)
        except UnicodeEncodeError:
            return f"character beyond {self.codec}"
        return None if self.nul or "\0" not in text else "NUL"

    def fitted(self, value: Any) -> Any:
        """Return a value of a row; in a text with escapes for the characters that the encoding lacks."""
        if type(value) is not str:
            return value
        return value.encode(self.codec, "backslashreplace").decode(self.codec)


def encoding(connection: sa.Connection) -> Encoding:
    """Return the encoding of the database that a session is in."""
    driver: Any = connection.connection.driver_connection
    is_sqlite = connection.dialect.name == "sqlite"
    return Encoding("utf-8" if is_sqlite else _codec(driver), nul=is_sqlite)


def _sqlite(connection: Any, _record: object) -> None:
    # A text that is no UTF-8 must not cost its chunk the other rows.
    connection.text_factory = lambda text: str(text, "utf-8", "surrogateescape")
    connection.execute("PRAGMA busy_timeout = 30000")


def _postgresql(connection: Any, _record: object, *, zone: str) -> None:
    """Return the clock of the task's times, and texts in the server's own encoding.

    Not by `options`, which RDS Proxy and PgBouncer refuse and which may be the user's
    (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html, pgbouncer.org/config.html).
    """
    encoding = connection.info.parameter_status("server_encoding")
    connection.autocommit = True
    connection.execute("SELECT set_config('TimeZone', %s, false)", (zone,))
    connection.execute(f"SET client_encoding = '{encoding}'")
    connection.autocommit = False
    if encoding != "UTF8":  # in which the server has no text that is none
        for kind in _TEXTS:
            connection.adapters.register_loader(kind, _forgiving(_codec(connection)))


def _codec(driver: Any) -> str:
    none = driver.info.parameter_status("server_encoding") == _NO_ENCODING
    encoding: str = "utf-8" if none else driver.info.encoding
    return encoding


def _forgiving(encoding: str) -> type[Any]:
    from psycopg.adapt import Loader

    class Text(Loader):
        """A text of the encoding; what is none keeps its bytes as surrogates, as SQLite's do."""

        def load(self, data: Any) -> str:
            return str(data, encoding, "surrogateescape")

    return Text
