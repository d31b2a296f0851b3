"""`make doctor` as its user sees it: exit status 0, 1 and 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from templates import SEEDED, SOUND

from threeways.emulator.server import Emulator

ROOT = Path(__file__).parents[2]


def doctor(*arguments: str, folder: Path = ROOT, variables: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "threeways", "doctor", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "COLUMNS": "80", **(variables or {})},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_our_own_template_is_the_default_and_clean() -> None:
    assert doctor() == (0, "template.yaml: no findings\n")


def test_findings_are_told_with_line_mend_and_page_and_are_exit_status_1(tmp_path: Path) -> None:
    path = tmp_path / "seeded.yaml"
    path.write_text(SEEDED)
    status, said = doctor("--template", str(path), "--rate", "5000")
    assert status == 1
    assert said.endswith("seeded.yaml: 14 findings\n")
    assert "5,000 records of 1,000 bytes a second need 5 shards" in said
    assert said.count("  Fix: ") == said.count("  See: https://docs.aws.amazon.com/") == 14


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--template", "nowhere.yaml"], "error: --template nowhere.yaml cannot be read"),
        (["--template", "broken.yaml"], "error: broken.yaml cannot be read as a template, line 2"),
        (["--template", "template.yaml", "--stack", "s"], "error: name a --template or a --stack, not both"),
        (["--rate", "-1"], "--rate"),
    ],
)
def test_bad_input_is_one_message_and_exit_status_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "broken.yaml").write_text("Resources: [")
    (tmp_path / "template.yaml").write_text(SOUND)
    status, said = doctor(*arguments, folder=tmp_path)
    assert status == 2
    assert message in said


def test_a_stack_says_first_whose_account_it_reads(emulator: Emulator) -> None:
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "doctors", "ShardCount": 1}}
    template = json.dumps({"Resources": {"Doctors": stream}})
    make: Any = boto3.client
    cloudformation = make("cloudformation", endpoint_url=emulator.endpoint_url)
    cloudformation.create_stack(StackName="doctors", TemplateBody=template)
    status, said = doctor("--stack", "doctors", variables=emulator.environment())
    assert said.startswith(f"Reading doctors from no real account: {emulator.endpoint_url}\n")
    assert (status, "doctors has no event source mapping that reads Kinesis" in said) == (2, True)
