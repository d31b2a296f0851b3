"""Run the rows of docs/event-source-mapping.md: `python -m tools.compare_emulators moto localstack`.

It prints the page's rows, with what each emulator did. It needs npm and Java, for LocalStack's Kinesis and
DynamoDB, and takes half an hour. `--only TEXT`, once or more, runs the rows that have the text in them.
"""

from __future__ import annotations

import argparse
import signal
import sys

from threeways.errors import LocalError

from . import filters, functions, kinesis, lanes, queues, replies, schedules, settings, sites, stores, tables  # noqa: F401
from .rows import PAGE, PROBES, of_page, run

PATIENCE = {"moto": 3.0, "localstack": 40.0}
"""Seconds: moto's mapping invokes while a record is put, LocalStack's polls once a second."""


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.compare_emulators", description=__doc__)
    parser.add_argument("emulators", nargs="*", choices=[[], *PATIENCE], help="which; both if none")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="rows with this in them")
    parser.add_argument("--at-once", type=int, default=3, help="how many rows run at once")
    asked = parser.parse_args()
    names = asked.emulators or list(PATIENCE)
    page = [one for one in of_page() if not asked.only or any(text in one for text in asked.only)]
    if not page:
        parser.error(f"no row of {PAGE.name} has {' or '.join(asked.only)} in it")
    tried = [one for one in page if one in PROBES]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    server = functions.serve()
    server.start()
    found = {}
    try:
        for name in names:
            with sites.start_of(name, f"http://{server.address}") as endpoint:
                found[name] = run(endpoint, tried, PATIENCE[name], asked.at_once)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        server.end()
    print(f"| AWS's page and behaviour | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}")
    for one in page:
        print(f"| {one} | {' | '.join(found[name].get(one, 'not run') for name in names)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
