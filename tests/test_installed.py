"""The installable package: what it needs, what is in it, and that it works where there is no checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from threeways.cli import extras

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIPFILE = (ROOT / "Pipfile").read_text()
INCLUDED: dict[str, str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
PAGE = (ROOT / "docs" / "event-source-mapping.md").read_text()
EXAMPLE = dict(re.findall(r"<!-- executed: (\S+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
"""Somebody's own function and its tests, by the names of their files."""
PLUGIN = "threeways.emulator.pytest_plugin"
THIRD_PARTY = {"boto3", "botocore", "moto", "msgspec", "numpy", "yaml"}


def pipfile(section: str, text: str = PIPFILE) -> set[str]:
    """A category of the Pipfile as pip requirements."""
    found = set()
    for name, asked in tomllib.loads(text).get(section, {}).items():
        given = asked if isinstance(asked, dict) else {}
        chosen = f"[{','.join(given['extras'])}]" if "extras" in given else ""
        found.add(f"{name}{chosen}" + (f"; {given['markers']}" if "markers" in given else ""))
    return found


def test_the_dependencies_and_extras_are_the_pipfile_s() -> None:
    project = PROJECT["project"]
    has = {name: set(lines) for name, lines in project["optional-dependencies"].items()}
    command_line = {"rich", "typer"}
    assert set(project["dependencies"]) == pipfile("packages") | pipfile("sklearn") | command_line
    for name in ("web", "batch", "spark", "monitor"):
        assert has[name] == pipfile(name)
    job, mark, _ = PIPFILE.partition("# tests and quality\n")
    assert mark
    extras_of_it = set[str]().union(*(has[name] for name in ("batch", "train", "local", "pictures")))
    assert extras_of_it | command_line == pipfile("dev-packages", job)
    assert has["all"] == {"three-ways[batch,local,pictures,train,web]"}


def test_each_file_beside_the_package_that_a_command_reads_is_in_the_wheel() -> None:
    read = set()
    for path in (ROOT / "threeways").rglob("*.py"):
        for parts in re.findall(r'\bROOT((?: / "[^"]+")+)', path.read_text()):
            read.add("/".join(re.findall(r'"([^"]+)"', parts)))
    only_in_a_checkout = {
        "samconfig.toml", ".venv-sam/bin/sam", ".venv-localstack/bin/python", "tools/setup_tool.py",
        "integration-test", "integration-test/docker-compose.yaml", "tools", "Dockerfile",
    }  # fmt: skip
    assert read - only_in_a_checkout <= set(INCLUDED)
    for source, target in INCLUDED.items():
        assert (ROOT / source).exists()
        assert target == f"threeways/_project/{source}"


def test_a_package_that_is_not_installed_is_one_line_that_names_the_extra(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mlflow'] = None; from threeways.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: mlflow is not installed: it comes with three-ways[train] or [all]")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("cfnlint.rules", "[local]"),
        ("prometheus_client", "[web]"),
        ("pandas", "[batch], [train]"),
        ("psycopg", "[batch]"),
        ("somebodys_own", None),
        ("threeways.nothing", None),
    ],
)
def test_only_the_packages_of_extras_are_explained(module: str, extra: str | None) -> None:
    told = extras.lacking(module)
    assert (extra in str(told)) if extra else (told is None)


def pytest_in(folder: Path, installed: Path, *chosen: str) -> str:
    """What pytest says of a folder's tests where it finds an installed three-ways, and no other plugin."""
    others = {entry.name for entry in entry_points(group="pytest11")} - {PLUGIN}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"-pno:{name}" for name in others), *chosen, "."],
        cwd=folder, env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(installed)))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that is, for the Python that searches it, an installed three-ways."""
    information = tmp_path / "site" / "three_ways-0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: three-ways\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in PROJECT["project"]["entry-points"]["pytest11"].items()]
    (information / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]))
    return tmp_path / "site"


def test_pytest_finds_the_fixtures_by_itself_once_and_imports_nothing_before_their_use(
    installed: Path,
) -> None:
    theirs = installed.with_name("theirs")
    theirs.mkdir()
    (theirs / "test_theirs.py").write_text(
        "import sys\n\n\ndef test_without(pytestconfig):\n"
        f"    assert pytestconfig.pluginmanager.has_plugin({PLUGIN!r})\n"
        f"    assert not {THIRD_PARTY!r} & sys.modules.keys()\n"
        "    assert 'threeways.emulator.server' not in sys.modules\n\n\n"
        "def test_with(event_source_mapping):\n    assert event_source_mapping(lambda event, _: None)\n"
    )
    assert "2 passed" in pytest_in(theirs, installed)
    (theirs / "conftest.py").write_text(EXAMPLE["conftest.py"])
    assert "1 passed" in pytest_in(theirs, installed, "-k", "without")


@pytest.mark.exhaustive
def test_somebody_s_own_test_passes_with_the_fixture_of_the_installed_package(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, env=bare, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    locked = tmp_path / "constraints.txt"  # the versions that the tests here have
    locked.write_text(run(sys.executable, "-m", "pip", "freeze"))
    run(python, "-m", "pip", "install", "--quiet", "--constraint", locked, f"{ROOT}[local]")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("shop.py", "test_shop.py"):
        (theirs / name).write_text(EXAMPLE[name])
    assert "3 passed" in run(python, "-m", "pytest", "-q", theirs)
    (theirs / "conftest.py").write_text(EXAMPLE["conftest.py"])
    assert "3 passed" in run(python, "-m", "pytest", "-q", theirs)
    assert "three-ways" in run(environment / "bin" / "threeways", "--version")
    assert run(python, "-c", "import threeways; print(threeways.__file__)").startswith(str(environment))
