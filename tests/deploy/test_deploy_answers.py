"""The first deployment's questions, and the file that keeps their answers."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_lab import Lab, client

from threeways.errors import UsageError
from threeways.ops.deploy import answers, parameters
from threeways.ops.deploy.answers import Answers

pytestmark = pytest.mark.exhaustive

pytest_plugins = ["deploy_fixtures"]


class Person:
    """Answers questions in order; "" takes the default."""

    def __init__(self, *words: str) -> None:
        self.words: Iterator[str] = iter(words)
        self.questions: list[tuple[str, str]] = []

    def __call__(self, question: str, default: str) -> str:
        self.questions.append((question, default))
        return next(self.words)


def test_the_first_deployment_asks_and_the_next_one_does_not(lab: Lab) -> None:
    person = Person("city-rides", "", "", "ON_DEMAND", "")
    lab.deploy(ask=person, stack=None)
    assert next(person.words, None) is None
    said = tomllib.loads(lab.answers_file.read_text())["default"]
    assert said["global"]["parameters"] == {"stack_name": "city-rides", "region": "us-east-1"}
    assert 'StreamMode="ON_DEMAND"' in said["deploy"]["parameters"]["parameter_overrides"]
    lab.deploy(ask=Person(), stack=None)
    [stack] = client("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackName"] == "city-rides"
    assert lab.tools.given[-1]["StreamMode"] == "ON_DEMAND"
    assert lab.tools.given[-1]["Architecture"] == "x86_64"


def test_an_answer_that_cannot_be_used_is_asked_for_again_saying_why() -> None:
    person = Person("my_stack", "mine", "moon", "eu-west-1", "arm64", "", "none", "3", "")
    got = answers.guided(person, "us-east-1", "x86_64", parameters.template())
    assert got == Answers(
        "mine", "eu-west-1", {"Architecture": "arm64", "StreamMode": "PROVISIONED", "ShardCount": "3"}
    )
    asked = [question for question, _ in person.questions]
    assert "no stack's name" in asked[1]
    assert "no AWS region" in asked[3]
    assert "give a number" in asked[7]


def test_answers_come_back_as_they_were_kept(tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    assert answers.load(file) is None
    kept = Answers("mine", "eu-west-1", {"ShardCount": "3", "KmsKeyArn": ""}, "a/b")
    assert answers.save(kept, file) is None
    assert answers.load(file) == kept
    assert answers.save(Answers("other", "eu-west-1"), file) is None
    assert answers.load(file) == Answers("other", "eu-west-1")


def test_a_file_of_somebody_else_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    theirs = 'version = 0.1\n[default.deploy.parameters]\nstack_name = "s"\n'
    file.write_text(theirs + "parameter_overrides = \"ShardCount=2 StreamMode='PROVISIONED'\"\n")
    before = file.read_text()
    assert answers.load(file) == Answers("s", "", {"ShardCount": "2", "StreamMode": "PROVISIONED"})
    assert answers.save(Answers("other", "eu-west-1"), file)
    assert file.read_text() == before


@pytest.mark.parametrize(
    "text", ["not toml", "version = 0.1", '[default.deploy.parameters]\nstack_name = "_"']
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "samconfig.toml").write_text(text)
    with pytest.raises(UsageError, match=r"samconfig.toml|no stack's name"):
        answers.load(tmp_path / "samconfig.toml")


def test_another_stack_does_not_get_this_one_s_answers(lab: Lab) -> None:
    lab.deploy(parameters="ShardCount=2")
    lab.deploy(stack="other", parameters="InputStreamName=a OutputStreamName=b", yes=True)
    assert lab.tools.given[-1]["ShardCount"] == "1"
