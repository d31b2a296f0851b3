"""`make validate`'s tool, as far as it needs none of its environments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import validate

ROOT = Path(__file__).parents[2]


def test_a_template_that_is_not_there_is_bad_input_before_anything_is_installed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "validate.py"), str(tmp_path / "none.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "none.yaml is not there" in done.stdout
    assert "Setting up" not in done.stdout


@pytest.mark.parametrize(
    "template",
    [validate.OURS[0], *(pytest.param(one, marks=pytest.mark.exhaustive) for one in validate.OURS[1:])],
)
def test_cfn_lint_finds_nothing_in_the_template_not_even_for_information(template: str) -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run(
        [cfn_lint, "--include-checks", "I", "--template", str(ROOT / template)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
