"""What the child process costs in which an unpinned artifact is proven: `python -m benchmarks.proof`.

Each round loads each model twice, in new processes that import nothing before: pinned, and not pinned. The
times are the processor's for `artifact.load` and its child, which take turns; imports are included, and the
digest of the pinned one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import growth_artifact, models, tell
from benchmarks.measure import Measure, cost, in_turn
from benchmarks.start import ROOT
from threeways.emulator.child import bare_environment

MOST = 1.2
"""What loading may take of what it takes without the child."""
_LOAD = """
import resource, sys
from pathlib import Path
from threeways import artifact

def spent():
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)

folder, sha256, runtime = Path(sys.argv[1]), sys.argv[2] or None, sys.argv[3]
began = spent()
artifact.load(folder, sha256, runtime)
print(spent() - began)
"""


def measures(trained: Path, folder: Path, rounds: int) -> list[Measure]:
    """Seconds of the taxi's model by both runtimes, and of a forest. folder: for the forest."""
    forest = growth_artifact.grown(folder / "forest", models.training(), 100)
    sides = {
        "the taxi's model by ONNX": (trained, "onnx"),
        "the taxi's model by scikit-learn": (trained, "sklearn"),
        "a forest of 100 MB": (forest, "sklearn"),
    }
    return [
        cost(f"loading {name} unpinned, against pinned, seconds", _timed(path, runtime, rounds), MOST)
        for name, (path, runtime) in sides.items()
    ]


def _timed(artifact_folder: Path, runtime: str, rounds: int) -> dict[str, list[float]]:
    from threeways import artifact

    digest = artifact.digest(artifact_folder)
    given = bare_environment() | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def seconds(sha256: str) -> float:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _LOAD, str(artifact_folder), sha256, runtime],
            env=given, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return float(done.stdout)

    return in_turn({"ours": lambda: seconds(""), "usual": lambda: seconds(digest)}, rounds)


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    os.environ["OMP_NUM_THREADS"] = "1"
    from threeways.training.train import resolve_or_train

    console = Console()
    trained = resolve_or_train(console=console, folder=Path(".local")).folder.resolve()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".local") as place:
        found = measures(trained, Path(place).resolve(), rounds)
    console.print(tell.table(found, "Loading an artifact that is not pinned: usual is the pinned one"))


if __name__ == "__main__":
    main()
