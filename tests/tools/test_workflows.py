"""GitHub's workflows, as far as they can be held against this repository; `make validate` does the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text())["jobs"])


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(file).values() for step in job.get("steps", [])]


def test_there_are_two() -> None:
    assert [file.name for file in FILES] == ["ci.yml", "deploy.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_make_target_is_there_and_each_action_is_named_by_a_release(file: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    called = [
        word
        for step in steps(file)
        for line in re.findall(r"make ([^;#\n]+)", step.get("run", ""))
        for word in line.split()
        if "=" not in word
    ]
    assert called
    assert [word for word in called if word not in targets and not word.endswith("/.ready")] == []
    for step in steps(file):
        assert re.fullmatch(r"[a-z-]+/[a-z-]+@v\d+\.\d+\.\d+", step.get("uses", "a/b@v1.2.3"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_may_write_and_only_the_deployment_gets_an_identity(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}
    allowed = {"deploy": {"contents": "read", "id-token": "write"}}
    assert {name: job["permissions"] for name, job in jobs(file).items() if "permissions" in job} == (
        allowed if file.name == "deploy.yml" else {}
    )
    assert "secrets." not in file.read_text(), "there are no long-lived keys"


def test_what_deploys_has_passed_ci_and_what_make_takes_comes_by_the_environment() -> None:
    deploy = jobs(ROOT / ".github" / "workflows" / "deploy.yml")["deploy"]
    assert deploy["needs"] == "ci"
    for step in deploy["steps"]:
        assert "${{" not in step.get("run", ""), "a variable's value would be read as a command"
