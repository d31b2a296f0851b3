"""What the golden set costs a cold start, with it and without: `python -m benchmarks.golden`.

Both sides are `starting.py` with our function, in turn, by each runtime: a new process, to its first batch
answered. On a busy machine the smallest of many rounds is told, too: it is what the work itself takes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks import rides
from benchmarks.measure import in_turn
from benchmarks.start import BATCH, Started, answering, written
from threeways.scoring import golden

SIDES = {"onnx": "ours", "sklearn": "sklearn"}


def measured(artifact: Path, folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of cold starts by runtime, with the golden set and without it."""
    bare = Path(shutil.copytree(artifact, folder / "bare"))
    (bare / golden.NAME).unlink()
    text = (bare / "MLmodel").read_text()
    (bare / "MLmodel").write_text(text.replace(f"  golden: {golden.NAME}\n", ""))
    event = written(folder / "event.json", rides.payloads(BATCH))
    with answering() as url:

        def started(side: str, place: Path) -> float:
            with Started(side, place, url, event) as process:
                return process.seconds

        return {
            runtime: in_turn(
                {"with": partial(started, side, artifact), "without": partial(started, side, bare)}, rounds
            )
            for runtime, side in SIDES.items()
        }


def main() -> None:
    """Measure and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--model", type=Path, help="an artifact's folder; default: the registered one")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    console = Console()
    artifact: Path | None = given.model
    if artifact is None:
        from threeways.training.train import resolve_or_train

        artifact = resolve_or_train(console=console, folder=Path(".local")).folder
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        found = measured(artifact.resolve(), Path(place).resolve(), given.rounds)
    for runtime, seconds in found.items():
        told = [
            f"{name} {1000 * of(seconds['with']):.1f} ms with, {1000 * of(seconds['without']):.1f} without, "
            f"{1000 * (of(seconds['with']) - of(seconds['without'])):+.1f}"
            for name, of in (("median", statistics.median), ("least", min))
        ]
        paired = statistics.median(a - b for a, b in zip(seconds["with"], seconds["without"], strict=True))
        console.print(f"{runtime}: {'; '.join(told)}; paired median {1000 * paired:+.1f}", highlight=False)


if __name__ == "__main__":
    main()
