"""The integration test's own parts that need no container engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from threeways.aws.invocation import EXITED, TIMED_OUT
from threeways.emulator.container import error_in

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"batchItemFailures": []}', None),
        (b"null", None),
        (b'{"errorMessage": "no", "errorType": "ValueError", "stackTrace": ["a"]}', "ValueError"),
        (b"Task timed out after 3.00 seconds", TIMED_OUT),
        (b'{"errorType":"Runtime.ExitError","errorMessage":"exit status 3"}', EXITED),
        (b"", EXITED),
    ],
)
def test_errors_are_told_from_answers_though_the_interface_s_emulator_does_not(
    body: bytes, kind: str | None
) -> None:
    found = error_in(body)
    assert (found.type if found else None) == kind


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["--emulator", "mooto"], "give moto, localstack, aws"),
        (["--emulator", "aws"], "FUNCTION=name"),
        (["--image", "three-ways"], "install Docker"),
    ],
)
def test_bad_input_is_refused_with_the_mend(arguments: list[str], mend: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "threeways", "integration-test", *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path), "THREEWAYS_MAKE": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert mend in done.stderr
    assert "Traceback" not in done.stderr
