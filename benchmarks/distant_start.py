"""Cold start with the artifact on S3, 30 ms and TLS away: over few connections, and over one a file.

On one core, where the system can bind a process to one: a function of less than 1,769 MB has no more.
docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.distant import HOST, PREFIX
from benchmarks.measure import Measure, cost, in_turn
from benchmarks.start import HERE, NAMES, Started, answering
from threeways.local.child import Child, bare_environment

SECONDS = 0.03
"""To an answer's first byte; an assumption, of the order that is met from the same region."""
WAYS = {"ours": "lambda_function", "usual": "many_connections_lambda"}


@contextmanager
def distant(artifact: Path, folder: Path, seconds: float = SECONDS) -> Iterator[dict[str, str]]:
    """What names that S3 and its artifact to a function. folder: for the certificates to trust."""
    import botocore

    own, every = folder / "own.pem", folder / "every.pem"
    child = Child(
        str(HERE / "distant.py"), [str(artifact), str(seconds), str(own)], bare_environment(),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"https://{HOST}:{int(child.output.readline())}"
        every.write_bytes(Path(botocore.__file__).with_name("cacert.pem").read_bytes() + own.read_bytes())
        yield {
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_CA_BUNDLE": str(every),  # as long as the one that is read for the real S3
            "MODEL_LOCATION": f"s3://bench/{PREFIX}",
        }
    finally:
        child.kill()
        child.output.close()


@contextmanager
def one_core() -> Iterator[None]:
    """What is started within is bound to one core, on Linux."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def measures(artifact: Path, event: Path, folder: Path, rounds: int) -> list[Measure]:
    """Seconds to the first batch answered, for both runtimes, with an empty cache each time."""
    found = []
    with answering() as url, distant(artifact, folder) as given, one_core():

        def started(side: str, module: str) -> float:
            with (
                tempfile.TemporaryDirectory(dir=folder) as empty,
                Started(side, artifact, url, event, module, given | {"TMPDIR": empty}) as process,
            ):
                return process.seconds

        for side, name in NAMES.items():
            ways = {way: lambda module=module: started(side, module) for way, module in WAYS.items()}  # noqa: B023 - used within the loop
            where = f"S3, {1000 * SECONDS:.0f} ms away, one core (usual: a connection a file)"
            found.append(cost(f"cold start, seconds, from {where}, {name}", in_turn(ways, rounds), None))
    return found
