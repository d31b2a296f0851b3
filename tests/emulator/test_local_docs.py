"""docs/event-source-mapping.md is true: its example runs, and the tests it names exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from threeways.emulator.mapping import MappingCounts
from threeways.emulator.mapping.settings import _Event

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "event-source-mapping.md").read_text(encoding="utf-8")
TESTS = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))


def test_the_example_is_executed_as_it_stands(tmp_path: Path) -> None:
    _execute(PAGE, ["shop.py", "conftest.py", "test_shop.py"], tmp_path, "3 passed")


def test_the_example_of_faults_is_executed_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    _execute(page, ["forward.py", "conftest.py", "test_forward.py"], tmp_path, "2 passed")


@pytest.mark.exhaustive
def test_the_example_of_other_sources_is_executed_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "event-sources.md").read_text(encoding="utf-8")
    _execute(page, ["uploads.py", "conftest.py", "test_uploads.py"], tmp_path, "3 passed")


def _execute(page: str, names: list[str], tmp_path: Path, outcome: str) -> None:
    blocks = re.findall(r"<!-- executed: (\S+) -->\n```python\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in blocks] == names
    for name, code in blocks:
        (tmp_path / name).write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcome in done.stdout


def test_every_test_that_the_table_names_exists_with_awss_page_in_its_docstring() -> None:
    names = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(names) > 40
    for name in names:
        found = re.search(rf'^def {name}\((?:.|\n)*?:\n    """(.*)', TESTS, re.MULTILINE)
        assert found, name
        assert found[1].startswith("docs.aws.amazon.com/"), name


def test_every_setting_is_in_the_table() -> None:
    (table,) = re.findall(r"## Settings\n(.*?)\nRefused", PAGE, re.DOTALL)
    settings = {field.name for field in msgspec.structs.fields(_Event)} - {"Stream"}
    assert settings <= set(re.findall(r"`(\w+)", table))


def test_every_metric_is_in_the_table() -> None:
    (table,) = re.findall(r"## Metrics\n(.*?)\n## ", PAGE, re.DOTALL)
    assert set(MappingCounts().metrics()) <= set(re.findall(r"`(\w+)`", table))
