"""`make deploy`, `make rollback`, `make destroy` from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from threeways.ops.deploy import docker_and_sam
from threeways.ops.deploy.answers import Answers

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as make runs it, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=ROOT,
        env=os.environ | {"THREEWAYS_MAKE": "true"} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_an_engine_it_says_what_to_do(tmp_path: Path) -> None:
    done = run("deploy", "--stack", "rides", "--yes", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "install Docker" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["rollback", "destroy"])
def test_an_account_that_cannot_be_reached_is_one_line(command: str) -> None:
    done = run(command, "--stack", "rides", "--yes")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: the stack rides cannot be looked at: Could not connect to the endpoint"
    )
    assert len(done.stderr.splitlines()) == 1


def test_sam_cli_is_given_every_parameter_and_asks_nothing() -> None:
    command = docker_and_sam.sam_deploy(
        Path("t.json"), Answers("rides", "eu-west-1"), {"A": "1", "Empty": ""}, "account/rides"
    )
    assert command[command.index("--parameter-overrides") + 1 :] == ['A="1"', 'Empty=""']
    for words in (["--stack-name", "rides"], ["--region", "eu-west-1"], ["--capabilities", "CAPABILITY_IAM"]):
        at = command.index(words[0])
        assert command[at : at + 2] == words
    assert "--no-confirm-changeset" in command
    assert "--no-fail-on-empty-changeset" in command
