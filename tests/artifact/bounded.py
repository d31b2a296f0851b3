"""Load files in a process with a limit on its memory, and tell what came of each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from threeways.settings import inherited_environment

MEGABYTES = 600
"""What loading may add to the process; its limit on address space says so to the kernel."""
_CHILD = """
import json, resource, sys, time
from pathlib import Path
from threeways.artifact import load
from threeways.errors import ArtifactError

warm, *folders = map(Path, sys.argv[2:])
load(warm, threads=1) if warm.name else None
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[1]) * 2**20, hard))
for folder in folders:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        load(folder)
        said = ["loaded", ""]
    except ArtifactError as error:
        said = [type(error).__name__, str(error)]
    except BaseException as error:
        said = ["other", repr(error)]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps([*said, time.monotonic() - began, grown]), flush=True)
"""


class Came(NamedTuple):
    """What came of a load. error: the exception's name, or `loaded`. grown: the peak's growth, in MB."""

    error: str
    message: str
    seconds: float
    grown: float


def loaded(folders: Sequence[Path], warm: Path, megabytes: int = MEGABYTES) -> list[Came]:
    """Load artifacts one after the other. warm: a sound one, loaded first, so that libraries are imported."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(megabytes), str(warm), *map(str, folders)],
        env=inherited_environment() | {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    came = [Came(*json.loads(line)) for line in done.stdout.splitlines()]
    assert len(came) == len(folders), (len(came), done.returncode, done.stderr[-2000:])
    return came
