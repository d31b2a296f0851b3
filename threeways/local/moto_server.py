"""The emulator's process: a mended moto behind werkzeug on a free port of 127.0.0.1.

Started by `emulator.Emulator`. The first line of its standard output is JSON: `{"port": …}`, or
`{"error": …}` where it cannot start; all that moto has to say after that goes to standard error.
werkzeug closes each connection after its answer, which costs some 0.3 ms of the 30 of a PutRecords of 500.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from threeways.errors import LocalError
from threeways.local import moto_mend


def make_server(*, shard_limits: bool, iterator_seconds: float) -> Any:
    """A werkzeug server, one thread a connection, bound to a port that the system chose. Not yet serving."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug import serving

    class Quiet(MotoRequestHandler):
        """No line a request: there are hundreds a second."""

        disable_nagle_algorithm = True  # headers and body are two writes

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    moto_mend.mend(shard_limits=shard_limits, iterator_seconds=iterator_seconds)
    app = DomainDispatcherApplication(create_backend_app)
    return serving.make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)


def main() -> int:
    """Serve until killed. Exit status 2 where it cannot."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--shard-limits", action="store_true", help="Shards refuse what AWS's would.")
    parser.add_argument("--iterator-seconds", type=float, default=moto_mend.ITERATOR_SECONDS)
    asked, _ = parser.parse_known_args()
    try:
        server = make_server(shard_limits=asked.shard_limits, iterator_seconds=asked.iterator_seconds)
    except (ImportError, LocalError) as error:
        _announce(error=str(error))
        return 2
    _announce(port=server.server_address[1])
    os.dup2(2, 1)
    server.serve_forever()
    return 0


def _announce(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
