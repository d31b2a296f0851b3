"""Artifacts of 1 to 200 MB: from the emulated S3 to a loaded model, in a new process with an empty cache."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import models
from benchmarks.measure import Measure, cost, in_turn, timed
from benchmarks.start import HERE, ROOT
from threeways.emulator.child import bare_environment
from threeways.emulator.server import Emulator

MEGABYTES = (1, 10, 50, 200)
TREE_MB = 5.1
"""What a tree on all of the city's rides takes."""
BUCKET = "bench"


def measures(folder: Path, rounds: int, sizes: Sequence[int] = MEGABYTES) -> list[Measure]:
    """Seconds by size, the interpreter and its imports included. folder: for the artifacts."""
    from threeways import artifact

    rides, found = models.training(), []
    with Emulator() as emulator:
        s3 = emulator.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for megabytes in sizes:
            path = grown(folder / f"forest-{megabytes}", rides, megabytes)
            files = [file for file in path.rglob("*") if file.is_file()]
            for file in files:
                s3.upload_file(str(file), BUCKET, f"{megabytes}/{file.relative_to(path)}")
            real = sum(file.stat().st_size for file in files) / 1e6
            sides = {
                side: timed(
                    _fetching(side, f"s3://{BUCKET}/{megabytes}", artifact.digest(path), emulator, folder)
                )
                for side in ("ours", "usual")
            }
            what = (
                f"artifact of {real:.0f} MB, from S3 to loaded in a new process (ours verifies it), seconds"
            )
            found.append(cost(what, in_turn(sides, rounds), None))
    return found


def grown(folder: Path, rides: Any, megabytes: int) -> Path:
    """A forest that takes so much on disk: one tree, as large as it gets, so many times."""
    from sklearn.ensemble import RandomForestRegressor

    some = slice(max(100, int(len(rides.target) * min(1.0, megabytes / TREE_MB))))
    fitted = RandomForestRegressor(n_estimators=1, random_state=0).fit(rides.block[some], rides.target[some])
    fitted.n_estimators = max(1, round(megabytes / TREE_MB))
    fitted.estimators_ = [copy.deepcopy(fitted.estimators_[0]) for _ in range(fitted.n_estimators)]
    return models.saved(fitted, folder, rides.block[:1])


def _fetching(side: str, location: str, sha256: str, emulator: Emulator, folder: Path) -> Any:
    given = bare_environment() | emulator.environment() | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    given["MLFLOW_S3_ENDPOINT_URL"] = emulator.endpoint_url

    def fetch() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as empty:
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, str(HERE / "fetching.py"), side, location, sha256],
                env=given | {"TMPDIR": empty, "HOME": empty}, check=True, cwd=empty,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip

    return fetch
