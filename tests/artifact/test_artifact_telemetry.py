"""What onnxruntime would tell its maker, as its builds for Linux do since 1.29, it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_training import Training

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[2]
LOAD = """
import sys
from pathlib import Path
import numpy as np
from threeways import artifact
model = artifact.load(Path(sys.argv[1]), runtime="onnx")
assert model.predict(np.zeros((1, model.width))).shape == (1,)
"""


def test_serving_by_onnx_leaves_no_identifier_and_no_queue_of_events(
    training: Training, tmp_path: Path
) -> None:
    """Both would be under the home folder; without `forbid_telemetry` they are."""
    nowhere = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }  # should this ever fail
    # It is silent on what looks like a build server anyway: this environment must not look so.
    given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **nowhere}
    command = [sys.executable, "-B", "-c", LOAD, str(training.report.model.folder)]
    subprocess.run(command, env=given, check=True, cwd=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
