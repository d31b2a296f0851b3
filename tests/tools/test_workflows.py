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


def test_there_are_three() -> None:
    assert [file.name for file in FILES] == ["audit.yml", "ci.yml", "deploy.yml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_make_target_is_there(file: Path) -> None:
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_action_is_named_by_its_commit_with_the_release_beside_it(file: Path) -> None:
    text = file.read_text()
    for name in re.findall(r"uses: (.*)", text):
        if not name.startswith("./"):
            assert re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", name)
    commits = {*re.findall(r"uses: ([^ ]+)@([0-9a-f]{40})", "".join(one.read_text() for one in FILES))}
    assert len(commits) == len({name for name, _ in commits}), "one action, one release"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_expression_is_part_of_a_command(file: Path) -> None:
    for step in steps(file):
        assert "${{" not in step.get("run", ""), "a variable's value would be read as a command"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_may_write_and_only_the_deployment_gets_an_identity(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}
    allowed = {"deploy": {"id-token": "write"}}
    assert {name: job["permissions"] for name, job in jobs(file).items() if "permissions" in job} == (
        allowed if file.name == "deploy.yml" else {}
    )
    assert "secrets." not in file.read_text(), "there are no long-lived keys"


def test_what_deploys_has_passed_ci_and_installs_and_builds_nothing() -> None:
    found = jobs(ROOT / ".github" / "workflows" / "deploy.yml")
    build, deploy = found["build"], found["deploy"]
    assert (build["needs"], deploy["needs"]) == ("ci", "build")
    assert "environment" not in build, "what installs has neither the variables nor a token"
    commands = [step.get("run", "") for step in deploy["steps"]]
    assert not re.search(
        r"\b(pip|setup|image|checkout|curl|apt|npm)\b", "\n".join(commands).replace("checkout.tar", "")
    )
    assert "actions/checkout" not in str(deploy["steps"]), "it works on what the build made"
    last = deploy["steps"][-1]
    assert last["run"] == "make deploy YES=1"
    assert last["env"]["PIP_NO_INDEX"] == "1"
    assert last["env"]["IMAGE"]


def test_what_is_handed_over_is_held_against_the_digest_that_the_build_told() -> None:
    found = jobs(ROOT / ".github" / "workflows" / "deploy.yml")
    assert found["build"]["outputs"]["digest"] == "${{ steps.handover.outputs.digest }}"
    unpacking = next(step for step in found["deploy"]["steps"] if "tar --extract" in step.get("run", ""))
    assert unpacking["env"]["DIGEST"] == "${{ needs.build.outputs.digest }}"
    checked, extracted = (unpacking["run"].index(word) for word in ('test "$DIGEST"', "tar --extract"))
    assert checked < extracted
    order = [str(step) for step in found["deploy"]["steps"]]
    token = next(number for number, step in enumerate(order) if "configure-aws-credentials" in step)
    assert order.index(str(unpacking)) < token, "nothing is unpacked beside credentials"
