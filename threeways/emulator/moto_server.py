"""The emulator's process: a patched moto served by werkzeug on a free port of 127.0.0.1.

Started by `server.Emulator`. The first line of its standard output is JSON: `{"port": …}`, or `{"error": …}`
if it cannot start; all later output of moto goes to standard error. If it can store no more it ends, with
`{"error": …}` as its last line, since its clients would retry for ever. werkzeug closes each connection after
its answer, which costs some 0.3 ms of the 30 of a PutRecords of 500.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NoReturn

from threeways.emulator import moto_patch
from threeways.emulator.patches import patch_service
from threeways.errors import LocalError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_MANY = {errno.EMFILE, errno.ENFILE}


def make_server(*, shard_limits: bool, iterator_seconds: float, give_up: Callable[[str], object]) -> Any:
    """Return a bound werkzeug server that does not serve yet, with one thread a connection.

    give_up: called with the reason, and how to fix it, if it can store no more.
    """
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug import serving

    class Quiet(MotoRequestHandler):
        """A handler without a log line for each request."""

        disable_nagle_algorithm = True  # headers and body are two writes

        def log_request(self, *_: object) -> None:
            """Log nothing."""

    def create_app(service: Any) -> Any:
        try:
            patch_service(service)
        except LocalError as error:
            give_up(str(error))
            raise
        app = create_backend_app(service)
        app.register_error_handler(OSError, refuse)
        return app

    def refuse(error: OSError) -> NoReturn:
        """Re-raise the error, after `give_up` if nothing can be stored any more."""
        if error.errno in _FULL | _MANY:
            give_up(_explained(error))
        raise error

    moto_patch.patch(shard_limits=shard_limits, iterator_seconds=iterator_seconds)
    _look_up_once()
    app = DomainDispatcherApplication(create_app)
    return serving.make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)


def _look_up_once() -> None:
    """Keep what moto looks up for each request: its modules' folders, and a service's methods."""
    from moto import backends

    responses: Any = importlib.import_module("moto.core.responses")
    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    responses.method_names_from_class = cache(responses.method_names_from_class)


def main() -> int:
    """Serve until killed. Exit status 2 if it cannot start."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--shard-limits", action="store_true", help="Shards refuse what AWS's would.")
    parser.add_argument("--iterator-seconds", type=float, default=moto_patch.ITERATOR_SECONDS)
    asked, _ = parser.parse_known_args()
    give_up = partial(_give_up, os.dup(1))
    try:
        server = make_server(
            shard_limits=asked.shard_limits, iterator_seconds=asked.iterator_seconds, give_up=give_up
        )
    except (ImportError, LocalError) as error:
        _announce(error=str(error))
        return 2
    _announce(port=server.server_address[1])
    os.dup2(2, 1)
    server.serve_forever()
    return 0


def _explained(error: OSError) -> str:
    if error.errno in _MANY:
        return f"{error.strerror}, one a shard: raise `ulimit -n`, or take fewer shards"
    return f"{error.strerror} in {tempfile.gettempdir()}: make room there, or set TMPDIR to another folder"


def _give_up(output: int, why: str) -> NoReturn:
    """End the process at once. output: a duplicate of the original standard output's file descriptor."""
    os.write(output, json.dumps({"error": why}).encode() + b"\n")
    os._exit(1)


def _announce(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
